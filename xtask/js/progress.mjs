// A bar that fills in place on a terminal; elsewhere a line for each tenth.

const WIDTH = 40;

/** @returns {(done: number) => void} to be called with how many of `total` are done */
export function showProgress(label, total) {
  const terminal = process.stderr.isTTY;
  const step = Math.max(1, Math.floor(total / (terminal ? 200 : 10)));
  return (done) => {
    if (done % step !== 0 && done !== total) return;
    const percent = `${String(Math.floor((done * 100) / total)).padStart(3)} %`;
    const filled = Math.round((done * WIDTH) / total);
    const bar = terminal ? ` ${"█".repeat(filled)}${"░".repeat(WIDTH - filled)}` : "";
    const line = `${label}${bar} ${percent} (${done} of ${total})`;
    const end = !terminal || done === total ? "\n" : "";
    process.stderr.write(`${terminal ? "\r" : ""}${line}${end}`);
  };
}
