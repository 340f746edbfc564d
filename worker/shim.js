// The JavaScript side of the worker: the fetch handler and the object classes that the Workers
// runtime sees, in front of the wasm module.
//
// It decides nothing about credits: it carries requests and answers, as the texts of http.js, and lets
// the module judge them in one call each. Its duty is that a trap (a Rust panic, memory exhausted) costs
// the calls in flight inside the module and nothing else:
//   * every call in flight is rejected at once; a future of a dead instance never completes, and
//     its caller would hang until the runtime gives up;
//   * the next call starts a fresh instance, and each object builds its Rust half again from SQL,
//     which a trap does not touch.
// One instance serves the handler and all objects of an isolate, so they fall and recover together.

import { DurableObject } from "cloudflare:workers";
import { bodyOf, headOf, headersOf, responseOf } from "./http.js";
import * as wasm from "./index.js";

/** `criticalError` is set by the Rust panic hook, `instanceId` counts the instances. */
const state = wasm.__worker_init_state();

/** The reject functions of the calls that run inside the present instance. */
const inFlight = new Set();

// A trap inside a woken future has no caller to throw to; it arrives here.
addEventListener("error", (event) => {
  if (isTrap(event.error)) fall(event.error);
});

function isTrap(error) {
  return error instanceof WebAssembly.RuntimeError;
}

function fall(error) {
  state.criticalError = true;
  const rejects = [...inFlight];
  inFlight.clear();
  for (const reject of rejects) reject(error);
}

/** Runs one call into wasm. What it returns, a promise or not, fails when the instance falls. */
function run(call) {
  if (state.criticalError) {
    wasm.__wbg_reset_state();
    state.criticalError = false;
  }
  try {
    const outcome = call();
    return outcome instanceof Promise ? watched(outcome) : outcome;
  } catch (error) {
    if (isTrap(error)) fall(error);
    throw error;
  }
}

/** A promise of the present instance: it is rejected when that falls before it is settled. */
function watched(promise) {
  return new Promise((resolve, reject) => {
    inFlight.add(reject);
    const done = (settle) => (value) => {
      inFlight.delete(reject);
      settle(value);
    };
    promise.then(done(resolve), (error) => {
      if (isTrap(error)) fall(error);
      done(reject)(error);
    });
  });
}

/** What a caller gets whose request fell with the instance. */
function fallen(request, requestId) {
  const message =
    "The worker failed while it ran this call, and it is open whether the call took effect. " +
    "Repeat it with the same idempotency key: it is carried out at most once.";
  const headers = { "cache-control": "no-store", "x-request-id": requestId };
  return Response.json(fallenBody(request, message, requestId), { status: 500, headers });
}

/** The ClockNext API has two envelopes; this is either of them. */
function fallenBody(request, message, requestId) {
  const code = "internal_error";
  if (!new URL(request.url).pathname.startsWith("/api/v1/")) {
    return { error: { code, message, details: {}, request_id: requestId } };
  }
  const statusDetail = { status: "ERROR", message };
  return { ok: false, error: message, statusCode: 500, statusDetail, result: null, code, requestId };
}

export default {
  async fetch(request, env) {
    try {
      return await serve(request, env);
    } catch (error) {
      const requestId = crypto.randomUUID();
      console.error(`${requestId}: the call failed:`, error);
      return fallen(request, requestId);
    }
  },
};

/**
 * What `admit` in src/front.rs decides: the answer, or the object that is to give it; or first that
 * the body is needed to know which (src/front_topup.rs).
 */
async function serve(request, env) {
  const head = headOf(request);
  let told = run(() => wasm.admit(head, env));
  let body;
  const refused = async (limit, requestId) => {
    body = await bodyOf(request, limit);
    if (body !== undefined && body.length <= limit) return undefined;
    return responseOf(run(() => wasm.refuseBody(head, requestId, limit, body === undefined)));
  };
  if (told.startsWith("read\n")) {
    const [, limit, requestId] = told.split("\n");
    const refusal = await refused(Number(limit), requestId);
    if (refusal) return refusal;
    told = await run(() => wasm.admitWhole(head, body, env, requestId));
  }
  if (!told.startsWith("pass\n")) return responseOf(told);
  const [, binding, name, limit, method, url, ...lines] = told.split("\n");
  const headers = headersOf(lines);
  if (limit !== "0" && body === undefined) {
    const refusal = await refused(Number(limit), headers["x-request-id"]);
    if (refusal) return refusal;
  }
  // The stub is new each time: one that has failed stays so. The body goes as bytes and not as a
  // stream: the platform can then deliver it again by itself.
  // A redirect is the caller's to follow.
  const init = { method, headers, body, redirect: "manual" };
  return env[binding].getByName(name).fetch(url, init);
}

/** A class for the runtime whose work is done by a Rust class. */
function objectClass(Rust) {
  return class extends DurableObject {
    #half;
    #instanceId;

    /** The Rust half, built again when the instance it lived in has fallen. */
    #rust() {
      if (this.#instanceId !== state.instanceId) {
        this.#half = new Rust(this.ctx, this.env);
        this.#instanceId = state.instanceId;
      }
      return this.#half;
    }

    async fetch(request) {
      const head = headOf(request);
      const read = request.method !== "GET";
      const body = read ? await bodyOf(request, run(wasm.longestBody)) : undefined;
      return responseOf(await run(() => this.#rust().answer(head, body)));
    }

    async alarm() {
      await run(() => this.#rust().alarm());
    }
  };
}

export const LedgerObject = objectClass(wasm.LedgerObject);
export const DirectoryObject = objectClass(wasm.DirectoryObject);
export const BalanceCacheObject = objectClass(wasm.BalanceCacheObject);
