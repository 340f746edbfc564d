// The folder of `dev`: its key and its ledgers. A folder that was not made here is only taken empty.

import { chmod, mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { makeKey } from "./key.js";
import { Trouble } from "./trouble.js";

/** What marks a folder as one of ours. It opens nothing but that folder's sandbox. */
const KEY_FILE = "key.json";
/** Everything: what it opens is the sandbox of whoever holds the folder. */
const SCOPES = ["admin"];

/**
 * Makes the folder, or finds it.
 * @param {string} folder
 * @returns {Promise<{key: string, entry: object}>} the key that it keeps
 * @throws {Trouble} where the folder is somebody else's, or cannot be written to
 */
export async function openFolder(folder) {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    if ((await readdir(folder)).length === 0) await fill(folder);
  } catch (error) {
    throw new Trouble(
      `${folder} cannot be written to (${error.code}): choose another folder with --data DIR`,
    );
  }
  const kept = await keptKey(folder);
  if (kept) return kept;
  throw new Trouble(
    `${folder} holds other files and no ${KEY_FILE} of \`edge-credits dev\`: nothing in it was ` +
      "touched. Choose an empty folder, or one that is not there, with --data DIR",
  );
}

async function fill(folder) {
  const made = JSON.stringify(makeKey("test", SCOPES));
  for (const [name, text] of [
    [KEY_FILE, made],
    // It holds a key, if only to itself.
    [".gitignore", "*\n"],
  ]) {
    await writeFile(join(folder, name), text, { flag: "wx", mode: 0o600 }).catch((error) => {
      // Another `dev` has made it just now.
      if (error.code !== "EEXIST") throw error;
    });
  }
}

async function keptKey(folder) {
  const file = join(folder, KEY_FILE);
  try {
    const { key, entry } = JSON.parse(await readFile(file, "utf8"));
    if (!/^ce_test_/.test(key) || typeof entry?.sha256 !== "string") return undefined;
    await chmod(file, 0o600);
    return { key, entry: { ...entry, scopes: SCOPES } };
  } catch {
    return undefined;
  }
}
