// What a model call will cost, before it is made: the options as the core reads them.

import { options, text } from "./arguments.js";
import { quoted } from "./calls.js";
import { refuse } from "./errors.js";

const ASKED = [
  ...["model", "inputTokens", "maxOutputTokens", "cacheTokens", "cachedTokens"],
  ...["pricePerCredit", "marginPercent", "basePrice"],
];

export function quoteOf(quoteOptions) {
  const given = options(quoteOptions);
  return quoted(askedOf(given, ASKED), modelsOf(given));
}

/** Those of the options, with text that is whole. */
export function askedOf(given, names) {
  const asked = {};
  for (const name of names) {
    const value = given[name] ?? undefined;
    asked[name] = typeof value === "string" ? text(value, name) : value;
  }
  return asked;
}

/** The caller's own list, if there is one. */
export function modelsOf({ models }) {
  if (models === undefined || models === null) return undefined;
  if (!Array.isArray(models)) throw refuse("invalid_request", "models", "models must be a list");
  return models;
}
