// What reporting usage costs: signals per second through the client's buffer and memory per signal that
// waits, beside a plain loop of awaited fetches, against one local server that answers each at once.
//
// Every contestant has a process of its own, and they take turns. The loop has no retries, keys or hooks, and
// its caller waits for each answer; the buffer's caller waits for none.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { promisify } from "node:util";

import { makeProject } from "../runtimes/project.mjs";
import { fixed, median, table } from "./figures.mjs";

const run = promisify(execFile);
const CONTESTANTS = {
  loop: "a loop of awaited fetches",
  public: "the buffer, one by one (the public API)",
  ours: "the buffer, together (a server of ours)",
};
/** Signals of a turn; and that wait at once when memory is measured. */
const SIGNALS = { full: 4_000, quick: 1_000 };
const WAITING = 10_000;

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function signals({ plan, say, quick }) {
  const program = await readFile(new URL("signals-program.mjs", import.meta.url), "utf8");
  const manifest = JSON.stringify({ name: "bench", private: true, type: "module" });
  const project = await makeProject({
    files: { "package.json": manifest, "program.mjs": program },
  });
  const server = await startServer();
  const count = quick ? SIGNALS.quick : SIGNALS.full;
  const measure = async (options) => {
    const given = JSON.stringify({ url: server.url(options.contestant), ...options });
    const node = ["--expose-gc", `${project.directory}/program.mjs`, given];
    const before = server.seen();
    const { stdout } = await run(process.execPath, node, { cwd: project.directory });
    const after = server.seen();
    return {
      ...JSON.parse(stdout),
      arrived: after.signals - before.signals,
      requests: after.requests - before.requests,
    };
  };
  const faults = [];
  try {
    const turns = Object.fromEntries(Object.keys(CONTESTANTS).map((name) => [name, []]));
    for (let round = 0; round < plan.rounds; round += 1) {
      for (const contestant of Object.keys(CONTESTANTS)) {
        const turn = await measure({ contestant, what: "throughput", count });
        if (turn.arrived !== count)
          faults.push(`${contestant}: ${turn.arrived} of ${count} arrived`);
        turns[contestant].push(turn);
      }
    }
    const { bytes, body } = await measure({ contestant: "ours", what: "memory", count: WAITING });
    say(`\n${count} signals a turn, tracked at once and flushed`);
    for (const line of table(rowsOf(turns))) say(line);
    say(
      `memory per signal that waits: ${fixed(bytes, 0)} bytes, its body of ${body} among them ` +
        `(${WAITING} at once; heap and module, after collection)`,
    );
  } finally {
    server.close();
    await project.remove();
  }
  return faults;
}

function rowsOf(turns) {
  const rows = [["", "signals/s", "× the loop", "µs a call keeps its caller", "requests"]];
  const rate = (name) => median(turns[name].map(({ perSecond }) => perSecond));
  for (const [name, title] of Object.entries(CONTESTANTS)) {
    rows.push([
      title,
      fixed(rate(name), 0),
      fixed(rate(name) / rate("loop"), 1),
      fixed(median(turns[name].map(({ callMicros }) => callMicros)), 1),
      String(turns[name].at(-1).requests),
    ]);
  }
  return rows;
}

/** Answers at once, in the API's envelope; counts what arrives. */
async function startServer() {
  const seen = { signals: 0, requests: 0 };
  const usageLog = {
    id: "log_1",
    type: "wallet",
    model: "gpt-4o",
    creditsUsed: 1,
    duplicate: false,
  };
  const enveloped = (result) => ({
    statusCode: 200,
    statusDetail: { status: "SUCCESS", message: "ok" },
    result,
  });
  const one = JSON.stringify(enveloped({ usageLog }));
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { signals } = JSON.parse(Buffer.concat(chunks));
    seen.requests += 1;
    seen.signals += signals?.length ?? 1;
    const headers = { "content-type": "application/json" };
    if (request.url.startsWith("/ours")) headers["x-edge-credits"] = "bench";
    const results = signals?.map(() => enveloped({ usageLog }));
    response.writeHead(200, headers).end(signals ? JSON.stringify(enveloped({ results })) : one);
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: (contestant) => `http://127.0.0.1:${server.address().port}/${contestant}`,
    seen: () => ({ ...seen }),
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
