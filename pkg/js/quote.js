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
  const asked = {};
  for (const name of ASKED) {
    const value = given[name] ?? undefined;
    asked[name] = typeof value === "string" ? text(value, name) : value;
  }
  const models = given.models ?? undefined;
  if (models !== undefined && !Array.isArray(models)) {
    throw refuse("invalid_request", "models", "models must be a list");
  }
  return quoted(asked, models);
}
