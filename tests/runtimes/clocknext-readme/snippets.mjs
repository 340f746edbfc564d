// Every snippet of the ClockNext SDK's README, as it stands there.
//
// `returns` names what of it is looked at, `expect` is what that must be; a function is a predicate.

const isText = (value) => typeof value === "string" && value.length > 0;
const isNumber = (value) => typeof value === "number";
const isLog = (type) => (log) => isText(log?.id) && log.type === type;
const flushed = (count) => (result) =>
  result.delivered === count && result.rejected.length === 0 && result.pending === 0;

export const SNIPPETS = [
  {
    name: "Quick start",
    code: `import { ClockNext } from "@clocknext/sdk";

const cnk = new ClockNext({ apiKey: process.env.CLOCKNEXT_API_KEY! });

await cnk.signals.credit({
  customerId: "cus_123",
  model: "llama-3.3-70b-versatile", // catalog model id (OrgModel.modelId)
  key: "api_credit", // the credit's stable key
  member: "alice@acme.com",
  tokens: { input: 1200, output: 340, cache: 0 },
  custom: { feature: "summarize" },
});

// Before a serverless function returns (or on shutdown):
await cnk.flush();`,
    returns: "stats: cnk.stats, logs: (await cnk.signals.list({ customerId: 'cus_123', limit: 1 })).logs",
    expect: {
      stats: ({ tracked, delivered }) => tracked === 1 && delivered === 1,
      logs: ([log]) => isLog("credit")(log),
    },
  },
  {
    name: "Recording signals",
    code: `// Credit — metered against a credit (by key); charged at the model's real cost + your margin
await cnk.signals.credit({ customerId, model: "llama-3.3-70b-versatile", key: "api_credit", tokens: { input: 1200, output: 340 } });

// Wallet — debits the customer's USD wallet at model cost
await cnk.signals.wallet({ customerId, model: "openai/gpt-oss-120b", tokens: { input: 800, output: 5000 } });

// Outcome — advances one step of a workflow (key = the OutcomeStep's key)
await cnk.signals.outcome({ customerId, model: "llama-3.3-70b-versatile", key: "resolved_ticket.triage" });`,
    returns: "result: await cnk.flush()",
    expect: { result: flushed(3) },
  },
  {
    name: "Sync, per call",
    code: `// per call
const res = await cnk.signals.credit({ … }, { wait: true });
console.log(res.usageLog);`,
    returns: "res, logged",
    expect: {
      res: ({ queued, usageLog }) => queued === false && isLog("credit")(usageLog),
      logged: (lines) => lines.length === 1,
    },
  },
  {
    name: "Sync, globally",
    code: `// or globally
const cnk = new ClockNext({ apiKey, mode: "sync" });`,
    returns: "res: await cnk.signals.credit({ … })",
    expect: { res: ({ queued, usageLog }) => queued === false && isLog("credit")(usageLog) },
  },
  {
    name: "Customers",
    code: `const c = await cnk.customers.create({ name: "Acme", email: "ops@acme.com" });
const one = await cnk.customers.get(c.id);
const page = await cnk.customers.list({ limit: 50, q: "ac" });
await cnk.customers.update(c.id, { notes: "VIP" });
await cnk.customers.delete(c.id);

// iterate every customer (auto-follows the cursor)
for await (const cust of cnk.customers.iterate()) { /* … */ }`,
    returns: "c, one, page, gone: await cnk.customers.get(c.id).catch((error) => error.name)",
    expect: {
      c: ({ id, name, email }) => isText(id) && name === "Acme" && email === "ops@acme.com",
      one: ({ name }) => name === "Acme",
      page: ({ customers }) => customers.some(({ name }) => name === "Acme"),
      gone: "NotFoundError",
    },
  },
  {
    name: "Insights",
    code: `// insights
await cnk.customers.usage(c.id, { limit: 50 });
await cnk.customers.balances(c.id);
await cnk.customers.plan(c.id);
await cnk.customers.revenue(c.id, { range: "30d" });`,
    before: "const c = { id: customerId };",
    returns: `usage: await cnk.customers.usage(c.id, { limit: 50 }), balances: await cnk.customers.balances(c.id),
      plan: await cnk.customers.plan(c.id), revenue: await cnk.customers.revenue(c.id, { range: "30d" })`,
    expect: {
      usage: ({ logs }) => Array.isArray(logs),
      balances: ({ credits, walletBalanceUsd }) =>
        credits.some(({ agentKey, remaining }) => agentKey === "api_credit" && isNumber(remaining)) &&
        isNumber(walletBalanceUsd),
      plan: (plan) => typeof plan === "object" && plan !== null,
      revenue: ({ revenue, cost }) => isNumber(revenue) && isNumber(cost),
    },
  },
  {
    name: "Customer portal token",
    code: `const { token, expiresAt } = await cnk.portal.createToken({ customerId: "cus_123", ttlSeconds: 600 });
// render <iframe src={\`https://app.clocknext.com/portal/embed?token=\${token}\`} />`,
    returns: "token, expiresAt",
    expect: { token: isText, expiresAt: (text) => Date.parse(text) > Date.now() },
  },
  {
    name: "Errors",
    code: `import { AllowanceError, AuthError, RateLimitError } from "@clocknext/sdk";

try {
  await cnk.signals.credit({ … }, { wait: true });
} catch (err) {
  if (err instanceof AllowanceError) {/* upsell */}
  else if (err instanceof AuthError) {/* bad key */}
  else if (err instanceof RateLimitError) {/* back off */}
}`,
    // A customer who has nothing, and a key that opens nothing.
    given: { customerId: "cus_poor" },
    returns: `poor: await cnk.signals.credit({ … }, { wait: true }).catch((err) => err),
      bad: await new ClockNext({ apiKey: "cnk_unknown", baseUrl: url }).customers.list().catch((err) => err),
      classes: [AllowanceError, AuthError, RateLimitError]`,
    expect: {
      poor: ({ name, status, retryable, idempotencyKey }) =>
        name === "AllowanceError" && status === 422 && retryable === false && isText(idempotencyKey),
      bad: ({ name, status }) => name === "AuthError" && status === 401,
    },
  },
  {
    name: "Configuration",
    code: `new ClockNext({
  apiKey: "cnk_…", // required
  baseUrl: "https://app.clocknext.com",
  mode: "async", // "async" | "sync"
  timeoutMs: 10_000,
  batch: { maxSize: 20, maxIntervalMs: 2000, maxConcurrency: 5, maxQueueSize: 10_000 },
  retry: { maxAttempts: 5, baseDelayMs: 200, maxDelayMs: 10_000 },
  onError: (err, signal) => {},
  onFlush: (count) => {},
  onRetry: ({ attempt, delayMs }) => {},
  onDrop: (signal, reason) => {},
});`,
    returns: "read: (await cnk.customers.list({ limit: 1 })).customers",
    expect: { read: Array.isArray },
  },
];
