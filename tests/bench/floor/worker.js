// The floor: a charge as one would write it by hand in an afternoon. One object per customer; one
// guarded UPDATE and one INSERT in a transaction; nothing is authenticated, validated, expired,
// replayed or sent on to anybody. Calls go to the object by RPC, as the platform's examples do it.

import { DurableObject } from "cloudflare:workers";

export class Account extends DurableObject {
  constructor(ctx, env) {
    super(ctx, env);
    this.sql = ctx.storage.sql;
    this.sql.exec(`CREATE TABLE IF NOT EXISTS account (
      one INTEGER PRIMARY KEY CHECK (one = 1),
      balance INTEGER NOT NULL
    )`);
    this.sql.exec(`CREATE TABLE IF NOT EXISTS charges (
      key TEXT PRIMARY KEY,
      amount INTEGER NOT NULL,
      at INTEGER NOT NULL
    ) WITHOUT ROWID`);
    this.sql.exec("INSERT OR IGNORE INTO account (one, balance) VALUES (1, 1000000000000)");
  }

  balance() {
    return this.sql.exec("SELECT balance FROM account").one().balance;
  }

  /** The balance after the charge, or null where it does not suffice. */
  consume(amount, key) {
    return this.ctx.storage.transactionSync(() => {
      const [account] = this.sql
        .exec(
          "UPDATE account SET balance = balance - ?1 WHERE balance >= ?1 RETURNING balance",
          amount,
        )
        .toArray();
      if (!account) return null;
      this.sql.exec(
        "INSERT INTO charges (key, amount, at) VALUES (?, ?, ?)",
        key,
        amount,
        Date.now(),
      );
      return account.balance;
    });
  }
}

export default {
  async fetch(request, env) {
    const [, , , customer, operation] = new URL(request.url).pathname.split("/");
    const account = env.ACCOUNT.getByName(customer);
    if (operation === "balance") return Response.json({ balance: await account.balance() });
    const { amount, idempotency_key } = await request.json();
    const balance = await account.consume(amount, idempotency_key);
    if (balance === null) return Response.json({ error: "insufficient" }, { status: 402 });
    return Response.json({ balance });
  },
};
