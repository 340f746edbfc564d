// What refuses a batch as a whole, and no credits move; what refuses one item is in
// `batch.test.mjs`. A row is as in `http.mjs`.

const MEGABYTE = 1024 * 1024;
const GOOD = '{"amount": 1, "idempotency_key": "k"}';

const items = (count) =>
  Array.from({ length: count }, (_, n) => `{"amount": 1, "idempotency_key": "k${n}"}`).join();
/** A good batch, but for spaces up to so many bytes. */
const padded = (bytes) => `{"items": [${GOOD}]${" ".repeat(bytes - GOOD.length - 13)}}`;

const SIZES = [
  { what: "1 MB and one byte", body: padded(MEGABYTE + 1) },
  { what: "chunks beyond 1 MB", body: padded(MEGABYTE + 1), framing: "chunked" },
  { what: "a Content-Length that claims 2 MB", body: padded(100), framing: 2 * MEGABYTE },
].map(({ what, ...send }) => ({ what, send, status: 413, code: "body_too_large" }));

const ENVELOPES = [
  { what: "no body", body: "", code: "invalid_json" },
  { what: "an item that is not JSON", body: `{"items": [${GOOD}, {]}`, code: "invalid_json" },
  { what: "invalid UTF-8 in an item", body: Buffer.from(`{"items": [${GOOD}, "\xff"]}`, "latin1") },
  { what: "a list", body: `[${GOOD}]`, code: "invalid_request" },
  { what: "a charge that is no batch", body: GOOD, code: "invalid_request", param: "items" },
  { what: "no item", body: '{"items": []}', code: "invalid_request", param: "items" },
  { what: "items that are null", body: '{"items": null}', code: "invalid_request", param: "items" },
  { what: "items that are an object", body: `{"items": ${GOOD}}`, code: "invalid_type", param: "items" },
  { what: "101 items", body: `{"items": [${items(101)}]}`, code: "invalid_request", param: "items" },
  {
    what: "half a million items",
    body: `{"items": [${"0,".repeat(500_000)}0]}`,
    code: "invalid_request",
    param: "items",
  },
  { what: "items twice", body: `{"items": [${GOOD}], "items": [${GOOD}]}`, code: "duplicate_field" },
  { what: "another field", body: `{"items": [${GOOD}], "atomic": true}`, code: "unknown_field" },
  { what: "a million open brackets", body: "[".repeat(1_000_000), code: "invalid_json" },
].map(({ what, body, code = "invalid_json", param }) => ({
  what,
  send: { body },
  status: 400,
  code,
  param,
}));

export const REFUSED_BATCHES = [
  ...SIZES,
  ...ENVELOPES,
  {
    what: "GET of a batch",
    send: { method: "GET", body: "" },
    status: 405,
    code: "method_not_allowed",
    allow: "POST",
  },
  {
    what: "a batch as text",
    send: { type: "text/plain", body: `{"items": [${GOOD}]}` },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    what: "a batch with a key that may grant",
    send: { key: "granter", body: `{"items": [${GOOD}]}` },
    status: 403,
    code: "insufficient_scope",
  },
].map(({ what, send, ...row }) => ({ what, send: { rest: "batch", ...send }, ...row }));
