// An API in a few lines, with a switch to take it away, for clients whose cache is memory. It keeps
// amounts in millionths and the books by idempotency key, so that tests can ask what was charged.

import { CreditEngine } from "../../../pkg/js/index.js";
import { KEY, json } from "./scripted.mjs";

const MICRO = 1_000_000;

/** @param {number} balance what every customer has */
export function world(balance = 100) {
  const accounts = new Map();
  const account = (id) => {
    if (!accounts.has(id)) accounts.set(id, { left: balance * MICRO, charges: new Map() });
    return accounts.get(id);
  };
  const api = {
    calls: [],
    away: false,
    /** Answers instead of the books, while it is a function. */
    refuse: null,
    left: (id = "cus_1") => account(id).left / MICRO,
    charges: (id = "cus_1") => account(id).charges,
    grant: (amount, id = "cus_1") => (account(id).left += amount * MICRO),
    async fetch(url, { method, body }) {
      api.calls.push({ url, method, body });
      // An answer takes a turn of the loop, as over any network.
      await new Promise((resolve) => setImmediate(resolve));
      if (api.away) throw new TypeError("fetch failed");
      const [, id, route] = /customers\/([^/]+)\/(\w+)/.exec(url);
      const refused = api.refuse?.(method, route, body);
      if (refused) return refused;
      const state = account(decodeURIComponent(id));
      const amounts = () => ({ balance: state.left / MICRO, credit_name: "tokens" });
      if (method === "GET") return json(200, { ...amounts(), breakdown: [] });
      const { amount, idempotency_key: key } = JSON.parse(body);
      const known = state.charges.has(key);
      if (!known) {
        state.left += (route === "add" ? 1 : -1) * amount * MICRO;
        state.charges.set(key, amount);
      }
      return json(200, { ...amounts(), transaction_id: `up_${key}`, replayed: known });
    },
  };
  return api;
}

/** A client whose cache is memory, and what its onError was told. */
export function inMemory(api, options = {}) {
  const errors = [];
  const usual = { apiKey: KEY, mode: "persistent", fetcher: api, retryBudget: false };
  const onError = (error) => errors.push(error);
  return { ce: new CreditEngine({ ...usual, onError, ...options }), errors };
}
