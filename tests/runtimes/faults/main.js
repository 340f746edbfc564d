// The built worker on a disk that fails when told to. Laid beside `worker.js` by `faults.test.mjs`.
//
// The header `x-fault: error 3` lets the third use of the storage throw, as a full disk does; `trap 3`
// lets the module itself fall there. The answer's header `x-fault-fired` says whether it came to it.
// With `x-fault-stays` it stays armed after the answer, for the work behind it, until the next call.

import worker, { BalanceCacheObject as Cache, LedgerObject as Ledger } from "./worker.js";

const FAILURES = {
  error: () => new Error("the disk is full"),
  trap: () => new WebAssembly.RuntimeError("unreachable"),
};

let fault = null;

/** Counts down at each use of the storage. */
function use() {
  if (fault === null) return;
  fault.left -= 1;
  if (fault.left > 0) return;
  const failure = FAILURES[fault.kind]();
  fault = null;
  throw failure;
}

function unreliable(prototype, method) {
  const real = prototype[method];
  prototype[method] = function (...args) {
    use();
    return real.apply(this, args);
  };
}

let prepared = false;

function prepare({ storage }) {
  if (prepared) return;
  prepared = true;
  unreliable(Object.getPrototypeOf(storage.sql), "exec");
  unreliable(Object.getPrototypeOf(storage), "setAlarm");
}

export class LedgerObject extends Ledger {
  constructor(ctx, env) {
    prepare(ctx);
    super(ctx, env);
  }
}

export class BalanceCacheObject extends Cache {
  constructor(ctx, env) {
    prepare(ctx);
    super(ctx, env);
  }
}

export default {
  async fetch(request, env, ctx) {
    const wanted = /^(error|trap) (\d+)$/.exec(request.headers.get("x-fault") ?? "");
    fault = wanted && { kind: wanted[1], left: Number(wanted[2]) };
    const answer = await worker.fetch(request, env, ctx);
    const fired = wanted !== null && fault === null;
    if (!request.headers.has("x-fault-stays")) fault = null;
    const headers = new Headers(answer.headers);
    headers.set("x-fault-fired", String(fired));
    return new Response(answer.body, { status: answer.status, headers });
  },
};
