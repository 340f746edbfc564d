// Idempotency keys and API keys.

export const REFUSED_KEYS = [
  {
    what: "an empty key",
    send: { headers: [["Idempotency-Key", ""]] },
    code: "invalid_idempotency_key",
  },
  {
    what: "256 characters",
    send: { headers: [["Idempotency-Key", "k".repeat(256)]] },
    code: "invalid_idempotency_key",
  },
  {
    what: "a space inside",
    send: { headers: [["Idempotency-Key", "a b"]] },
    code: "invalid_idempotency_key",
  },
  {
    what: "a comma",
    send: { headers: [["Idempotency-Key", "a,b"]] },
    code: "invalid_idempotency_key",
  },
  {
    what: "not ASCII",
    send: { headers: [["Idempotency-Key", "ключ"]] },
    code: "invalid_idempotency_key",
  },
  {
    what: "an unfinished quotation",
    send: { headers: [["Idempotency-Key", '"abc']] },
    code: "invalid_idempotency_key",
  },
  {
    what: "a quotation inside a quotation",
    send: { headers: [["Idempotency-Key", '"a"b"']] },
    code: "invalid_idempotency_key",
  },
  {
    what: "nothing, quoted",
    send: { headers: [["Idempotency-Key", '""']] },
    code: "invalid_idempotency_key",
  },
  {
    what: "an empty key in the body",
    send: { json: { idempotency_key: "" } },
    code: "invalid_idempotency_key",
  },
  {
    what: "256 characters in the body",
    send: { json: { idempotency_key: "k".repeat(256) } },
    code: "invalid_idempotency_key",
  },
  {
    what: "a space in the body's key",
    send: { json: { idempotency_key: "a b" } },
    code: "invalid_idempotency_key",
  },
  {
    what: "a comma in the body's key",
    send: { json: { idempotency_key: "a,b" } },
    code: "invalid_idempotency_key",
  },
  {
    what: "a number as the body's key",
    send: { json: { idempotency_key: 5 } },
    code: "invalid_type",
  },
  {
    what: "header and body that disagree",
    send: { headers: [["Idempotency-Key", "a"]], json: { idempotency_key: "b" } },
    code: "idempotency_key_conflict",
  },
].map((row) => ({ ...row, what: `idempotency key: ${row.what}`, status: 400 }));

/** One answer for every way of not having a key: it must not tell them apart. */
export const UNAUTHORIZED = [
  { what: "no Authorization", send: { without: ["Authorization"] } },
  { what: "an empty Authorization", send: { authorization: "" } },
  { what: "no token", send: { authorization: "Bearer " } },
  { what: "a key that nobody has", send: { key: "unknown" } },
  { what: "a key cut short", send: { key: "live", edit: (key) => key.slice(0, -1) } },
  { what: "a key and one character", send: { key: "live", edit: (key) => `${key}x` } },
  { what: "the digest in place of the key", send: { key: "live", digest: true } },
  { what: "a key whose prefix and entry disagree", send: { key: "mislabelled" } },
  { what: "Basic", send: { scheme: "Basic" } },
  { what: "no scheme", send: { scheme: "" } },
  { what: "SQL", send: { authorization: "Bearer ' OR 1=1 --" } },
].map((row) => ({ ...row, status: 401, code: "invalid_api_key" }));

export const FORBIDDEN = [
  {
    what: "a grant with a key that may spend",
    send: { key: "spender", rest: "add", body: '{"amount": 5, "type": "topup"}' },
  },
  {
    what: "a void with a key that may spend",
    send: { key: "spender", rest: `grants/txn_${"0".repeat(32)}/void`, body: "{}" },
  },
  { what: "a charge with a key that may grant", send: { key: "granter" } },
  {
    what: "a balance with a key that may grant",
    send: { key: "granter", method: "GET", rest: "balance", body: "" },
  },
].map((row) => ({ ...row, status: 403, code: "insufficient_scope" }));
