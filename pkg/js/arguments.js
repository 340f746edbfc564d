// What a caller passed, made ready to cross into wasm: text, numbers and booleans only.
//
// Decides nothing about money. It refuses what cannot be carried faithfully (lone surrogates, which
// all become U+FFFD in wasm; metadata that JSON cannot hold) and turns the rest into the text that
// the core judges. Every option is read exactly once, so a getter cannot answer two ways.

import { refuse } from "./errors.js";

// By pattern, because not every runtime has `isWellFormed`; with the `u` flag a surrogate matches
// only when it stands alone.
const LONE_SURROGATE = /\p{Surrogate}/u;

// JSON.stringify writes a lone surrogate as an escape. An even run of backslashes before it belongs
// to the text itself.
const ESCAPED_SURROGATE = /(?<!\\)(?:\\\\)*\\ud[89a-f][0-9a-f]{2}/;

// Text, or undefined where there is none.
export function text(value, param, code = "invalid_request") {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "string") {
    throw refuse(code, param, `${param} must be a string, not ${kindOf(value)}`);
  }
  if (LONE_SURROGATE.test(value)) {
    throw refuse(code, param, `${param} holds half of a surrogate pair, which is no text`);
  }
  return value;
}

export function requiredText(value, param, code) {
  const given = text(value, param, code);
  if (given === undefined) throw refuse(code, param, `${param} is missing`);
  return given;
}

// The shortest text of an amount and its type. Only numbers and strings have a text: converting
// anything else could run the caller's code, and the core refuses it by its type.
export function amount(value, param = "amount") {
  const type = value === null ? "null" : typeof value;
  if (type === "number") return { type, text: Object.is(value, -0) ? "-0" : String(value) };
  return { type, text: type === "string" ? text(value, param, "invalid_amount") : "" };
}

// Metadata, or another object of the caller's, as JSON text.
export function metadata(value, param = "metadata") {
  if (value === undefined || value === null) return undefined;
  let json;
  try {
    json = JSON.stringify(value);
  } catch (cause) {
    const message = `${param} cannot be written as JSON: ${cause?.message ?? "it threw"}`;
    throw refuse("invalid_request", param, message, cause);
  }
  if (json === undefined || json[0] !== "{") {
    throw refuse("invalid_request", param, `${param} must be an object, not ${kindOf(value)}`);
  }
  if (ESCAPED_SURROGATE.test(json)) {
    const message = `${param} holds half of a surrogate pair, which is no text`;
    throw refuse("invalid_request", param, message);
  }
  return json;
}

// A Date or RFC 3339 text, as text.
export function instant(value, param) {
  if (!(value instanceof Date)) return text(value, param);
  if (Number.isNaN(value.getTime())) {
    throw refuse("invalid_request", param, `${param} is an invalid Date`);
  }
  return value.toISOString();
}

// A whole number that is not negative, or undefined.
export function count(value, param, code = "invalid_request") {
  if (value === undefined || value === null) return undefined;
  if (!Number.isSafeInteger(value) || value < 0) {
    throw refuse(code, param, `${param} must be a whole number of at least 0`);
  }
  return value;
}

export function flag(value, param, code = "invalid_request") {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== "boolean") {
    throw refuse(code, param, `${param} must be true or false, not ${kindOf(value)}`);
  }
  return value;
}

// The options object of a call; null counts as none.
export function options(value, param = "options", code = "invalid_request") {
  if (value === undefined || value === null) return {};
  if (typeof value !== "object") {
    throw refuse(code, param, `${param} must be an object, not ${kindOf(value)}`);
  }
  return value;
}

function kindOf(value) {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
