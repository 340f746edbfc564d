// `await using`, as the language has it: what the client still has to do is done when its block ends.

import { CreditEngine } from "edge-credits";
/** @returns {Promise<unknown[]>} what must be `[["consume"], "client_destroyed"]` */
export async function run() {
  const arrived = [];
  // A ledger that takes its time.
  const fetcher = {
    fetch: async (url) => {
      await new Promise((done) => setTimeout(done, 20));
      arrived.push(url.split("/").at(-1));
      return Response.json({ balance: 7, transaction_id: "txn_1" });
    },
  };
  let kept;
  {
    const waitUntil = () => {};
    const options = { apiKey: "ce_test_0123456789", fetcher, mode: "stateless", waitUntil };
    await using credits = new CreditEngine(options);
    kept = credits;
    const { queued } = await credits.consume("cus_1", 3, "AI: chat", { background: true });
    if (!queued || arrived.length > 0) throw new Error("the charge was not in the background");
  }
  return [arrived, await kept.getBalance("cus_1").catch(({ code }) => code)];
}
