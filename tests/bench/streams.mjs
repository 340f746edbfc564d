// What metering a stream costs: the time that it adds to each chunk, and what is kept in memory along a
// stream of 50 MB, beside the bare stream in the same run.
//
// Each turn is a process of its own, bare and metered in turn. A source gives a chunk when it is asked for
// one, so that the time of a chunk is that of its way through, and nothing waits in between. The ledger
// answers at once. A metered stream that keeps more the longer it is, is a fault.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { fixed, median, quantile, slope, table } from "./figures.mjs";

const run = promisify(execFile);
const CONTESTANTS = ["bare", "metered"];
const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const BYTES = 50e6;
/** Bytes kept for each byte that went by. Anything that kept text would keep a tenth at least. */
const MAX_KEPT = 0.01;

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function streams({ plan, quick, say }) {
  const turns = Object.fromEntries(CONTESTANTS.map((name) => [name, []]));
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const name of CONTESTANTS) turns[name].push(await turn(name, quick));
  }
  const rows = [HEADINGS, ...CONTESTANTS.map((name) => row(name, turns))];
  say("\na chat completion in chunks of 256 bytes, each asked for when the one before has been read");
  for (const line of table(rows)) say(line);
  const added = ["p50", "p99"].map((name) => difference(turns, name));
  say(`added to each chunk: ${added.map((time) => fixed(time, 1)).join(" µs at p50, ")} µs at p99`);
  return turns.metered.flatMap(({ growth, read }) => {
    const faults = read < BYTES ? [`only ${read} bytes went by`] : [];
    if (growth > MAX_KEPT) faults.push(`memory grows by ${fixed(growth, 4)} bytes for each byte`);
    return faults;
  });
}

const HEADINGS = [
  "", "p50 µs", "p99 µs", "MB/s", "kept at 5 MB, MB", "kept at 50 MB, MB", "grows by, bytes per KB", "peak RSS, MB",
];

function row(name, turns) {
  const of = (figure) => median(turns[name].map((turn) => turn[figure]));
  return [
    name,
    fixed(of("p50"), 1),
    fixed(of("p99"), 1),
    fixed(of("speed"), 0),
    fixed(of("early") / 1e6, 2),
    fixed(of("late") / 1e6, 2),
    fixed(of("growth") * 1000, 2),
    fixed(of("rss") / 1e6, 0),
  ];
}

function difference(turns, figure) {
  const of = (name) => median(turns[name].map((turn) => turn[figure]));
  return of("metered") - of("bare");
}

async function turn(contestant, quick) {
  const counts = quick ? { chunks: 5_000, warmUp: 5_000 } : { chunks: 20_000, warmUp: 20_000 };
  const options = JSON.stringify({ contestant, ...counts, bytes: BYTES });
  const program = fileURLToPath(new URL("streams-program.mjs", import.meta.url));
  const args = ["--expose-gc", program, options];
  const { stdout } = await run(process.execPath, args, { cwd: REPOSITORY, maxBuffer: 1e8 });
  const { times, looks, read, seconds } = JSON.parse(stdout);
  const sorted = Float64Array.from(times).sort();
  // The first looks see what was only warming up.
  const settled = looks.slice(1);
  return {
    p50: quantile(sorted, 0.5),
    p99: quantile(sorted, 0.99),
    speed: read / 1e6 / seconds,
    early: settled[0][1],
    late: settled.at(-1)[1],
    growth: slope(settled.map(([x, y]) => [x, y])),
    rss: Math.max(...looks.map(([, , rss]) => rss)),
    read,
  };
}
