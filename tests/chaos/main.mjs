// The program behind `cargo xtask chaos`: `node main.mjs --kills N [--seed S] [--mode MODE]
// [--outage-seconds T]`. Ends with 0 only where the run counts and nothing was violated.

import { randomInt } from "node:crypto";
import { parseArgs } from "node:util";

import { figure, lines, reasonsInvalid } from "./report.mjs";
import { run } from "./run.mjs";

const SHOWN_VIOLATIONS = 20;

const { values } = parseArgs({
  options: {
    kills: { type: "string" },
    seed: { type: "string" },
    mode: { type: "string", default: "cache" },
    "outage-seconds": { type: "string", default: "0" },
  },
});

function number(name, least, most) {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${name} takes a whole number from ${least} to ${most}`);
}

async function main() {
  const { mode } = values;
  if (!["ledger", "cache"].includes(mode)) throw new Error("--mode is ledger or cache");
  const kills = number("kills", 1, 100_000);
  const seed = values.seed === undefined ? randomInt(2 ** 32) : number("seed", 0, 2 ** 32 - 1);
  const outageSeconds = number("outage-seconds", 0, 86_400);
  if (mode === "ledger" && outageSeconds > 0) {
    throw new Error("--outage-seconds needs a cache: in ledger mode nothing accepts meanwhile");
  }
  let world;
  // However this program ends, the runtimes end with it.
  process.on("exit", () => world?.endNow());
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
  const started = Date.now();
  const say = (text) => {
    const seconds = ((Date.now() - started) / 1000).toFixed(1).padStart(7);
    process.stderr.write(`${seconds} s  ${text}\n`);
  };
  say(`${mode} mode, seed ${seed}`);
  const onWorld = (made) => (world = made);
  const figures = await run({ mode, kills, seed, outageSeconds, say, onWorld });
  const { violations, kept } = figures;
  const shown = violations.slice(0, SHOWN_VIOLATIONS);
  for (const { rule, text } of shown) console.log(`${rule}: ${text}`);
  if (violations.length > SHOWN_VIOLATIONS) console.log(`… ${violations.length} violations in all`);
  console.log(lines(figures).join("\n"));
  console.log(figure(figures));
  if (kept) console.log(`the disks and the history are kept in ${kept}`);
  const invalid = reasonsInvalid(figures);
  if (invalid.length > 0) console.log(`INVALID, the run proves nothing: ${invalid.join("; ")}`);
  process.exit(violations.length > 0 || invalid.length > 0 ? 1 : 0);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(2);
});
