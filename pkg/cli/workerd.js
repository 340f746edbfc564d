// Where the Workers runtime comes from: the project's own, or one that npm fetches once per user.

import { execFile } from "node:child_process";
import { mkdir, rename, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { COMPATIBILITY_DATE, WORKERD } from "./objects.js";
import { Trouble } from "./trouble.js";

/** Older ones do not know what the worker uses. */
const OLDEST_DATE = "2025-06-01";

/**
 * The program, and the latest date of platform behaviour that it knows of those that are tested.
 * @param {(text: string) => void} tell is told before something is fetched
 * @param {AbortSignal} signal ends the fetching
 * @returns {Promise<{program: string, compatibilityDate: string}>}
 */
export async function findWorkerd(tell, signal) {
  const cache = join(cacheFolder(), `workerd-${WORKERD}`);
  const found = installed(process.cwd()) ?? installed(cache);
  if (found) return found;
  tell(`fetching the Workers runtime (workerd ${WORKERD}, about 40 MB) with npm, once`);
  await fetchInto(cache, signal);
  const fetched = installed(cache);
  if (fetched) return fetched;
  throw new Trouble(`workerd ${WORKERD} has no program for ${process.platform} ${process.arch}`);
}

/** The workerd of a directory's project; wrangler brings one. */
function installed(directory) {
  const require = createRequire(join(directory, "package.json"));
  return load(require) ?? load(within(require, "wrangler"));
}

function within(require, name) {
  try {
    return createRequire(require.resolve(`${name}/package.json`));
  } catch {
    return undefined;
  }
}

function load(require) {
  try {
    const { version } = require("workerd/package.json");
    const [, year, month, day] = /^1\.(\d{4})(\d\d)(\d\d)\./.exec(version);
    const date = `${year}-${month}-${day}`;
    if (date < OLDEST_DATE) return undefined;
    const compatibilityDate = date < COMPATIBILITY_DATE ? date : COMPATIBILITY_DATE;
    return { program: require("workerd").default, compatibilityDate };
  } catch {
    return undefined;
  }
}

function cacheFolder() {
  const { XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  return join(XDG_CACHE_HOME || LOCALAPPDATA || join(homedir(), ".cache"), "edge-credits");
}

async function fetchInto(folder, signal) {
  const partial = `${folder}.${process.pid}`;
  const options = ["--no-save", "--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"];
  try {
    await mkdir(partial, { recursive: true });
    const windows = process.platform === "win32";
    const words = [
      "install",
      ...options,
      "--prefix",
      windows ? `"${partial}"` : partial,
      `workerd@${WORKERD}`,
    ];
    await promisify(execFile)("npm", words, { cwd: partial, shell: windows, signal });
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } catch (error) {
    const why =
      error.code === "ENOENT" ? "npm is not on the PATH" : (error.stderr || error.message).trim();
    throw new Trouble(
      `the Workers runtime could not be fetched: ${why}\n` +
        "Where npm reaches no registry, install wrangler or workerd in this project by other means.",
    );
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}
