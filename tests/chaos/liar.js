// A ledger that lies, in front of the real one: for the runs that prove that the harness sees it.
// One charge in 10 is lost (acknowledged, kept nowhere) or doubled (applied under a second key),
// whether it comes alone or in a batch, as a cache sends it.

import real from "./worker.js";

export * from "./worker.js";

const ONE_IN = 10;
let charges = 0;

export default {
  async fetch(request, env, context) {
    const { method, url, headers } = request;
    const [, route] = /\/(consume|batch)$/.exec(new URL(url).pathname) ?? [];
    if (method !== "POST" || !route) return real.fetch(request, env, context);
    const text = await request.text();
    const send = (body) => real.fetch(new Request(url, { method, headers, body }), env, context);
    let call;
    try {
      call = JSON.parse(text);
    } catch {
      return send(text);
    }
    return route === "consume" ? lieOfOne(call, text, send) : lieOfMany(call, text, send);
  },
};

const strikes = () => {
  charges += 1;
  return charges % ONE_IN === 0;
};
const again = (call) => ({ ...call, idempotency_key: `${call.idempotency_key}-again` });
const lie = (more) => ({ transaction_id: "txn_lie", replayed: false, ...more });

async function lieOfOne(call, text, send) {
  if (!strikes()) return send(text);
  if (LIE === "lose") return Response.json(lie({ balance: 1 }));
  await send(JSON.stringify(again(call)));
  return send(text);
}

async function lieOfMany({ items, ...rest }, text, send) {
  const struck = new Set(items.filter(strikes));
  if (struck.size === 0) return send(text);
  const of = (part) => send(JSON.stringify({ ...rest, items: part }));
  if (LIE === "double") {
    await of([...struck].map(again));
    return send(text);
  }
  const honest = items.filter((item) => !struck.has(item));
  let answers = [];
  if (honest.length > 0) {
    const answer = await of(honest);
    if (answer.status !== 200) return answer;
    answers = (await answer.json()).results;
  }
  // Without a balance: it says nothing that the next read would contradict.
  const results = items.map((item) =>
    struck.has(item) ? { status: 200, body: lie() } : answers.shift(),
  );
  return Response.json({ results });
}
