// How work may outlive the response. What the host offers is read when a call enters, because a
// host's context ends with its request.

import workers from "#workers";

import { refuse } from "./errors.js";

// A `waitUntil` function, or an object that has one, as a function; null where the host is to be
// asked, by each call anew.
export function waitUntilOf(source, param, code = "invalid_request") {
  if (source === undefined || source === null || source === "auto") return null;
  // The Workers runtime's own, which anybody can import, serves whichever request calls it: it is to be asked by each.
  if (source === workers.waitUntil) return null;
  if (typeof source === "function") return source;
  // Bound late and through its owner: hosts refuse a detached `waitUntil`.
  if (typeof source.waitUntil === "function") return (promise) => source.waitUntil(promise);
  const message = `${param} must be "auto", a function, or an object with a waitUntil method`;
  throw refuse(code, param, message);
}

// What the host offers to whoever looks: Cloudflare Workers, Next.js, Vercel, Supabase. What is there
// counts, and not what the host calls itself.
export function ambientWaitUntil() {
  return ambientContext()?.waitUntil ?? null;
}

// The same with its `owner`, an object that stands for the request; the Workers runtime has none to show.
// Null where the host offers nothing.
export function ambientContext() {
  if (typeof workers.waitUntil === "function") return of(workers, undefined);
  for (const name of ["@next/request-context", "@vercel/request-context"]) {
    const context = globalThis[Symbol.for(name)]?.get?.();
    if (typeof context?.waitUntil === "function") return of(context, context);
  }
  // On Vercel `EdgeRuntime` is a string.
  const runtime = globalThis.EdgeRuntime;
  return typeof runtime?.waitUntil === "function" ? of(runtime, runtime) : null;
}

function of(source, owner) {
  return { waitUntil: (promise) => source.waitUntil(promise), owner };
}

// Keeps the host awake until `work`, which must never reject, has settled. False when it cannot.
export function keepAlive(waitUntil, work) {
  if (waitUntil === null) return false;
  try {
    waitUntil(work);
    return true;
  } catch {
    return false;
  }
}
