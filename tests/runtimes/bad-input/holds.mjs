// What refuses a call about holds, and no credits are held or moved. A row is as in `http.mjs`.

/** A hold that nobody has. */
const NOBODYS = "txn_00000000000000000000000000000000";

const placing = [
  ["no amount", "{}", 400, "invalid_request", "amount"],
  ["an amount of zero", '{"amount": 0}', 400, "amount_zero", "amount"],
  ["a negative amount", '{"amount": -1}', 400, "amount_negative", "amount"],
  ["seven decimals", '{"amount": 0.0000001}', 400, "amount_precision", "amount"],
  ["more than there is", '{"amount": 100.000001}', 402, "insufficient_credits"],
  ["more than can be", '{"amount": 8000000001}', 422, "amount_too_large", "amount"],
  ["a life of less than a second", '{"amount": 1, "ttl_ms": 999}', 400, "invalid_request", "ttl_ms"],
  ["a life of more than a day", '{"amount": 1, "ttl_ms": 86400001}', 400, "invalid_request", "ttl_ms"],
  ["a life of half a millisecond", '{"amount": 1, "ttl_ms": 1000.5}', 400, "invalid_type", "ttl_ms"],
  ["a life as text", '{"amount": 1, "ttl_ms": "60s"}', 400, "invalid_type", "ttl_ms"],
  ["a life of null", '{"amount": 1, "ttl_ms": null}', 400, "invalid_request", "ttl_ms"],
  ["another rule", '{"amount": 1, "on_expiry": "keep"}', 400, "invalid_request", "on_expiry"],
  ["on_insufficient", '{"amount": 1, "on_insufficient": "allow"}', 400, "unknown_field", "on_insufficient"],
].map(([what, body, status, code, param]) => ({
  what: `a hold with ${what}`,
  send: { rest: "holds", body },
  status,
  code,
  param,
}));

const changing = [
  ["capture", '{"amount": -1}', 400, "amount_negative", "amount"],
  ["capture", '{"amount": -0}', 400, "amount_negative", "amount"],
  ["capture", '{"amount": null}', 400, "invalid_type", "amount"],
  ["capture", '{"used": 1}', 400, "unknown_field", "used"],
  ["capture", '{"amount": 1}', 404, "not_found", "hold_id"],
  ["release", '{"amount": 1}', 400, "unknown_field", "amount"],
  ["release", "{}", 404, "not_found", "hold_id"],
  ["progress", "{}", 400, "invalid_request", "used"],
  ["progress", '{"used": "a lot"}', 400, "invalid_type", "used"],
  ["progress", '{"used": 1}', 404, "not_found", "hold_id"],
  ["extend", "{}", 400, "invalid_request", "ttl_ms"],
  ["extend", '{"ttl_ms": 0}', 400, "invalid_request", "ttl_ms"],
  ["extend", '{"ttl_ms": 60000}', 404, "not_found", "hold_id"],
].map(([change, body, status, code, param]) => ({
  what: `${change} with ${body}`,
  send: { rest: `holds/${NOBODYS}/${change}`, body },
  status,
  code,
  param,
}));

export const REFUSED_HOLDS = [
  ...placing,
  ...changing,
  {
    what: "a hold's id that is none",
    send: { rest: "holds/h1/release", body: "{}" },
    status: 400,
    code: "invalid_id",
    param: "hold_id",
  },
  {
    what: "a hold that nobody has",
    send: { rest: `holds/${NOBODYS}`, method: "GET" },
    status: 404,
    code: "not_found",
    param: "hold_id",
  },
  {
    what: "another change",
    send: { rest: `holds/${NOBODYS}/keep`, body: "{}" },
    status: 404,
    code: "not_found",
  },
  {
    what: "a page of no holds",
    send: { rest: "holds?limit=0", method: "GET" },
    status: 400,
    code: "invalid_request",
    param: "limit",
  },
  {
    what: "PUT of a hold",
    send: { rest: "holds", method: "PUT", body: "" },
    status: 405,
    code: "method_not_allowed",
    allow: "GET, POST",
  },
  {
    what: "GET of a capture",
    send: { rest: `holds/${NOBODYS}/capture`, method: "GET" },
    status: 405,
    code: "method_not_allowed",
    allow: "POST",
  },
  {
    what: "a hold with a key that may grant",
    send: { rest: "holds", key: "granter", body: '{"amount": 1}' },
    status: 403,
    code: "insufficient_scope",
  },
];
