// The client that keeps balances in memory, in Node: time per call beside the same call without
// state, to an API near and far.

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

import { makeProject } from "../runtimes/project.mjs";
import { CREDITS, DISTANCE_MS, provide, startApi } from "./contestants.mjs";
import { fixed, quantile, table } from "./figures.mjs";

const run = promisify(execFile);

/** What DESIGN asks of a call that is answered from memory. */
const ROOM_MS = 1;
const CUSTOMER = "hot";
/** Without state each call is a round trip, and fewer say enough. */
const CALLS = { memory: 2_000, near: 500, far: 40 };

/** @returns {Promise<string[]>} what went wrong, as sentences */
export async function inMemory({ load, say }) {
  const program = await readFile(new URL("in-memory-program.mjs", import.meta.url), "utf8");
  const manifest = JSON.stringify({ name: "bench", private: true, type: "module" });
  const files = { "package.json": manifest, "program.mjs": program };
  const project = await makeProject({ files });
  const [api, distant] = await startApi();
  try {
    await provide(load, api, 1);
    const measure = async (mode, { port, key }, calls) => {
      const baseUrl = `http://127.0.0.1:${port}`;
      const options = { apiKey: key, baseUrl, mode, calls, customer: CUSTOMER };
      const node = [`${project.directory}/program.mjs`, JSON.stringify(options)];
      const { stdout } = await run(process.execPath, node, { cwd: project.directory });
      return JSON.parse(stdout);
    };
    const near = await measure("stateless", api, CALLS.near);
    const far = await measure("stateless", distant, CALLS.far);
    const before = await balance(api);
    const memory = await measure("persistent", distant, CALLS.memory);
    if (memory.source !== "edge-cache") {
      return [`in memory: not available in this build (it answers as ${memory.source})`];
    }
    say("\nthe client in Node, each call awaited before the next");
    for (const line of table(rowsOf({ memory, near, far }))) say(line);
    say(
      `${memory.pending} charges were on their way when the last call was answered; destroy() ` +
        `waited ${fixed(memory.draining, 0)} ms for them`,
    );
    return faultsOf(memory, before - (await balance(api)));
  } finally {
    await project.remove();
    await distant.stop();
    await api.stop();
  }
}

function faultsOf(memory, spent) {
  const faults = memory.errors.map((error) => `in memory: ${error}`);
  const charges = memory.times.consume.length + memory.times.consumeOrFail.length;
  if (spent !== charges) faults.push(`in memory: ${charges} charges, and ${spent} were booked`);
  return faults;
}

async function balance({ port, key }) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/customers/${CUSTOMER}/balance`, {
    headers: { authorization: `Bearer ${key}` },
  });
  return Number((await response.json()).balance);
}

function rowsOf(results) {
  const titles = {
    memory: `in memory, the API at ${DISTANCE_MS} ms`,
    near: "stateless, the API at 0 ms",
    far: `stateless, the API at ${DISTANCE_MS} ms`,
  };
  const rows = [["", "p50 ms", "p99 ms", "stateless ÷ in memory", `below ${ROOM_MS} ms`]];
  for (const call of Object.keys(results.memory.times)) {
    const middle = (result) => quantile(sorted(result.times[call]), 0.5);
    for (const [name, title] of Object.entries(titles)) {
      const times = sorted(results[name].times[call]);
      const below = times.filter((time) => time < ROOM_MS).length / times.length;
      rows.push([
        `${call}, ${title}`,
        fixed(quantile(times, 0.5), 3),
        fixed(quantile(times, 0.99), 3),
        name === "memory" ? "" : fixed(middle(results[name]) / middle(results.memory), 0),
        `${fixed(below * 100, 1)} %`,
      ]);
    }
  }
  return rows;
}

function sorted(times) {
  return Float64Array.from(times).sort();
}
