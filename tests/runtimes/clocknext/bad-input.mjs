// What the ClockNext routes refuse: `[what, request, status, code]`. Every body stands for `POST
// /customers` with a good name and address, unless the row says otherwise.

const GOOD = { name: "Acme", email: "ops@acme.com" };
const create = (json) => ({ method: "POST", path: "/customers", json: { ...GOOD, ...json } });
const raw = (body) => ({ method: "POST", path: "/customers", body });
const patch = (json) => ({ method: "PATCH", path: "/customers/CUSTOMER", json });
const list = (query) => ({ method: "GET", path: `/customers?${query}` });
const token = (json) => ({ method: "POST", path: "/portal/token", json });

export const REFUSED = [
  ["no JSON", raw("name=Acme"), 400, "invalid_json"],
  ["an empty body", raw(""), 400, "invalid_json"],
  ["no object", raw("[]"), 400, "invalid_request"],
  ["too deep", raw(`{"name":${"[".repeat(20)}${"]".repeat(20)}}`), 400, "json_too_deep"],
  ["a field twice", raw('{"name":"a","name":"b","email":"a@b.c"}'), 400, "duplicate_field"],
  ["half a surrogate", raw('{"name":"\\ud800","email":"a@b.c"}'), 400, "invalid_type"],
  ["no UTF-8", raw(Buffer.from([0x7b, 0xff, 0x7d])), 400, "invalid_json"],
  ["no name", raw('{"email":"a@b.c"}'), 400, "invalid_request"],
  ["no address", raw('{"name":"a"}'), 400, "invalid_request"],
  ["a blank name", create({ name: " " }), 400, "invalid_request"],
  ["a name of a number", create({ name: 7 }), 400, "invalid_type"],
  ["a name too long", create({ name: "x".repeat(201) }), 400, "invalid_request"],
  ["no address of anybody", create({ email: "nobody" }), 400, "invalid_request"],
  ["an unknown field", create({ nmae: "x" }), 400, "unknown_field"],
  ["a script for a URL", create({ website: "javascript:alert(1)" }), 400, "invalid_request"],
  ["a negative allowance", create({ creditAllowance: -1 }), 400, "amount_negative"],
  ["an allowance too fine", create({ creditAllowance: "0.0000001" }), 400, "amount_precision"],
  ["a NUL", create({ notes: "a\0b" }), 400, "invalid_request"],
  ["too large", raw(`{"name":"${"x".repeat(70_000)}"}`), 413, "body_too_large"],
  ["another kind of body", { ...create({}), type: "text/plain" }, 415, "unsupported_media_type"],
  ["a name that is cleared", patch({ name: null }), 400, "invalid_request"],
  ["an id that is changed", patch({ id: "cus_other" }), 400, "unknown_field"],
  ["nobody", { method: "PATCH", path: "/customers/cus_nobody", json: {} }, 404, "not_found"],
  ["nobody to see", { method: "GET", path: "/customers/cus_nobody" }, 404, "not_found"],
  ["nobody to delete", { method: "DELETE", path: "/customers/cus_nobody" }, 404, "not_found"],
  ["nobody's balances", { method: "GET", path: "/customers/cus_nobody/balances" }, 404, "not_found"],
  ["a broken id", { method: "GET", path: "/customers/%ff" }, 400, "invalid_id"],
  ["an id too long", { method: "GET", path: `/customers/${"x".repeat(129)}` }, 400, "invalid_id"],
  ["a page of none", list("limit=0"), 400, "invalid_request"],
  ["a page too long", list("limit=101"), 400, "invalid_request"],
  ["another list's cursor", list("cursor=abc"), 400, "invalid_request"],
  ["a search too long", list(`q=${"x".repeat(401)}`), 400, "invalid_request"],
  ["another verb", { method: "PUT", path: "/customers" }, 405, "method_not_allowed"],
  ["a token for nobody", token({ customerId: "cus_nobody" }), 404, "not_found"],
  ["a token without a customer", token({}), 400, "invalid_request"],
  ["a token for a second", token({ customerId: "cus_nobody", ttlSeconds: 1 }), 400, "invalid_request"],
  ["a token for too long", token({ customerId: "cus_nobody", ttlSeconds: 43_201 }), 400, "invalid_request"],
  ["a token for a member of none", token({ customerId: "cus_nobody", memberEmail: "x" }), 400, "invalid_request"],
];
