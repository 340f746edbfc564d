// The request a call belongs to: how its work may outlive the response, and what its keys are
// derived from. Both are read when the call enters, because a host's context ends with its request.

import { refuse } from "./errors.js";

// A `waitUntil` function, or an object that has one, as a function; null where there is none.
export function waitUntilOf(source, param) {
  if (source === undefined || source === null) return null;
  if (typeof source === "function") return source;
  // Bound late and through its owner: hosts refuse a detached `waitUntil`.
  if (typeof source.waitUntil === "function") return (promise) => source.waitUntil(promise);
  throw refuse("invalid_request", param, `${param} must be a function or have a waitUntil method`);
}

// What the host offers without being asked: Next.js, Vercel, Supabase.
export function ambientWaitUntil() {
  for (const name of ["@next/request-context", "@vercel/request-context"]) {
    const context = globalThis[Symbol.for(name)]?.get?.();
    if (typeof context?.waitUntil === "function") return (promise) => context.waitUntil(promise);
  }
  // On Vercel `EdgeRuntime` is a string.
  const runtime = globalThis.EdgeRuntime;
  if (typeof runtime?.waitUntil === "function") return (promise) => runtime.waitUntil(promise);
  return null;
}

// Keeps the host awake until `work`, which must never reject, has settled. False when it cannot.
export function keepAlive(waitUntil, work) {
  const register = waitUntil ?? ambientWaitUntil();
  if (register === null) return false;
  try {
    register(work);
    return true;
  } catch {
    return false;
  }
}

// The name of a request, from which the keys of its calls are derived: what the caller trusts to
// name it, or 128 fresh bits.
export function requestBase(request, idempotencyKeyFrom) {
  const trusted = trustedName(request, idempotencyKeyFrom);
  if (trusted !== undefined && trusted !== null && trusted !== "") {
    if (typeof trusted === "string") return trusted;
    const message = "idempotencyKeyFrom must give a string, or nothing";
    throw refuse("invalid_idempotency_key", "idempotencyKeyFrom", message);
  }
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function trustedName(request, source) {
  if (typeof source === "string") return request?.headers?.get(source);
  if (typeof source === "function") return source(request);
  if (source === undefined || source === null) return undefined;
  const message = "idempotencyKeyFrom must be a header's name or a function of the request";
  throw refuse("invalid_request", "idempotencyKeyFrom", message);
}
