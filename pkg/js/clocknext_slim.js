// edge-credits/clocknext/slim: the ClockNext client without its module, as ./slim.js is of the other.

import { instantiate } from "#clocknext";
import { initOf } from "./slim_init.js";

export * from "./clocknext.js";

export const init = initOf(instantiate, "edge-credits/clocknext/slim.wasm");
