// edge-credits/slim: the client without its module, which the caller brings.
//
// The build bundles this with a glue that instantiates nothing when it is imported; `#client` is that.

import { instantiate } from "#client";
import { initOf } from "./slim_init.js";

export * from "./credit-engine.js";
export { withCredits } from "./with_credits.js";

export const init = initOf(instantiate, "edge-credits/slim.wasm");
