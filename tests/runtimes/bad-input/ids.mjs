// Identifiers, text and objects. `segment` is what stands in the path.

const nested = (depth) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

/** Not ids. */
export const REFUSED_IDS = [
  { what: "an empty id", segment: "", status: 400, code: "invalid_id" },
  { what: "129 bytes", segment: "a".repeat(129), status: 400, code: "invalid_id" },
  {
    what: "129 bytes in fewer characters",
    segment: encodeURIComponent("é".repeat(65)),
    status: 400,
    code: "invalid_id",
  },
  { what: "a NUL", segment: "a%00b", status: 400, code: "invalid_id" },
  { what: "a line break", segment: "a%0Ab", status: 400, code: "invalid_id" },
  { what: "a header injection", segment: "a%0D%0AX-Admin:%201", status: 400, code: "invalid_id" },
  { what: "DEL", segment: "a%7F", status: 400, code: "invalid_id" },
  { what: "a C1 control", segment: "a%C2%85b", status: 400, code: "invalid_id" },
  { what: "a space before", segment: "%20a", status: 400, code: "invalid_id" },
  { what: "a space after", segment: "a%20", status: 400, code: "invalid_id" },
  { what: "a no-break space after", segment: "a%C2%A0", status: 400, code: "invalid_id" },
  { what: "a lone surrogate", segment: "a%ED%A0%80", status: 400, code: "invalid_id" },
  { what: "invalid UTF-8", segment: "a%FF", status: 400, code: "invalid_id" },
  { what: "a broken escape", segment: "a%zz", status: 400, code: "invalid_id" },
  { what: "an unfinished escape", segment: "a%2", status: 400, code: "invalid_id" },
  { what: "a dot", segment: ".", status: 400, code: "invalid_id" },
  { what: "two dots", segment: "..", status: 400, code: "invalid_id" },
  { what: "two dots, escaped", segment: "%2e%2e", status: 400, code: "invalid_id" },
].map(({ what, segment, status, code }) => ({ what, send: { segment }, status, code }));

/** Ids that must come back byte for byte, each a customer of its own. */
export const ACCEPTED_IDS = [
  "plain",
  "org/42: 50% off",
  "a?b#c",
  "a\\b",
  "a%2Fb",
  "a%252Fb",
  "+",
  "a+b",
  "a b",
  "...",
  "..a",
  "robert'); DROP TABLE entries;--",
  '" OR ""="',
  "%' OR 1=1 --",
  "${jndi:ldap://x}",
  "<script>alert(1)</script>",
  "用户",
  "пользователь",
  "ÅÄÖ",
  "\u00e9",
  "e\u0301",
  "ﬁ",
  "fi",
  "FI",
  "👩‍👩‍👧‍👦",
  "\u202eabc",
  "a\u200bb",
  "__proto__",
  "constructor",
  "null",
  "undefined",
  "true",
  "0",
  "-1",
  "1e3",
  "NaN",
  "a".repeat(128),
  "é".repeat(64),
];

/** Wrong names and references in the body of `add`. */
export const REFUSED_NAMES = [
  {
    what: "a unit with a space",
    add: { unit: "my credits" },
    status: 400,
    code: "invalid_id",
    param: "unit",
  },
  { what: "an empty unit", add: { unit: "" }, status: 400, code: "invalid_id", param: "unit" },
  {
    what: "a unit of 65 bytes",
    add: { unit: "u".repeat(65) },
    status: 400,
    code: "invalid_id",
    param: "unit",
  },
  {
    what: "a unit with SQL in it",
    add: { unit: "'; DROP TABLE entries;--" },
    status: 400,
    code: "invalid_id",
    param: "unit",
  },
  {
    what: "a product that is not ASCII",
    add: { product: "päckchen" },
    status: 400,
    code: "invalid_id",
    param: "product",
  },
  { what: "an unknown type", add: { type: "gift" }, status: 400, param: "type" },
  { what: "a priority below 0", add: { priority: -1 }, status: 400, param: "priority" },
  { what: "a priority that is a fraction", add: { priority: 1.5 }, status: 400, param: "priority" },
  { what: "a priority that is large", add: { priority: 1e9 }, status: 400, param: "priority" },
  {
    what: "an expiry that is no time",
    add: { expires_at: "tomorrow" },
    status: 400,
    param: "expires_at",
  },
  {
    what: "an expiry on 30 February",
    add: { expires_at: "2999-02-30T00:00:00Z" },
    status: 400,
    param: "expires_at",
  },
  {
    what: "an expiry that has passed",
    add: { expires_at: "2001-01-01T00:00:00Z" },
    status: 400,
    param: "expires_at",
  },
  {
    what: "a refund of what is no transaction id",
    add: { type: "refund", refund_of: "x" },
    status: 400,
    param: "refund_of",
  },
  {
    what: "a refund of an unknown charge",
    add: { type: "refund", refund_of: `txn_${"0".repeat(32)}` },
    status: 404,
    code: "not_found",
  },
  {
    what: "refund_of without a refund",
    add: { type: "topup", refund_of: `txn_${"0".repeat(32)}` },
    status: 400,
  },
].map(({ what, add, ...answer }) => ({
  what,
  send: { rest: "add", body: JSON.stringify({ amount: 1, type: "topup", ...add }) },
  ...answer,
}));

export const REFUSED_QUERIES = [
  ["limit=0", "limit"],
  ["limit=101", "limit"],
  ["limit=-1", "limit"],
  ["limit=1.5", "limit"],
  ["limit=ten", "limit"],
  ["limit=", "limit"],
  ["offset=-1", "offset"],
  ["offset=99999999999999999999", "offset"],
  ["before_sequence=x", "before_sequence"],
  ["type=gift", "type"],
  ["type=%27%20OR%201%3D1--", "type"],
  ["unit=a%20b", "unit"],
].map(([query, param]) => ({
  what: `transactions?${query}`,
  send: { method: "GET", rest: `transactions?${query}`, body: "" },
  status: 400,
  param,
}));

/** Metadata that must round-trip as data. */
export const ACCEPTED_METADATA = [
  '{"__proto__":{"polluted":true}}',
  '{"constructor":{"prototype":1},"prototype":2,"toString":3,"hasOwnProperty":4}',
  '{"a":[1,null,true,"é\u2028",{"b":{}}],"":"empty key"}',
  '{"emoji":"👩‍👩‍👧‍👦","sql":"\'); DROP TABLE entries;--"}',
  `{"text":"${"x".repeat(8000)}"}`,
  nested(14),
  // Escaped, it is text like any other; as a byte it is no JSON.
  '{"a":"\\u0000"}',
];
