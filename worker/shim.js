// The JavaScript side of the worker: the fetch handler and the object classes that the Workers
// runtime sees, in front of the wasm module.
//
// It decides nothing about credits. Its one duty is that a trap (a Rust panic, memory exhausted)
// costs the calls in flight and nothing else:
//   * every call in flight is rejected at once; a future of a dead instance never completes, and
//     its caller would hang until the runtime gives up;
//   * the next call starts a fresh instance, and each object builds its Rust half again from SQL,
//     which a trap does not touch.
// One instance serves the handler and all objects of an isolate, so they fall and recover together.

import { DurableObject } from "cloudflare:workers";
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

/** Runs one call into wasm; rejects when it fails or when the instance falls while it runs. */
function run(call) {
  if (state.criticalError) {
    wasm.__wbg_reset_state();
    state.criticalError = false;
  }
  return new Promise((resolve, reject) => {
    inFlight.add(reject);
    const done = (settle) => (value) => {
      inFlight.delete(reject);
      settle(value);
    };
    const failed = (error) => {
      if (isTrap(error)) fall(error);
      done(reject)(error);
    };
    try {
      call().then(done(resolve), failed);
    } catch (error) {
      failed(error);
    }
  });
}

/** What a caller gets whose request fell with the instance. */
function fallen(requestId) {
  const message =
    "The worker failed while it ran this call, and it is open whether the call took effect. " +
    "Repeat it with the same idempotency key: it is carried out at most once.";
  const error = { code: "internal_error", message, details: {}, request_id: requestId };
  const headers = { "cache-control": "no-store", "x-request-id": requestId };
  return Response.json({ error }, { status: 500, headers });
}

export default {
  async fetch(request, env, ctx) {
    try {
      return await run(() => wasm.fetch(request, env, ctx));
    } catch (error) {
      const requestId = crypto.randomUUID();
      console.error(`${requestId}: the call failed:`, error);
      return fallen(requestId);
    }
  },
};

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

    fetch(request) {
      return run(() => this.#rust().fetch(request));
    }

    alarm() {
      return run(() => this.#rust().alarm());
    }
  };
}

export const LedgerObject = objectClass(wasm.LedgerObject);
export const BalanceCacheObject = objectClass(wasm.BalanceCacheObject);
