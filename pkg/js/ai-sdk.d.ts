// Types of edge-credits/ai-sdk: structural, so that the AI SDK need not be installed for them.

import type { CreditEngine } from './types/engine.js';
import type { Amount } from './types/amounts.js';
import type { HoldSizing, MeterOptions } from './types/meter.js';

/** Options of {@link credits}: those of `CreditEngine.meter` that all calls of a model share. */
export interface ModelCreditsOptions
  extends Omit<
    MeterOptions,
    | 'customerId'
    | 'hold'
    | 'request'
    | 'inputTokens'
    | 'maxOutputTokens'
    | 'idempotencyKey'
    | 'label'
    | 'signal'
  > {
  /** What holds and charges. For the calls of one request, its `forRequest`. */
  client: CreditEngine;
  /** Who pays: an id, or what finds it for a call (`params` and `model` are the AI SDK's). */
  customer: string | ((call: { params: any; model: any }) => string | Promise<string>);
  /**
   * What to hold before each call. The most that a call may put out is its `maxOutputTokens`. Default:
   * `{ policy: 'worst_case' }`.
   */
  hold?: Amount | HoldSizing;
}

/** A `LanguageModelMiddleware` of the AI SDK 7. */
export interface ModelCredits {
  readonly specificationVersion: 'v4';
  wrapGenerate(call: any): Promise<any>;
  wrapStream(call: any): Promise<any>;
}

/**
 * The middleware that makes credits pay for each call of a language model: held before the call,
 * reported while it streams, and taken at its end for the tokens that the provider counted. A call that
 * fails before it said anything takes nothing; one that is broken off takes what it has used, by an
 * estimate where the provider has not counted yet. A `generateText` with tools makes several calls of its
 * model, and each is metered.
 *
 * A call that the balance does not cover is not made: `generateText` rejects with
 * `InsufficientCreditsError`, and `streamText` brings it as its error.
 *
 * @throws {CreditEngineError} `invalid_config`, when it is made.
 *
 * @example
 * ```js
 * import { CreditEngine } from 'edge-credits';
 * import { credits } from 'edge-credits/ai-sdk';
 *
 * const ce = new CreditEngine({ apiKey: 'ce_test_xxx', baseUrl: 'http://127.0.0.1:8787' });
 * const price = { input: 3, output: 15 }; // credits for a million tokens
 * const middleware = credits({ client: ce, customer: 'cus_1', price });
 * // of `ai`: const model = wrapLanguageModel({ model: yours, middleware });
 * ```
 */
export function credits(options: ModelCreditsOptions): ModelCredits;
