// A signal as a caller has written it, made ready to cross into wasm. Every field is read exactly once.

import { count, flag, metadata, options, text } from "./arguments.js";
import { refuse } from "./errors.js";

export function signalInput(given, rest) {
  const { customerId, type, model, key, agentKey, runId, complete, member } = given;
  const { input, output, cache } = options(given.tokens, "tokens");
  const { ref, value } = options(given.metric, "metric");
  return {
    customerId: text(customerId, "customerId", "invalid_id"),
    type: text(type, "type"),
    model: text(model, "model"),
    key: text(key, "key"),
    agentKey: text(agentKey, "agentKey"),
    runId: text(runId, "runId"),
    complete: flag(complete, "complete"),
    member: text(member, "member"),
    custom: metadata(given.custom, "custom"),
    idempotencyKey: text(given.idempotencyKey, "idempotencyKey", "invalid_idempotency_key"),
    inputTokens: count(input, "tokens.input"),
    outputTokens: count(output, "tokens.output"),
    cacheTokens: count(cache, "tokens.cache"),
    metricRef: text(ref, "metric.ref"),
    metricValue: number(value, "metric.value"),
    ...rest,
  };
}

function number(value, param) {
  if (value === undefined || value === null) return undefined;
  if (Number.isFinite(value)) return JSON.stringify(value);
  throw refuse("invalid_request", param, `${param} must be a finite number`);
}
