// The options of `new ClockNext(…)`, read once: what the core judges, and what stays here because it is
// a function or a host's object.

import { count, flag, options as optionsOf, text } from "./arguments.js";
import { CODE, callback, fetcherOf, numberOf, present, urlParts } from "./config.js";
import { waitUntilOf } from "./context.js";
import { isBrowser } from "./host.js";

export function readFaceConfig(config) {
  const given = optionsOf(config, "config", CODE);
  const batch = optionsOf(given.batch, "batch", CODE);
  const retry = optionsOf(given.retry, "retry", CODE);
  const baseUrl = text(given.baseUrl, "baseUrl", CODE);
  const fetcher = present(given.fetcher, fetcherOf);
  return {
    options: {
      apiKey: text(given.apiKey, "apiKey", CODE),
      baseUrl: urlParts(baseUrl),
      mode: text(given.mode, "mode", CODE),
      timeoutMs: count(given.timeoutMs, "timeoutMs", CODE),
      maxSize: count(batch.maxSize, "batch.maxSize", CODE),
      maxIntervalMs: count(batch.maxIntervalMs, "batch.maxIntervalMs", CODE),
      maxConcurrency: count(batch.maxConcurrency, "batch.maxConcurrency", CODE),
      maxQueueSize: count(batch.maxQueueSize, "batch.maxQueueSize", CODE),
      maxAttempts: count(retry.maxAttempts, "retry.maxAttempts", CODE),
      baseDelayMs: count(retry.baseDelayMs, "retry.baseDelayMs", CODE),
      maxDelayMs: count(retry.maxDelayMs, "retry.maxDelayMs", CODE),
      browser: isBrowser(),
      allowBrowser: flag(given.allowBrowser, "allowBrowser", CODE),
    },
    host: { fetcher },
    // Which server it is, as far as two clients of one isolate can tell.
    server: `${present(fetcher, numberOf) ?? ""} ${baseUrl ?? ""}`,
    hooks: {
      onError: hook(given, "onError") ?? ((error) => console.error(error)),
      onFlush: hook(given, "onFlush"),
      onRetry: hook(given, "onRetry"),
      onDrop: hook(given, "onDrop"),
    },
    waitUntil: waitUntilOf(given.waitUntil, "waitUntil", CODE),
  };
}

// A callback that is told of something; its own failures are its own, those of an async one too.
function hook(given, name) {
  const call = present(given[name], (value) => callback(value, name));
  if (call === undefined) return undefined;
  return (...facts) => {
    try {
      Promise.resolve(call(...facts)).catch(() => {});
    } catch {
      // As above.
    }
  };
}
