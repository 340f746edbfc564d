// `npx edge-credits key`: a key, shown once, and what the worker is told about it.
//
// A key is `ce_live_` or `ce_test_`, then 32 random characters (190 bits), then 6 that are a checksum
// of all before them, so that a scanner for leaked secrets can tell a key from a look-alike. The
// worker compares digests and needs none of this.

import { createHash, randomInt } from "node:crypto";

import { parse } from "./arguments.js";
import { Misuse } from "./trouble.js";

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_CHARACTERS = 32;
const CHECKSUM_CHARACTERS = 6;
const ENVIRONMENTS = ["live", "test"];
/** Read and spend; add; everything. */
const SCOPES = ["use", "grant", "admin"];

export const help = `usage: npx edge-credits key --env live|test [--scopes use,grant,admin] [--json]

Makes an API key and prints it once, with its entry for the secret API_KEYS. Nothing is stored and
nothing is sent. The entry holds the key's digest, not the key.

  --env      live, or test for sandbox data
  --scopes   what the key may do: use (read and spend), grant (add credits), admin (everything);
             use alone where not given
  --json     print {"key", "entry"} as one line`;

export function run(words) {
  const given = parse(words, { env: "value", scopes: "value", json: "switch" });
  if (given.env === undefined) throw new Misuse("say which: --env live or --env test");
  const { key, entry } = makeKey(given.env, (given.scopes ?? "use").split(","));
  console.log(given.json ? JSON.stringify({ key, entry }) : told(key, JSON.stringify(entry)));
}

/**
 * @param {"live" | "test"} env
 * @param {string[]} scopes
 * @returns {{key: string, entry: {id: string, env: string, scopes: string[], sha256: string}}}
 */
export function makeKey(env, scopes) {
  if (!ENVIRONMENTS.includes(env)) throw new Misuse(`--env is live or test, not \`${env}\``);
  const unknown = scopes.find((scope) => !SCOPES.includes(scope));
  if (unknown !== undefined) {
    throw new Misuse(`there is no scope \`${unknown}\`; a key can have: ${SCOPES.join(", ")}`);
  }
  const random = Array.from(
    { length: RANDOM_CHARACTERS },
    () => ALPHABET[randomInt(ALPHABET.length)],
  );
  const body = `ce_${env}_${random.join("")}`;
  const key = body + checksum(body);
  const sha256 = digest(key).toString("hex");
  return {
    key,
    entry: { id: `key_${sha256.slice(0, 8)}`, env, scopes: [...new Set(scopes)], sha256 },
  };
}

/** The last characters of a key whose others are these. */
export function checksum(body) {
  let number = digest(body).readBigUInt64BE(0);
  let characters = "";
  for (let at = 0; at < CHECKSUM_CHARACTERS; at += 1) {
    characters += ALPHABET[Number(number % 62n)];
    number /= 62n;
  }
  return characters;
}

function digest(text) {
  return createHash("sha256").update(text).digest();
}

function told(key, entry) {
  return `The key. It is shown once and stored nowhere:

  ${key}

Its entry for the secret API_KEYS, which is a JSON list of such entries:

  ${entry}

To deploy with this as the only entry: npx wrangler secret put API_KEYS, then paste

  [${entry}]

For \`wrangler dev\`, the same in .dev.vars:

  API_KEYS='[${entry}]'`;
}
