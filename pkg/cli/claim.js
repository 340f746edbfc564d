// One `dev` per folder: two runtimes over the same ledgers would each believe to be the only one.

import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

import { Trouble } from "./trouble.js";

/**
 * Claims the folder for this process.
 * @returns {Promise<() => Promise<void>>} gives it up again
 */
export async function claim(folder) {
  const file = join(folder, "running.pid");
  // Twice: the first try may find what a process left that is gone.
  for (const last of [false, true]) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return () => rm(file, { force: true });
    } catch (error) {
      if (error.code !== "EEXIST") throw new Trouble(`${file} cannot be written (${error.code})`);
    }
    const holder = Number(await readFile(file, "utf8").catch(() => ""));
    if (last || alive(holder)) {
      throw new Trouble(
        `process ${holder} runs on ${folder} already: end it, or choose another folder with --data DIR. ` +
          `If it is another program, delete ${file}`,
      );
    }
    await rm(file, { force: true });
  }
}

function alive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0);
  } catch (error) {
    return error.code === "EPERM";
  }
}
