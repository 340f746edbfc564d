// What the tests of top-ups share: a worker that sells at a double of Stripe's API, and calls on it.

import assert from "node:assert/strict";
import { after, before } from "node:test";

import { CreditEngine } from "../../../pkg/js/index.js";
import { ledgerApi } from "../api.mjs";
import { makeKeys } from "../keys.mjs";
import { ledgerWorker, startWorkerd } from "../workerd.mjs";
import { sendEvent, startStripeDouble } from "./stripe_double.mjs";

export const keys = makeKeys();

/** What signs the events of each environment's endpoint. */
export const SECRETS = { live: "whsec_live_0123456789", test: "whsec_test_0123456789" };

/** Where buyers go next. */
export const BACK = {
  successUrl: "https://app.example.com/ok?a=b",
  cancelUrl: "https://app.example.com/no",
};

const PACKS = [
  { price: "price_small", credits: 500 },
  { price: "price_big", credits: "5000.5", default: true, product: "big", expires_after_days: 365 },
  { price: "price_gone", credits: 7 },
];

/** The settings of a deployment that sells in both environments. */
export const SELLING = {
  API_KEYS: keys.secret,
  TOPUP_PACKS: JSON.stringify(PACKS),
  STRIPE_SECRET_KEY: "sk_test_ours",
  STRIPE_SECRET_KEY_LIVE: "rk_live_ours",
  STRIPE_WEBHOOK_SECRET_LIVE: SECRETS.live,
  STRIPE_WEBHOOK_SECRET_TEST: `whsec_rotated_out_00, ${SECRETS.test}`,
};

/** A client of the worker at an address. */
export const clientOf = (baseUrl, key = keys.test, more = {}) =>
  new CreditEngine({ apiKey: key.text, baseUrl, mode: "stateless", ...more });

/** The worker and the double, for the tests of one file; both are there once those run. */
export function sellingWorld() {
  const world = {
    stripe: null,
    url: null,
    client: (key, more) => clientOf(world.url, key, more),
    api: (key = keys.test) => ledgerApi(world.url, key.text),
    balance: async (customer, key) => (await world.api(key).balance(customer)).balance,
    /** Sends an event of the sandbox's. */
    send: (event, how = {}) => sendEvent(world.url, event, { secret: SECRETS.test, ...how }),
    /** What an event came to, which was accepted. */
    effect: async (event, how) => {
      const { status, json } = await world.send(event, how);
      assert.equal(status, 200, JSON.stringify(json));
      return json.effect;
    },
    /** A session at the double, and its payment's events. */
    sold: async (customerId, more = {}, key = keys.test) => {
      const order = { customerId, ...BACK, ...more };
      const { sessionId } = await world.client(key).createTopUpSession(order);
      return world.stripe.payment(sessionId);
    },
  };
  let runtime;
  before(async () => {
    world.stripe = await startStripeDouble();
    const bindings = { ...SELLING, STRIPE_API_BASE: world.stripe.url };
    runtime = await startWorkerd({ workers: [ledgerWorker(bindings)] });
    world.url = runtime.urls.ledger;
  });
  after(async () => {
    await runtime?.stop();
    await world.stripe?.stop();
  });
  return world;
}
