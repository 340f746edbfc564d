// A Worker whose requests report usage and answer at once.

import { waitUntil } from "cloudflare:workers";
import { ClockNext } from "edge-credits/clocknext";

// Of all requests; what the hooks are told is kept for whoever asks.
let shared;
let told = { errors: [], drops: [], flushes: [], retries: 0 };

// An hour of the client's in seconds of the test's: its clock and its timers alike.
function hurry(times) {
  const [now, later, began] = [Date.now, setTimeout, Date.now()];
  Date.now = () => began + (now() - began) * times;
  globalThis.setTimeout = (act, delay, ...rest) => later(act, (delay ?? 0) / times, ...rest);
}

// As the runtime counts them.
let subrequests = 0;
const fetcher = {
  fetch(url, init) {
    subrequests += 1;
    return fetch(url, init);
  },
};

function client({ url, apiKey = "cnk_test", options }, behind) {
  return new ClockNext({
    apiKey,
    baseUrl: url,
    fetcher,
    waitUntil: behind,
    ...options,
    onError: (error, signal) => told.errors.push([error.code, error.effect, signal.idempotencyKey]),
    onDrop: (signal, reason) => told.drops.push([signal.idempotencyKey, reason]),
    onFlush: (count) => told.flushes.push(count),
    onRetry: () => (told.retries += 1),
  });
}

/** The client of this request, in each way that one can be had. */
function clientOf(how, asked, ctx) {
  if (how === "own") return client(asked, ctx);
  shared ??= client(asked, how === "imported" ? waitUntil : "auto");
  if (how === "context") return shared.withContext(ctx);
  return how === "refused" ? shared.withContext(refuse) : shared;
}

function refuse() {
  throw new Error("there is no time behind this response");
}

async function track(cnk, { count, from, pauseUrl, customerId = "cus_1" }) {
  const answers = [];
  for (let index = 0; index < count; index += 1) {
    const idempotencyKey = `s${from + index}`;
    const tokens = { input: 10, output: 5 };
    const signal = { customerId, model: "acme/one", idempotencyKey, tokens };
    answers.push(await cnk.signals.wallet(signal));
    // As between a model's calls: another turn, of the same request.
    if (pauseUrl && index % 4 === 3) await (await fetch(pauseUrl)).text();
  }
  return answers;
}

export default {
  async fetch(request, _env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/told") {
      const stats = shared?.stats;
      const answer = Response.json({ ...told, stats, subrequests });
      told = { errors: [], drops: [], flushes: [], retries: 0 };
      return answer;
    }
    const asked = await request.json();
    if (asked.hurry) hurry(asked.hurry);
    const cnk = clientOf(asked.how, asked, ctx);
    const answers = await track(cnk, asked);
    // What a host does to a request that takes more than it may: nothing of it settles any more.
    if (asked.dies) ctx.abort(new Error("killed by the test"));
    if (asked.diesIn) {
      const later = new Promise((resolve) => setTimeout(resolve, asked.diesIn));
      ctx.waitUntil(later.then(() => ctx.abort(new Error("killed by the test"))));
    }
    if (asked.flush) {
      const began = Date.now();
      const result = await cnk.flush();
      return Response.json({ ...result, took: Date.now() - began });
    }
    if (asked.how === "own") shared = cnk;
    return Response.json(answers);
  },
};
