// Customers whose portal is looked at: what they have is made by calls as an owner's app makes them.

import { createHash, createHmac } from "node:crypto";

/** Signs the tokens of the tests. */
export const SECRET = createHash("sha256").update("the portal's tests").digest("hex");

const DAY = 86_400_000;

/**
 * A token as the worker makes it, by hand: for times and owners that it would not sign.
 * @param {string} customer
 */
export function tokenFor(customer, { env = "live", member, seconds = 900, secret = SECRET } = {}) {
  const pass = { e: env, c: customer, m: member, x: Date.now() + seconds * 1000 };
  const payload = Buffer.from(JSON.stringify(pass)).toString("base64url");
  const key = createHash("sha256").update(`edge-credits portal token\0${secret}`).digest();
  return `${payload}.${createHmac("sha256", key).update(payload).digest("base64url")}`;
}

/** Calls of the API in the name of one key. */
export function caller(baseUrl, key) {
  return async (customer, operation, body) => {
    const path = `/v1/customers/${encodeURIComponent(customer)}/${operation}`;
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const answer = await fetch(baseUrl + path, {
      method: "POST",
      headers,
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${operation}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  };
}

const inDays = (days) => new Date(Date.now() + days * DAY).toISOString();

/** A customer in the middle of things: packs that end, one to come, usage of many kinds, a hold. */
export async function busy(call, customer) {
  const add = (body) => call(customer, "add", { type: "topup", ...body });
  await add({ amount: 5000, product: "pro", description: "Pro plan, November", expires_at: inDays(5) });
  await add({ amount: 1000, description: "Top-up", expires_at: inDays(48) });
  await add({ amount: 250, type: "adjustment", description: "Thanks for the bug report" });
  await add({ amount: 5000, product: "pro", effective_at: inDays(8), expires_at: inDays(38) });
  const uses = [
    ["Chat with the assistant", 12.5],
    ["image_generation", 40],
    ["Summary of report.pdf", 3.25],
    ["Translation, 14 pages", 28],
  ];
  for (let round = 0; round < 3; round += 1) {
    for (const [words, amount] of uses) {
      const named = words.includes("_") ? { metadata: { action: words } } : { description: words };
      await call(customer, "consume", { amount: amount + round, ...named });
    }
  }
  await call(customer, "holds", { amount: 25 });
}

/** One who has used more than there was. */
export async function owing(call, customer) {
  await call(customer, "add", { amount: 100, type: "topup" });
  await call(customer, "consume", { amount: 112.5, description: "Chat with the assistant" });
}

/** One with as many units as fit on a page, and names from outside that want to be markup. */
export async function many(call, customer) {
  const units = ["credits", "usd", "image_credits", "api_calls", "minutes.of:speech", "seats"];
  for (const [index, unit] of units.entries()) {
    await call(customer, "add", { amount: 1234.5 * (index + 1), type: "topup", unit });
    await call(customer, "consume", {
      amount: (0.00015 * (index + 1) ** 6).toFixed(6),
      unit,
      description: `<img src=x onerror="alert(1)"> & "${unit}"</script><script>alert(2)</script>`,
    });
  }
}
