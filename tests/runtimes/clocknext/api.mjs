// The ClockNext API as the tests call it: plain `fetch`, nothing of the client under test.

import { createHash, randomBytes } from "node:crypto";

/** A key as ClockNext's look: its text says nothing of its environment. */
export function clocknextKey(env, scopes) {
  const text = `cnk_${randomBytes(20).toString("hex")}`;
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { text, entry: { id: `cnk_${sha256.slice(0, 8)}`, env, scopes, sha256 } };
}

/**
 * @param {string} origin
 * @param {string} key
 */
export function clocknextApi(origin, key) {
  const request = async (method, path, body, headers = {}) => {
    const response = await fetch(`${origin}/api/v1${path}`, {
      method,
      headers: {
        authorization: `Bearer ${key}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    return { status: response.status, headers: response.headers, json: await response.json() };
  };
  /** The payload of a call that must succeed. */
  const good = async (...call) => {
    const answer = await request(...call);
    if (answer.status !== 200) throw new Error(`${call}: ${JSON.stringify(answer.json)}`);
    return answer.json;
  };
  const customer = (id, rest = "") => `/customers/${encodeURIComponent(id)}${rest}`;
  return { request, good, customer, balances: (id) => good("GET", customer(id, "/balances")) };
}
