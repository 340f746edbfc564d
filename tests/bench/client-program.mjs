// One client's calls in a process of its own, each awaited before the next. Prints one line of JSON:
// what it took to load and make the client, the first call, and the calls after it.

const { contestant, port, calls, warmUp } = JSON.parse(process.argv[2]);
const origin = `http://127.0.0.1:${port}`;
const CUSTOMER = "cus_1";

/** Each loads its package, makes its client, and gives back its call. */
const CONTESTANTS = {
  // The request that our client makes, without a client.
  fetch: async () => {
    const headers = {
      accept: "application/json",
      authorization: "Bearer ce_test_0123456789",
      "content-type": "application/json",
    };
    return async () => {
      const key = crypto.randomUUID();
      const response = await fetch(`${origin}/v1/customers/${CUSTOMER}/consume`, {
        method: "POST",
        headers: { ...headers, "idempotency-key": `"${key}"` },
        body: JSON.stringify({ amount: 5, description: "AI: chat", idempotency_key: key }),
      });
      return response.json();
    };
  },
  "edge-credits": async () => {
    const { CreditEngine } = await import("edge-credits/credit-engine");
    const options = { apiKey: "ce_test_0123456789", baseUrl: origin, mode: "stateless" };
    const ce = new CreditEngine(options);
    return () => ce.consume(CUSTOMER, 5, "AI: chat");
  },
  stripe: async () => {
    const { default: Stripe } = await import("stripe");
    const stripe = new Stripe("sk_test_0123456789", { host: "127.0.0.1", port, protocol: "http" });
    const payload = { stripe_customer_id: CUSTOMER, value: "5" };
    return () => stripe.billing.meterEvents.create({ event_name: "tokens", payload });
  },
  "autumn-js": async () => {
    const { Autumn } = await import("autumn-js");
    const autumn = new Autumn({ secretKey: "am_sk_test_0123456789", serverURL: origin });
    return () => autumn.track({ customerId: CUSTOMER, featureId: "tokens", value: 5 });
  },
};

const loading = performance.now();
const call = await CONTESTANTS[contestant]();
const startUp = performance.now() - loading;
const beginning = performance.now();
await call();
const first = performance.now() - beginning;
for (let index = 0; index < warmUp; index += 1) await call();

const times = [];
const used = process.cpuUsage();
for (let index = 0; index < calls; index += 1) {
  const from = performance.now();
  await call();
  times.push(performance.now() - from);
}
const { user, system } = process.cpuUsage(used);
console.log(JSON.stringify({ startUp, first, times, cpu: (user + system) / calls }));
// Connections that are kept alive would keep the process, too.
process.exit(0);
