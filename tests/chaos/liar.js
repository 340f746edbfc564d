// A ledger that lies, in front of the real one: for the runs that prove that the harness sees it.
// One charge in 10 is lost (acknowledged, kept nowhere) or doubled (applied under a second key).

import real from "./worker.js";

export * from "./worker.js";

const ONE_IN = 10;
let charges = 0;

export default {
  async fetch(request, env, context) {
    const charge = request.method === "POST" && request.url.endsWith("/consume");
    const text = charge ? await request.text() : undefined;
    const { url, headers } = request;
    const send = (body) =>
      real.fetch(new Request(url, { method: "POST", headers, body }), env, context);
    if (!charge) return real.fetch(request, env, context);
    charges += 1;
    if (charges % ONE_IN !== 0) return send(text);
    let call;
    try {
      call = JSON.parse(text);
    } catch {
      return send(text);
    }
    if (LIE === "double") {
      await send(JSON.stringify({ ...call, idempotency_key: `${call.idempotency_key}-again` }));
      return send(text);
    }
    return Response.json({ balance: 1, transaction_id: "txn_lie", replayed: false });
  },
};
