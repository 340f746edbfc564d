// The built worker, its directory counting the rows that SQLite reads, and a way to fill the directory
// with days that have gone by. Laid beside `worker.js`.

import worker, { DirectoryObject as Directory, LedgerObject } from "./worker.js";

const DAY_MS = 86_400_000;

export class DirectoryObject extends Directory {
  #cursors = [];

  constructor(ctx, env) {
    const { sql } = ctx.storage;
    const exec = sql.exec.bind(sql);
    const cursors = [];
    sql.exec = (...statement) => {
      const cursor = exec(...statement);
      cursors.push(cursor);
      return cursor;
    };
    super(ctx, env);
    this.#cursors = cursors;
  }

  async fetch(request) {
    this.#cursors.length = 0;
    const answer = await super.fetch(request);
    const rows = this.#cursors.reduce((sum, { rowsRead }) => sum + rowsRead, 0);
    answer.headers.set("x-rows-read", String(rows));
    return answer;
  }
}

export { LedgerObject };

/** Reports of customers who charged on every one of so many days, today's the last. */
async function fill({ from, to, days }, env) {
  const directory = env.DIRECTORY.getByName("4:test0:");
  const today = Math.floor(Date.now() / DAY_MS);
  for (let customer = from; customer < to; customer += 1) {
    const lines = [];
    for (let day = today - days + 1; day <= today; day += 1) {
      // What each consumes differs from customer to customer and from day to day.
      const consumed = 1_000_000 * (1 + ((customer * 7919 + day * 104_729) % 1_000));
      const sums = [consumed, 0, 0, 1].map(String);
      lines.push([day, "credits", `action ${day % 5}`, "consumption", sums]);
    }
    const report = {
      environment: "test",
      customer: `customer ${customer}`,
      after: 0,
      through: days,
      first_at: (today - days + 1) * DAY_MS,
      last_at: today * DAY_MS,
      lines,
    };
    const headers = { "content-type": "application/json" };
    const init = { method: "POST", headers, body: JSON.stringify(report) };
    const answer = await directory.fetch("https://directory/reports", init);
    const text = await answer.text();
    if (text !== `{"applied":${days}}`) return new Response(text, { status: 500 });
  }
  return new Response("filled");
}

export default {
  async fetch(request, env, ctx) {
    if (request.url.endsWith("/bench/fill")) return fill(await request.json(), env);
    return worker.fetch(request, env, ctx);
  },
};
