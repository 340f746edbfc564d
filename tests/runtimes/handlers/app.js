// Two apps that credits pay for, a plain fetch handler and a Hono app with the real Hono.
// On every runtime the same; part of the projects that `handlers.test.mjs` makes.

import { Hono } from "hono";

import { CreditEngine, withCredits } from "edge-credits";
import { credits } from "edge-credits/hono";

import { story } from "./story.mjs";

const ENDPOINTS = {
  "/image": { amount: 10, description: "AI: image", idempotencyKeyFrom: "x-name" },
  "/lost": { amount: 1, idempotencyKeyFrom: "x-name" },
  "/broken": { amount: 10 },
  "/dear": { amount: 50 },
  "/chat": { consume: "after", amount: (response) => response.headers.get("x-tokens") },
};

/** Clients of an app: that of /lost loses the answer to its first charge, which was made. */
function clients({ url, key, ...options }) {
  const config = { apiKey: key, baseUrl: url, ...options };
  let lost = false;
  const fetcher = {
    async fetch(address, init) {
      const response = await fetch(address, init);
      if (lost || init.method !== "POST") return response;
      lost = true;
      await response.text();
      throw new TypeError("the connection broke");
    },
  };
  const usual = new CreditEngine(config);
  const unlucky = new CreditEngine({ ...config, fetcher });
  return (pathname) => (pathname === "/lost" ? unlucky : usual);
}

/** What the endpoints do, paid for or not. */
function work(pathname, charge) {
  if (pathname === "/broken") return new Response("no", { status: 502 });
  return Response.json({ left: charge?.balance ?? null }, { headers: { "x-tokens": "4" } });
}

export function plainApp(settings) {
  const client = clients(settings);
  const customer = (request) => request.headers.get("x-user");
  const paid = {};
  for (const [pathname, endpoint] of Object.entries(ENDPOINTS)) {
    const handler = async (request, { charge }) => work(pathname, charge);
    paid[pathname] = withCredits(handler, { client: client(pathname), customer, ...endpoint });
  }
  return (request, ...host) => paid[new URL(request.url).pathname](request, ...host);
}

export function honoApp(settings) {
  const client = clients(settings);
  const customer = (c) => c.req.header("x-user");
  const app = new Hono();
  for (const [pathname, endpoint] of Object.entries(ENDPOINTS)) {
    app.use(pathname, credits({ client: client(pathname), customer, ...endpoint }));
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
