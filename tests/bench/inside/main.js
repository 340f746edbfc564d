// The built worker, and what the outside cannot see of its isolate: the alarms that its objects took,
// and the size of its wasm memory. Laid beside `worker.js`.

import { wasmBytes } from "./memory.js";
import worker, { BalanceCacheObject as Cache, LedgerObject as Ledger } from "./worker.js";

let alarms = 0;

/** The class, with its alarms counted. */
const counted = (Class) =>
  class extends Class {
    alarm() {
      alarms += 1;
      return super.alarm();
    }
  };

export const BalanceCacheObject = counted(Cache);
export const LedgerObject = counted(Ledger);
export { DirectoryObject } from "./worker.js";

export default {
  fetch(request, env, ctx) {
    if (request.url.endsWith("/bench/inside")) return Response.json({ alarms, wasm: wasmBytes() });
    return worker.fetch(request, env, ctx);
  },
};
