// What a model call will cost.

import type { Amount } from './amounts.js';

/** A model and its prices, in USD per 1 000 000 tokens. */
export interface ModelPrices {
  /** Compared in any case. */
  readonly modelId: string;
  readonly inputPrice: Amount;
  readonly outputPrice: Amount;
  /** Of tokens read from the provider's cache. Default: the price of input. */
  readonly cachePrice?: Amount;
  /** See {@link QuoteOptions.cachedTokens}. Default: `'beside'`. */
  readonly cachedTokens?: 'beside' | 'inside';
}

/** What `CreditEngine.quote` takes. */
export interface QuoteOptions {
  /** The model's id, in any case. */
  model: string;
  /** Tokens that the model will read. Default: 0. */
  inputTokens?: number;
  /** Tokens that it may write at most. */
  maxOutputTokens: number;
  /** Tokens that will come from the provider's cache. Default: 0. */
  cacheTokens?: number;
  /**
   * Whether `inputTokens` contain `cacheTokens`, as with OpenAI and Google, or not, as with Anthropic.
   * Default: what the model's entry says, else `'beside'`.
   */
  cachedTokens?: 'beside' | 'inside';
  /** What a credit is worth, in USD. */
  pricePerCredit: Amount;
  /** Added to the model's cost, in percent, from -100. Default: 0. */
  marginPercent?: Amount;
  /** Added to every call, in USD. Default: 0. */
  basePrice?: Amount;
  /** Your own prices, instead of the public ones that come with the package. */
  models?: readonly ModelPrices[];
}

/** What `CreditEngine.quote` returns. */
export interface Quote {
  /** The model, as the price list spells it. */
  model: string;
  /** Credits if it writes nothing. */
  low: number;
  /** Credits if it writes as much as it may. */
  high: number;
  /** The same in USD. */
  lowUsd: number;
  highUsd: number;
  /** The day of the public price list; null where `models` were given. */
  listDate: string | null;
}
