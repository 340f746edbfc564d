// API keys for tests: made here, known to the worker by their digest, as in production.

import { createHash, randomBytes } from "node:crypto";

/**
 * A key and its entry of `API_KEYS`.
 * @param {"live" | "test"} env
 * @param {string[]} scopes any of use, grant, admin
 */
export function makeKey(env, scopes) {
  const text = `ce_${env}_${randomBytes(20).toString("hex")}`;
  const sha256 = createHash("sha256").update(text).digest("hex");
  return { text, entry: { id: `key_${sha256.slice(0, 8)}`, env, scopes, sha256 } };
}

/** The keys that the tests work with, by name, and the secret that makes a worker know them. */
export function makeKeys() {
  const keys = {
    live: makeKey("live", ["use", "grant"]),
    test: makeKey("test", ["use", "grant"]),
    spender: makeKey("live", ["use"]),
    granter: makeKey("live", ["grant"]),
    admin: makeKey("live", ["admin"]),
    // Its prefix and its entry disagree, so nothing accepts it.
    mislabelled: makeKey("live", ["admin"]),
  };
  keys.mislabelled.entry.env = "test";
  const entries = Object.values(keys).map((key) => key.entry);
  return { ...keys, unknown: makeKey("live", ["admin"]), secret: JSON.stringify(entries) };
}
