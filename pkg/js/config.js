// The options of `new CreditEngine(…)`, read once: what the core judges, and what stays here
// because it is a function or a host's object.

import { amount, count, flag, options as optionsOf, text } from "./arguments.js";
import { waitUntilOf } from "./context.js";
import { refuse } from "./errors.js";
import { hostFacts } from "./host.js";

export const CODE = "invalid_config";

// The objects that carry requests, numbered: what is remembered of one is not taken for another's.
const carriers = new WeakMap();
let lastCarrier = 0;

export function readConfig(config) {
  const given = optionsOf(config, "config", CODE);
  const { onError, waitUntil, baseUrl, degradedLimit, retryBudget, paths } = given;
  const fetcher = present(given.fetcher, fetcherOf);
  const ledger = present(given.ledger, (value) => namespaceOf(value, "ledger"));
  const balanceCache = present(given.balanceCache, (value) => namespaceOf(value, "balanceCache"));
  const options = {
    apiKey: text(given.apiKey, "apiKey", CODE),
    baseUrl: urlParts(text(baseUrl, "baseUrl", CODE)),
    mode: text(given.mode, "mode", CODE),
    environment: text(given.environment, "environment", CODE),
    timeoutMs: count(given.timeoutMs, "timeoutMs", CODE),
    maxRetries: count(given.maxRetries, "maxRetries", CODE),
    deadlineMs: count(given.deadlineMs, "deadlineMs", CODE),
    syncIntervalMs: count(given.syncIntervalMs, "syncIntervalMs", CODE),
    maxStalenessMs: count(given.maxStalenessMs, "maxStalenessMs", CODE),
    gracefulDegradation: flag(given.gracefulDegradation, "gracefulDegradation", CODE),
    degradedLimit: present(degradedLimit, amount),
    retryBudget: present(retryBudget, budgetOf),
    paths: pathsOf(paths),
    ledger: ledger !== undefined,
    balanceCache: balanceCache !== undefined,
    fetcher: fetcher !== undefined,
    carrier: present(fetcher ?? ledger ?? balanceCache, numberOf),
    ...hostFacts(),
  };
  return {
    options: withoutAbsent(options),
    host: { fetcher, namespace: ledger ?? balanceCache },
    report: reporter(present(onError, (value) => callback(value)) ?? ((error) => console.error(error))),
    waitUntil: waitUntilOf(waitUntil, "waitUntil", CODE),
  };
}

export function present(value, read) {
  return value === undefined || value === null ? undefined : read(value);
}

function withoutAbsent(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

export function fetcherOf(fetcher) {
  if (typeof fetcher.fetch === "function") return fetcher;
  throw refuse(CODE, "fetcher", "fetcher must be an object with a fetch method (is it bound?)");
}

function namespaceOf(namespace, param) {
  const { idFromName, get } = namespace;
  if (typeof idFromName === "function" && typeof get === "function") return namespace;
  throw refuse(CODE, param, `${param} must be a Durable Object namespace (is it bound?)`);
}

export function numberOf(carrier) {
  if (!carriers.has(carrier)) carriers.set(carrier, (lastCarrier += 1));
  return carriers.get(carrier);
}

export function callback(given, name = "onError") {
  if (typeof given === "function") return given;
  throw refuse(CODE, name, `${name} must be a function`);
}

// The callback is told of failures; its own are its own, those of an async one too.
function reporter(onError) {
  return (error) => {
    try {
      Promise.resolve(onError(error)).catch(() => {});
    } catch {
      // As above.
    }
  };
}

function budgetOf(budget) {
  if (typeof budget === "boolean") return budget;
  const { percent, burst } = optionsOf(budget, "retryBudget", CODE);
  return withoutAbsent({
    percent: count(percent, "retryBudget.percent", CODE),
    burst: count(burst, "retryBudget.burst", CODE),
  });
}

function pathsOf(paths) {
  const given = optionsOf(paths, "paths", CODE);
  const { balance, consume, add, transactions, voidGrant, analytics, topUpSessions } = given;
  return withoutAbsent({
    balance: text(balance, "paths.balance", CODE),
    consume: text(consume, "paths.consume", CODE),
    add: text(add, "paths.add", CODE),
    transactions: text(transactions, "paths.transactions", CODE),
    voidGrant: text(voidGrant, "paths.voidGrant", CODE),
    analytics: text(analytics, "paths.analytics", CODE),
    topUpSessions: text(topUpSessions, "paths.topUpSessions", CODE),
  });
}

// The pieces of a URL for the core to judge. Text that is no URL has none.
export function urlParts(url) {
  if (url === undefined) return undefined;
  try {
    const { protocol, host, hostname, pathname, username, password, search, hash } = new URL(url);
    return { protocol, host, hostname, pathname, username, password, search, hash };
  } catch {
    return {};
  }
}
