// The options of `withCredits` and of the Hono middleware, read once, when a handler is wrapped.
// What is misspelled or contradicts itself is refused here: later it would be somebody's money.

import { options as optionsOf } from "./arguments.js";
import { refuse } from "./errors.js";

const CODE = "invalid_config";
const KNOWN = new Set([
  "client",
  "customer",
  "amount",
  "consume",
  "meter",
  "atLeast",
  "description",
  "metadata",
  "unit",
  "idempotencyKeyFrom",
  "onReplay",
  "refundOn",
  "respond",
]);
/** What a price is written as; whether it can be charged is the core's to say. */
const DECIMAL = /^\d+(\.\d+)?$/;

export function readPaidOptions(given) {
  const named = present(optionsOf(given, "options", CODE));
  const options = { consume: "before", onReplay: "refuse", ...named };
  const { client, customer, amount, consume, onReplay, respond } = options;
  for (const name of Object.keys(options)) {
    if (!KNOWN.has(name)) throw refuse(CODE, name, `there is no option ${name}`);
  }
  if (typeof client?.forRequest !== "function" && typeof client !== "function") {
    throw refuse(CODE, "client", "client must be a CreditEngine, or a function that gives one");
  }
  if (typeof customer !== "function") {
    throw refuse(CODE, "customer", "customer must be a function: it says whose request this is");
  }
  oneOf("consume", consume, ["before", "after", "metered"]);
  if (consume === "metered") checkMetered(options);
  else if (typeof amount !== "function") price(amount, "amount", ", or a function that gives them");
  if (typeof onReplay !== "function") oneOf("onReplay", onReplay, ["refuse", "run"]);
  const runsAgain = onReplay === "run" && consume === "before";
  const settings = { refundOn: runsAgain ? "never" : "error", ...options };
  if (typeof settings.refundOn !== "function") {
    oneOf("refundOn", settings.refundOn, ["error", "never"]);
  }
  if (respond !== undefined && typeof respond !== "function") {
    throw refuse(CODE, "respond", "respond must be a function of the problem");
  }
  checkTogether(settings);
  return settings;
}

function present(options) {
  const isThere = ([, value]) => value !== undefined && value !== null;
  return Object.fromEntries(Object.entries(options).filter(isThere));
}

function price(value, param, besides) {
  const isNumber = typeof value === "number" && value >= 0 && value < Infinity;
  if (isNumber || (typeof value === "string" && DECIMAL.test(value))) return;
  throw refuse(CODE, param, `${param} must be credits, as a number or decimal text${besides}`);
}

function oneOf(param, value, words) {
  if (words.includes(value)) return;
  const choice = words.map((word) => `"${word}"`).join(" or ");
  throw refuse(CODE, param, `${param} must be ${choice}, or what the documentation says besides`);
}

function checkMetered({ meter, amount, onReplay }) {
  if (typeof meter !== "function" && typeof meter !== "object") {
    const message = "meter must be the options of a meter, or a function that gives them";
    throw refuse(CODE, "meter", message);
  }
  if (amount !== undefined) {
    throw refuse(CODE, "amount", 'with consume "metered" the tokens say the amount');
  }
  if (onReplay !== "refuse") {
    const message = 'with consume "metered" a repeat is refused: its hold has ended with the first';
    throw refuse(CODE, "onReplay", message);
  }
}

function checkTogether({ consume, onReplay, refundOn, idempotencyKeyFrom, atLeast, meter }) {
  if (meter !== undefined && consume !== "metered") {
    throw refuse(CODE, "meter", 'meter is for consume "metered"');
  }
  if (onReplay === "run" && refundOn !== "never" && consume === "before") {
    const message =
      'onReplay "run" and refundOn exclude each other: a request that failed and was refunded ' +
      "would run again for nothing when it is repeated";
    throw refuse(CODE, "refundOn", message);
  }
  if (consume === "after" && idempotencyKeyFrom !== undefined && onReplay !== "run") {
    const message =
      'consume "after" with idempotencyKeyFrom needs onReplay "run": that a request is a repeat ' +
      "is known when it is charged, and then the work has been done again";
    throw refuse(CODE, "onReplay", message);
  }
  if (atLeast === undefined) return;
  if (consume !== "after") {
    const message = 'atLeast is for consume "after": before, the amount is asked for';
    throw refuse(CODE, "atLeast", message);
  }
  if (atLeast !== false) price(atLeast, "atLeast", ", or false");
}
