// The load generator: a process of its own, so that its work and the bench's never share a thread.
//
// `startLoad()` starts it; `load.run(job)` sends a job and resolves to what came of it. A job:
//
//   {
//     port, key,
//     call: "consume",       // of calls.mjs
//     customers: 1000,       // each request goes to one of them by chance
//     clients: 8,            // each has one connection and sends its next request after an answer
//     seconds: 1,            // or
//     requests: 50_000,      // until so many were sent
//   }
//
// `{grant: 1000, …}` gives each customer credits instead, `{wake: true, …}` reads each balance once.

import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

import { CALLS, customers, getBalance, grant } from "./calls.mjs";
import { open } from "./connection.mjs";
import { quantile } from "./figures.mjs";

/** One answer in so many is looked into. */
const SAMPLED = 16;

/** Starts the process. `stop` ends it. */
export function startLoad() {
  const child = fork(fileURLToPath(import.meta.url), ["child"]);
  let settle = null;
  child.on("message", (answer) => settle?.(answer));
  child.on("exit", (code) => settle?.({ fault: `the load generator ended with status ${code}` }));
  return {
    async run(job) {
      const answer = await new Promise((done) => {
        settle = done;
        child.send(job);
      });
      if (answer.fault) throw new Error(answer.fault);
      return answer;
    },
    stop() {
      child.kill();
    },
  };
}

async function perform(job) {
  const connections = await Promise.all(Array.from({ length: job.clients }, () => open(job.port)));
  try {
    if (job.grant) return await each(job, connections, (name) => grant(name, job.key, job.grant));
    if (job.wake) return await each(job, connections, (name) => getBalance(name, job.key));
    return await measure(job, connections);
  } finally {
    for (const connection of connections) connection.close();
  }
}

/** Sends one request for every customer. */
async function each({ customers: count }, connections, request) {
  const waiting = customers(count);
  const work = async (connection) => {
    for (let customer = waiting.pop(); customer; customer = waiting.pop()) {
      const { status, body } = await connection.send(request(customer));
      if (status !== 200) throw new Error(`the answer to a preparation is ${status}: ${body}`);
    }
  };
  await Promise.all(connections.map(work));
  return { done: count };
}

async function measure(job, connections) {
  const tally = { times: [], refused: {}, sample: "", sources: {}, pending: 0 };
  const used = process.cpuUsage();
  const from = performance.now();
  await Promise.all(connections.map(clientOf(job, tally, from)));
  const seconds = (performance.now() - from) / 1000;
  const { user, system } = process.cpuUsage(used);
  const times = Float64Array.from(tally.times).sort();
  return {
    count: times.length,
    seconds,
    p50: quantile(times, 0.5),
    p99: quantile(times, 0.99),
    p999: quantile(times, 0.999),
    generator: (user + system) / (seconds * 1e6),
    refused: tally.refused,
    sample: tally.sample,
    sources: tally.sources,
    pending: tally.pending,
  };
}

/** A client of the closed loop. */
function clientOf(job, tally, from) {
  const names = customers(job.customers);
  const call = CALLS[job.call];
  const until = from + (job.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  let left = job.requests ?? Number.POSITIVE_INFINITY;
  return async (connection) => {
    while (left > 0 && performance.now() < until && connection.usable) {
      left -= 1;
      const request = call(names[Math.floor(Math.random() * names.length)], job.key);
      const sent = performance.now();
      const { status, body } = await connection.send(request);
      tally.times.push(performance.now() - sent);
      if (status !== 200) {
        tally.refused[status] = (tally.refused[status] ?? 0) + 1;
        tally.sample ||= body.toString();
      } else if (tally.times.length % SAMPLED === 0) {
        look(body, tally);
      }
    }
  };
}

/** What a cache says about its answer, where it is one. */
function look(body, tally) {
  const text = body.latin1Slice();
  const source = /"source":"([^"]+)"/.exec(text)?.[1];
  if (source) tally.sources[source] = (tally.sources[source] ?? 0) + 1;
  const pending = Number(/"pending":(\d+)/.exec(text)?.[1] ?? 0);
  tally.pending = Math.max(tally.pending, pending);
}

if (process.argv[2] === "child") {
  process.on("message", (job) => {
    perform(job).then(
      (answer) => process.send(answer),
      (error) => process.send({ fault: error.message }),
    );
  });
  process.on("disconnect", () => process.exit(0));
}
