// One `dev` per folder: two runtimes over the same ledgers would each believe to be the only one.
//
// Each writes a file of its own into the folder, then looks for those of others. Of two that start at
// once, one at least sees the other: never do both go on. Nobody deletes the file of a living one.

import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { readFile, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { Trouble } from "./trouble.js";

/** `running.PID.RANDOM`. It holds the process id of the runtime, once there is one. */
const NAME = /^running\.(\d+)\.\w+$/;
/** Two that have met try again, each after another time. */
const TRIES = 4;

/**
 * Claims the folder for this process, and for the runtime that it starts: that one may outlive it.
 * @returns {Promise<{share(pid: number): void, release(): void}>} both are done when they return
 */
export async function claim(folder) {
  for (let left = TRIES; ; left -= 1) {
    const name = `running.${process.pid}.${randomBytes(4).toString("hex")}`;
    const file = join(folder, name);
    try {
      writeFileSync(file, "", { flag: "wx", mode: 0o600 });
    } catch (error) {
      throw new Trouble(`${file} cannot be written (${error.code})`);
    }
    const other = await holder(folder, name);
    if (!other) {
      return {
        share: (pid) => writeFileSync(file, String(pid)),
        release: () => rmSync(file, { force: true }),
      };
    }
    rmSync(file, { force: true });
    if (left === 1) {
      throw new Trouble(
        `process ${other.pid} runs on ${folder} already: end it, or choose another folder with ` +
          `--data DIR. If it is another program, delete ${join(folder, other.name)}`,
      );
    }
    await sleep(Math.random() * 100);
  }
}

/** Another's claim whose process or runtime is alive. Those of the dead are deleted. */
async function holder(folder, own) {
  for (const name of await readdir(folder)) {
    const [, maker] = NAME.exec(name) ?? [];
    if (maker === undefined || name === own) continue;
    const file = join(folder, name);
    const runtime = await readFile(file, "utf8").catch(() => "");
    // Another process of this one's number is gone: in containers numbers come again.
    const pids = [Number(maker), Number(runtime)].filter((pid) => pid !== process.pid);
    const pid = pids.find(alive);
    if (pid !== undefined) return { pid, name };
    await rm(file, { force: true });
  }
  return undefined;
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
