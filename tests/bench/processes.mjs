// What a process has used so far. From /proc, so on Linux; elsewhere there is nothing to tell, and
// the columns that would show it hold a dash.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** The kernel counts processor time in hundredths of a second, whatever its own clock does. */
const TICK_US = 10_000;
/** A process that uses less of a core than this has nothing left to do. */
const QUIET_SHARE = 0.1;
const QUIET_WINDOW_MS = 250;

/** Processor time so far, in microseconds. */
export function processorTime(pid) {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return Number.NaN;
  // The name in parentheses may hold spaces; the counters stand at fixed places after it.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_US;
}

/** Memory that is in RAM, in KB. */
export function residentMemory(pid) {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? "");
  return line ? Number(line[1]) : Number.NaN;
}

/**
 * Waits until the processes have nothing left to do, and returns whether they came to that within
 * `patience` milliseconds.
 */
export async function quiet(pids, patience) {
  const end = performance.now() + patience;
  const total = () => pids.reduce((sum, pid) => sum + processorTime(pid), 0);
  for (;;) {
    const [before, from] = [total(), performance.now()];
    await sleep(QUIET_WINDOW_MS);
    const share = (total() - before) / ((performance.now() - from) * 1000);
    // Without figures there is nothing to wait for.
    if (!(share >= QUIET_SHARE)) return true;
    if (performance.now() > end) return false;
  }
}

function read(file) {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return null;
  }
}
