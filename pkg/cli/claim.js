// One `dev` per folder: two runtimes over the same ledgers would each believe to be the only one.

import { readFileSync } from "node:fs";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { Trouble } from "./trouble.js";

/**
 * Claims the folder for this process, and for the runtime that it starts: that one may outlive it.
 * @returns {Promise<{share(pid: number): Promise<void>, release(): Promise<void>}>}
 */
export async function claim(folder) {
  const file = join(folder, "running.pid");
  // Twice: the first try may find what a process left that is gone.
  for (const last of [false, true]) {
    try {
      const handle = await open(file, "wx");
      await handle.writeFile(String(process.pid));
      await handle.close();
      return {
        share: (pid) => writeFile(file, `${process.pid} ${pid}`),
        release: () => rm(file, { force: true }),
      };
    } catch (error) {
      if (error.code !== "EEXIST") throw new Trouble(`${file} cannot be written (${error.code})`);
    }
    const holders = (await readFile(file, "utf8").catch(() => "")).split(" ").map(Number);
    const holder = holders.find(alive);
    if (last || holder !== undefined) {
      throw new Trouble(
        `process ${holder ?? holders[0]} runs on ${folder} already: end it, or choose another folder ` +
          `with --data DIR. If it is another program, delete ${file}`,
      );
    }
    await rm(file, { force: true });
  }
}

function alive(pid) {
  try {
    return pid > 0 && process.kill(pid, 0) && !isZombie(pid);
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Ended, and only kept in the table of processes: in containers nobody may ever ask for its status. */
function isZombie(pid) {
  try {
    return readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
  } catch {
    // Not Linux.
    return false;
  }
}
