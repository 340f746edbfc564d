// edge-credits/slim: the client without its module, which the caller brings.
//
// The build bundles this with a glue that instantiates nothing when it is imported; `#client` is that.

import { instantiate } from "#client";

export * from "./credit-engine.js";
export { withCredits } from "./with_credits.js";

let ready;

export function init(source) {
  ready ??= load(source).catch((error) => {
    // The next try may bring another.
    ready = undefined;
    throw error;
  });
  return ready;
}

async function load(source) {
  const given = await source;
  if (given === undefined || given === null) {
    throw new TypeError(
      "init takes the module of edge-credits/slim.wasm, its bytes, or a Response with them",
    );
  }
  const bytes = typeof given.arrayBuffer === "function" ? await given.arrayBuffer() : given;
  const isBytes =
    ArrayBuffer.isView(bytes) || Object.prototype.toString.call(bytes) === "[object ArrayBuffer]";
  // Not `instanceof`: a module may come from another realm, as in Next's edge runtime.
  instantiate(isBytes ? await WebAssembly.compile(bytes) : bytes);
}
