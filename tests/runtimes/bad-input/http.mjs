// What is wrong with the request before anybody looks at amounts.
//
// A row is `{what, send, status, code}`; `send` is laid over a charge that would be good (see
// `bad-input.test.mjs`): `json` replaces fields of its body, `body` the whole of it, `headers` come
// on top, `without` names headers to leave out, `key` says whose API key is sent.

const KILOBYTE = 1024;
const GOOD = '{"amount": 1}';
const padded = (bytes) => `{"amount": 1${" ".repeat(bytes - GOOD.length)}}`;
const deep = (depth) => `{"amount": 1, "metadata": ${'{"a":'.repeat(depth)}1${"}".repeat(depth)}}`;

export const PATHS = [
  { what: "an unknown path", send: { path: "/v1/nothing" }, status: 404, code: "not_found" },
  { what: "the root", send: { method: "GET", path: "/" }, status: 404, code: "not_found" },
  { what: "a trailing slash", send: { rest: "consume/" }, status: 404, code: "not_found" },
  { what: "another case", send: { rest: "Consume" }, status: 404, code: "not_found" },
  {
    what: "GET of a change",
    send: { method: "GET" },
    status: 405,
    code: "method_not_allowed",
    allow: "POST",
  },
  {
    what: "POST of a read",
    send: { rest: "balance" },
    status: 405,
    code: "method_not_allowed",
    allow: "GET",
  },
  { what: "PUT", send: { method: "PUT" }, status: 405, code: "method_not_allowed", allow: "POST" },
  {
    what: "DELETE",
    send: { method: "DELETE" },
    status: 405,
    code: "method_not_allowed",
    allow: "POST",
  },
  {
    what: "a browser's preflight",
    send: {
      method: "OPTIONS",
      headers: [
        ["Origin", "https://a.example"],
        ["Access-Control-Request-Method", "POST"],
      ],
    },
    status: 405,
    code: "method_not_allowed",
  },
  { what: "HEAD", send: { method: "HEAD", body: "" }, status: 405 },
];

export const SIZES = [
  {
    what: "a body of 64 KB and one byte",
    send: { body: padded(64 * KILOBYTE + 1) },
    status: 413,
    code: "body_too_large",
  },
  {
    what: "a body of 4 MB",
    send: { body: padded(4 * KILOBYTE * KILOBYTE) },
    status: 413,
    code: "body_too_large",
  },
  {
    what: "chunks beyond 64 KB, whose sum nobody told",
    send: { body: padded(200 * KILOBYTE), framing: "chunked" },
    status: 413,
    code: "body_too_large",
  },
  {
    what: "a Content-Length that claims 10 GB",
    send: { framing: 10_000_000_000 },
    status: 413,
    code: "body_too_large",
  },
  {
    what: "a Content-Length that cuts the body",
    send: { framing: 5 },
    status: 400,
    code: "invalid_json",
  },
  {
    what: "headers over 16 KB",
    send: { headers: [["X-Filler", "x".repeat(17 * KILOBYTE)]] },
    status: 431,
    code: "headers_too_large",
  },
];

export const CONTENT = [
  {
    what: "no Content-Type",
    send: { without: ["Content-Type"] },
    status: 415,
    code: "unsupported_media_type",
  },
  { what: "text/plain", send: { type: "text/plain" }, status: 415, code: "unsupported_media_type" },
  {
    what: "a form",
    send: { type: "application/x-www-form-urlencoded", body: "amount=1" },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    what: "another charset",
    send: { type: "application/json; charset=latin1" },
    status: 415,
    code: "unsupported_media_type",
  },
  {
    what: "a compressed body",
    send: { headers: [["Content-Encoding", "gzip"]] },
    status: 415,
    code: "unsupported_media_type",
  },
];

export const JSON_TEXT = [
  { what: "no body", body: "" },
  { what: "white space only", body: "  \n" },
  { what: "invalid UTF-8", body: Buffer.from([0x7b, 0xff, 0xfe, 0x7d]) },
  { what: "a surrogate in UTF-8", body: Buffer.from('{"description": "\xed\xa0\x80"}', "latin1") },
  { what: "a byte order mark", body: `\ufeff${GOOD}` },
  { what: "a NUL byte after the body", body: `${GOOD}\0` },
  { what: "a NUL byte inside a string", body: '{"amount": 1, "description": "a\0b"}' },
  { what: "trailing garbage", body: `${GOOD} x` },
  { what: "two bodies", body: `${GOOD}${GOOD}` },
  { what: "a comment", body: '{"amount": 1 /* one */}' },
  { what: "single quotes", body: "{'amount': 1}" },
  { what: "a trailing comma", body: '{"amount": 1,}' },
  { what: "NaN as a literal", body: '{"amount": NaN}' },
  { what: "Infinity as a literal", body: '{"amount": Infinity}' },
  { what: "a leading plus", body: '{"amount": +1}' },
  { what: "a leading zero", body: '{"amount": 01}' },
  { what: "hexadecimal", body: '{"amount": 0x10}' },
  { what: "an unfinished object", body: '{"amount": 1' },
].map(({ what, body }) => ({ what, send: { body }, status: 400, code: "invalid_json" }));

export const SHAPES = [
  {
    what: "60 000 open brackets",
    send: { body: "[".repeat(60_000) },
    status: 400,
    code: "json_too_deep",
  },
  {
    what: "12 000 nested objects",
    send: { body: '{"a":'.repeat(12_000) },
    status: 400,
    code: "json_too_deep",
  },
  { what: "nesting of 17", send: { body: deep(16) }, status: 400, code: "json_too_deep" },
  {
    what: "a field twice",
    send: { body: '{"amount": 1, "amount": 1}' },
    status: 400,
    code: "duplicate_field",
  },
  {
    what: "a field twice, once escaped",
    send: { body: '{"amount": 1, "\\u0061mount": 2}' },
    status: 400,
    code: "duplicate_field",
  },
  {
    what: "a field twice in metadata",
    send: { body: '{"amount": 1, "metadata": {"a": 1, "a": 2}}' },
    status: 400,
    code: "duplicate_field",
  },
  { what: "an unknown field", send: { json: { ammount: 2 } }, status: 400, code: "unknown_field" },
  {
    what: "__proto__ as a field",
    send: { body: '{"amount": 1, "__proto__": {"amount": 2}}' },
    status: 400,
    code: "unknown_field",
  },
  { what: "an array", send: { body: "[1]" }, status: 400, code: "invalid_request" },
  { what: "a string", send: { body: '"amount"' }, status: 400, code: "invalid_request" },
  { what: "null", send: { body: "null" }, status: 400, code: "invalid_request" },
  {
    what: "no amount",
    send: { body: "{}" },
    status: 400,
    code: "invalid_request",
    param: "amount",
  },
  {
    what: "a description that is a number",
    send: { json: { description: 5 } },
    status: 400,
    code: "invalid_type",
    param: "description",
  },
  {
    what: "metadata that is text",
    send: { json: { metadata: "a" } },
    status: 400,
    code: "invalid_type",
    param: "metadata",
  },
  {
    what: "metadata that is a list",
    send: { json: { metadata: [1] } },
    status: 400,
    code: "invalid_type",
    param: "metadata",
  },
  {
    what: "metadata over 8 KB",
    send: { json: { metadata: { text: "x".repeat(8 * KILOBYTE) } } },
    status: 400,
    code: "metadata_too_large",
  },
  {
    what: "an on_insufficient that does not exist",
    send: { json: { on_insufficient: "maybe" } },
    status: 400,
    param: "on_insufficient",
  },
  {
    what: "an escaped NUL in the description",
    send: { body: '{"amount": 1, "description": "a\\u0000b"}' },
    status: 400,
    param: "description",
  },
  {
    what: "half of a surrogate pair, escaped",
    send: { body: '{"amount": 1, "description": "\\ud800"}' },
    status: 400,
    param: "description",
  },
];

export const HEADERS = [
  {
    what: "Idempotency-Key twice",
    send: { headers: [["Idempotency-Key", "a"], ["Idempotency-Key", "a"]] },
    status: 400,
    code: "duplicate_header",
  },
  {
    what: "Authorization twice",
    send: { key: "live", twice: true },
    status: 400,
    code: "duplicate_header",
  },
];
