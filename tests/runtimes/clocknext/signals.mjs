// Signals, and a price list for them.

import { randomUUID } from "node:crypto";

/** 1, 2 and 0.1 USD per million; a cent a credit, 30 % on top; an outcome for 0.99. */
export async function priceList(api) {
  const model = { modelId: "acme/one", inputPrice: 1, outputPrice: "2", cachePrice: 0.1 };
  await api.good("POST", "/models", model);
  const credits = { name: "API credits", agentKey: "api", marginPercent: 30, pricePerCredit: 0.01 };
  await api.good("POST", "/credit-types", credits);
  const steps = [
    { name: "Triage", agentKey: "ticket.triage", basePrice: 0.001 },
    { name: "Answer", agentKey: "ticket.answer" },
  ];
  await api.good("POST", "/outcomes", { name: "Ticket", pricePerOutcome: 0.99, steps });
}

export const signal = (customerId, more) => ({
  customerId,
  type: "credit",
  model: "ACME/One",
  agentKey: "api",
  inputTokens: 1_000,
  outputTokens: 500,
  idempotencyKey: randomUUID(),
  ...more,
});
export const wallet = (customerId, more) =>
  signal(customerId, { type: "wallet", agentKey: undefined, ...more });
export const step = (customerId, name, more) =>
  signal(customerId, { type: "outcome", agentKey: `ticket.${name}`, outputTokens: 0, ...more });
