// The built worker, and a count of the alarms that its objects took. Laid beside `worker.js`.

import worker, { BalanceCacheObject as Cache, LedgerObject } from "./worker.js";

let alarms = 0;

export class BalanceCacheObject extends Cache {
  alarm() {
    alarms += 1;
    return super.alarm();
  }
}

export { LedgerObject };

export default {
  fetch(request, env, ctx) {
    if (request.url.endsWith("/bench/alarms")) return new Response(String(alarms));
    return worker.fetch(request, env, ctx);
  },
};
