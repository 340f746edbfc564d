// Two apps that credits pay for, a plain fetch handler and a Hono app with the real Hono.
// On every runtime the same; part of the projects that `handlers.test.mjs` makes.

import { Hono } from "hono";

import { CreditEngine, withCredits } from "edge-credits";
import { credits } from "edge-credits/hono";

import { story } from "./story.mjs";

const ENDPOINTS = {
  "/image": { amount: 10, description: "AI: image", idempotencyKeyFrom: "x-name" },
  "/broken": { amount: 10 },
  "/dear": { amount: 50 },
  "/chat": { consume: "after", amount: (response) => response.headers.get("x-tokens") },
};

/** What the endpoints do, paid for or not. */
function work(pathname, charge) {
  if (pathname === "/broken") return new Response("no", { status: 502 });
  return Response.json({ left: charge?.balance ?? null }, { headers: { "x-tokens": "4" } });
}

export function plainApp({ url, key, ...options }) {
  const client = new CreditEngine({ apiKey: key, baseUrl: url, ...options });
  const customer = (request) => request.headers.get("x-user");
  const paid = {};
  for (const [pathname, endpoint] of Object.entries(ENDPOINTS)) {
    const handler = async (request, { charge }) => work(pathname, charge);
    paid[pathname] = withCredits(handler, { client, customer, ...endpoint });
  }
  return (request, ...host) => paid[new URL(request.url).pathname](request, ...host);
}

export function honoApp({ url, key, ...options }) {
  const client = new CreditEngine({ apiKey: key, baseUrl: url, ...options });
  const customer = (c) => c.req.header("x-user");
  const app = new Hono();
  for (const [pathname, endpoint] of Object.entries(ENDPOINTS)) {

    const after = endpoint.charge && { amount: (c) => c.res.headers.get("x-tokens") };
    app.use(pathname, credits({ client, customer, ...endpoint, ...after }));
    app.get(pathname, (c) => work(pathname, c.get("credits").charge));
  }
  return (request, ...host) => app.fetch(request, ...host);
}

/** The story with an app that is called as a function. */
export function call(app, user, ...host) {
  const send = (pathname, headers) =>
    app(new Request(`https://app.example${pathname}`, { headers }), ...host);
  return story(send, user);
}
