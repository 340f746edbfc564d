// Every snippet of the Credit Engine SDK's README, as it stands there.
//
// `returns` names what of it is looked at, `expect` is what that must be; a function is a predicate.
// All start from a balance of 50. `method`: what the snippet is about.

const isText = (value) => typeof value === "string" && value.length > 0;
const isCount = (value) => Number.isInteger(value) && value >= 0;
const isNumber = (value) => typeof value === "number";
const rows = (fields) => (data) =>
  Array.isArray(data) &&
  data.length > 0 &&
  data.every((row) => Object.entries(fields).every(([name, is]) => is(row[name])));
const record = (fields) => (data) => rows(fields)([data]);

export const SNIPPETS = [
  {
    name: "Quick Start",
    code: `import { CreditEngine } from '@credit-engine/sdk';
const ce = new CreditEngine({
apiKey: 'ce_live_xxx', // or ce_test_xxx for sandbox
});
// Check balance
const { balance } = await ce.getBalance('cus_xxx');
// Consume credits (optimistic, async in persistent mode)
const { balance: remaining } = await ce.consume('cus_xxx', 5, 'AI: chat completion');
// Consume or throw if insufficient
await ce.consumeOrFail('cus_xxx', 10, 'AI: image generation');
// Clean up on shutdown
await ce.destroy();`,
    returns: "balance, remaining",
    expect: { balance: 50, remaining: 45 },
    left: 35,
  },
  {
    name: "Configuration",
    code: `const ce = new CreditEngine({
apiKey: 'ce_live_xxx', // Required. ce_live_ for production, ce_test_ for sandbox
baseUrl: 'https://...', // Custom API URL. Default: https://api.creditengine.dev
mode: 'auto', // 'persistent' | 'stateless' | 'auto'. Default: 'auto'
syncIntervalMs: 30000, // Cache sync interval (persistent mode). Default: 30s
gracefulDegradation: true, // Allow ops when API is down. Default: true
timeoutMs: 10000, // Request timeout. Default: 10s
maxRetries: 2, // Retry failed requests. Default: 2
onError: (err) => log(err), // Non-critical error callback
});`,
    returns: "read: (await ce.getBalance('cus_xxx')).balance",
    expect: { read: 50 },
  },
  {
    name: "Modes",
    code: `// Force a specific mode
const ce = new CreditEngine({ apiKey: 'ce_live_xxx', mode: 'stateless' });`,
    returns: "charged: (await ce.consume('cus_xxx', 1)).balance",
    expect: { charged: 49 },
    left: 49,
  },
  {
    name: "getBalance",
    code: `const { balance, customer_id, credit_name, breakdown } = await ce.getBalance('cus_xxx', {
includeBreakdown: true, // Include per-product breakdown
});`,
    returns: "balance, customer_id, credit_name, breakdown",
    expect: {
      balance: 50,
      customer_id: "cus_xxx",
      credit_name: isText,
      breakdown: rows({ balance: isNumber }),
    },
  },
  {
    name: "consume",
    code: `const { balance, transaction_id } = await ce.consume('cus_xxx', 5, 'AI: chat', {
idempotencyKey: 'req_abc123', // Prevent double-charging
metadata: { model: 'gpt-4' }, // Attached to the transaction
});`,
    returns: "balance, transaction_id",
    expect: { balance: 45, transaction_id: isText },
    left: 45,
  },
  {
    name: "consumeOrFail",
    code: `try {
await ce.consumeOrFail('cus_xxx', 100, 'AI: batch job');
} catch (err) {
if (err instanceof InsufficientCreditsError) {
console.log(\`Need \${err.requested}, have \${err.currentBalance}\`);
}
}`,
    returns: "logged",
    expect: { logged: (lines) => lines.length === 1 && lines[0] === "Need 100, have 50" },
  },
  {
    name: "add",
    code: `const { balance, transaction_id } = await ce.add('cus_xxx', 500, {
type: 'topup', // 'topup' | 'adjustment' | 'refund'
description: 'Monthly credit grant',
metadata: { source: 'subscription' },
});`,
    returns: "balance, transaction_id",
    expect: { balance: 550, transaction_id: isText },
    left: 550,
  },
  {
    name: "getTransactions",
    code: `const { data, pagination } = await ce.getTransactions('cus_xxx', {
limit: 20,
offset: 0,
type: 'consumption', // Filter by type
});`,
    returns: "data, pagination",
    expect: {
      data: rows({
        id: isText,
        type: (type) => type === "consumption",
        amount: (amount) => amount < 0,
      }),
      pagination: record({
        total: isCount,
        limit: (limit) => limit === 20,
        offset: (at) => at === 0,
      }),
    },
  },
  {
    name: "createTopUpSession",
    method: "createTopUpSession",
    sandbox: true,
    code: `const { checkoutUrl, sessionId } = await ce.createTopUpSession({
customerId: 'cus_xxx',
successUrl: 'https://app.example.com/credits?success=true',
cancelUrl: 'https://app.example.com/credits',
});
// Redirect user to checkoutUrl`,
    returns: "checkoutUrl, sessionId",
    expect: { checkoutUrl: (url) => /^https?:\/\//.test(url), sessionId: isText },
  },
  {
    name: "getUsageAnalytics",
    method: "getUsageAnalytics",
    code: `const { data } = await ce.getUsageAnalytics({
period: 'last_30_days', // 'last_7_days' | 'last_30_days' | 'last_90_days' | 'current_month'
groupBy: 'day', // 'day' | 'week' | 'action'
customerId: 'cus_xxx', // Optional: filter by customer
});
// data: [{ day, consumed, added, net, transaction_count }]`,
    returns: "data",
    expect: {
      data: rows({
        day: isText,
        consumed: isNumber,
        added: isNumber,
        net: isNumber,
        transaction_count: isCount,
      }),
    },
  },
  {
    name: "getTopConsumers",
    method: "getTopConsumers",
    later: true,
    code: `const { data } = await ce.getTopConsumers({ period: 'last_30_days', limit: 10 });
// data: [{ customer_id, total_consumed, total_added, transaction_count }]`,
    returns: "data",
    expect: {
      data: rows({
        customer_id: isText,
        total_consumed: isNumber,
        total_added: isNumber,
        transaction_count: isCount,
      }),
    },
  },
  {
    name: "getActionBreakdown",
    method: "getActionBreakdown",
    later: true,
    code: `const { data } = await ce.getActionBreakdown({ period: 'last_30_days' });
// data: [{ action, type, consumed, added, transaction_count }]`,
    returns: "data",
    expect: {
      data: rows({
        action: isText,
        type: isText,
        consumed: isNumber,
        added: isNumber,
        transaction_count: isCount,
      }),
    },
  },
  {
    name: "getBurnRate",
    method: "getBurnRate",
    later: true,
    code: `const { data } = await ce.getBurnRate({ days: 30 });
// data: { daily_avg_consumed, daily_avg_added, net_daily_burn, projection_days_remaining }`,
    returns: "data",
    expect: {
      data: record({
        daily_avg_consumed: isNumber,
        daily_avg_added: isNumber,
        net_daily_burn: isNumber,
        projection_days_remaining: (days) => days === null || isNumber(days),
      }),
    },
  },
  {
    name: "getAnalyticsSummary",
    method: "getAnalyticsSummary",
    later: true,
    code: `const { data } = await ce.getAnalyticsSummary({ period: 'last_30_days' });
// data: { total_consumed, total_added, net_change, total_transactions, active_customers, comparison: { ... } }`,
    returns: "data",
    expect: {
      data: record({
        total_consumed: isNumber,
        total_added: isNumber,
        net_change: isNumber,
        total_transactions: isCount,
        active_customers: (count) => count === 1,
        comparison: (comparison) => comparison !== null && typeof comparison === "object",
      }),
    },
  },
  {
    name: "destroy()",
    code: `await ce.destroy();`,
    returns: "ended: true",
    expect: { ended: true },
  },
  {
    name: "pendingOperations",
    code: `console.log(ce.pendingOperations); // 0`,
    returns: "logged",
    expect: { logged: (lines) => lines[0] === "0" },
  },
  {
    name: "Idempotency",
    code: `const key = \`user_\${userId}_action_\${actionId}\`;
// Safe to retry — will only charge once
await ce.consume('cus_xxx', 5, 'AI: chat', { idempotencyKey: key });
await ce.consume('cus_xxx', 5, 'AI: chat', { idempotencyKey: key }); // No-op, returns same tx`,
    returns: "key",
    expect: { key: "user_7_action_9" },
    left: 45,
  },
  {
    name: "Error Handling",
    code: `import {
CreditEngineError,
InsufficientCreditsError,
RateLimitError,
AuthenticationError,
} from '@credit-engine/sdk';
try {
await ce.consumeOrFail('cus_xxx', 100, 'expensive op');
} catch (err) {
if (err instanceof InsufficientCreditsError) {
// err.currentBalance, err.requested
} else if (err instanceof RateLimitError) {
// err.retryAfter (seconds)
} else if (err instanceof AuthenticationError) {
// Invalid API key
} else if (err instanceof CreditEngineError) {
// err.code, err.status, err.details
}
}`,
    returns:
      "classes: [RateLimitError, AuthenticationError].every((each) => each.prototype instanceof CreditEngineError)",
    expect: { classes: true },
  },
  {
    name: "Sandbox Mode",
    code: `const ce = new CreditEngine({ apiKey: 'ce_test_xxx' });
// All operations affect sandbox data only`,
    returns: "added: (await ce.add('cus_xxx', 1000)).balance",
    expect: { added: (balance) => balance >= 1000 },
  },
];

/** The names of types that the README imports. */
export const TYPES = [
  "CreditEngineConfig",
  "BalanceResponse",
  "ConsumeResponse",
  "AddResponse",
  "Transaction",
  "TransactionsResponse",
  "TopUpSessionResponse",
  "UsageAnalyticsResponse",
  "AnalyticsPeriod",
];
