// The options of `new CreditEngine(…)`, read once: what the core judges, and what stays here
// because it is a function or a host's object.

import { amount, count, flag, options as optionsOf, text } from "./arguments.js";
import { waitUntilOf } from "./context.js";
import { refuse } from "./errors.js";

const CODE = "invalid_config";

export function readConfig(config) {
  const given = optionsOf(config, "config", CODE);
  const { fetcher, ledger, onError, waitUntil, baseUrl, degradedLimit, retryBudget, paths } = given;
  const host = { fetcher: fetcherOf(fetcher), ledger: ledgerOf(ledger) };
  if (host.fetcher && host.ledger) {
    throw refuse(CODE, "fetcher", "fetcher and ledger exclude each other");
  }
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
    ledger: host.ledger !== undefined,
  };
  return {
    options: withoutAbsent(options),
    host,
    onError: present(onError, reporter) ?? ((error) => console.error(error)),
    waitUntil: waitUntilOf(waitUntil, "waitUntil", CODE),
  };
}

function present(value, read) {
  return value === undefined || value === null ? undefined : read(value);
}

function withoutAbsent(object) {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined));
}

function fetcherOf(fetcher) {
  if (fetcher === undefined || fetcher === null) return undefined;
  if (typeof fetcher.fetch === "function") return fetcher;
  throw refuse(CODE, "fetcher", "fetcher must be an object with a fetch method (is it bound?)");
}

function ledgerOf(ledger) {
  if (ledger === undefined || ledger === null) return undefined;
  if (typeof ledger.idFromName === "function" && typeof ledger.get === "function") return ledger;
  throw refuse(CODE, "ledger", "ledger must be a Durable Object namespace (is it bound?)");
}

function reporter(onError) {
  if (typeof onError === "function") return onError;
  throw refuse(CODE, "onError", "onError must be a function");
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
  const { balance, consume, add, transactions, voidGrant } = optionsOf(paths, "paths", CODE);
  return withoutAbsent({
    balance: text(balance, "paths.balance", CODE),
    consume: text(consume, "paths.consume", CODE),
    add: text(add, "paths.add", CODE),
    transactions: text(transactions, "paths.transactions", CODE),
    voidGrant: text(voidGrant, "paths.voidGrant", CODE),
  });
}

// The pieces of a URL for the core to judge. Text that is no URL has none.
function urlParts(url) {
  if (url === undefined) return undefined;
  try {
    const { protocol, host, hostname, pathname, username, password, search, hash } = new URL(url);
    return { protocol, host, hostname, pathname, username, password, search, hash };
  } catch {
    return {};
  }
}
