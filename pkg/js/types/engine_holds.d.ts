// Methods of the client for work whose cost is known when it ends.

import type { Amount } from './amounts.js';
import type { AttachedHold, GetHoldsOptions, Hold, HoldOptions, HoldsPage } from './hold.js';
import type { Meter, MeterOptions, MeterSource } from './meter.js';
import type { Quote, QuoteOptions } from './quote.js';

/** Holds, meters and quotes of `CreditEngine`. */
export interface EngineHolds {
  /**
   * Reserves credits for work whose cost is known only when it ends: a gate, like
   * {@link consumeOrFail}, for the most that the work may cost. Then {@link Hold.capture} takes what it
   * did cost. A hold that nobody ends, because the process died, ends by its own rule. It is the
   * ledger's in every mode, and one HTTP round trip.
   *
   * @param amount More than 0.
   * @throws {InsufficientCreditsError} The balance does not cover the amount; nothing is held.
   * @throws {CreditEngineError} As {@link add}.
   *
   * @example
   * ```js
   * const hold = await ce.hold('cus_1', 5, { description: 'AI: chat', ttlMs: 60_000 });
   * try {
   *   await hold.progress(1.25); // how much so far, in all
   *   await hold.capture(2.5); // the rest is free again
   * } finally {
   *   await hold[Symbol.asyncDispose](); // what `await using` does by itself
   * }
   * ```
   */
  hold(customerId: string, amount: Amount, options?: HoldOptions): Promise<Hold>;

  /**
   * Finds a hold by its id, open or not: a process that has lost its object, or never had it, goes on
   * from here, and may report, extend, capture or release. It is not ended by leaving a scope.
   *
   * @throws {CreditEngineError} `not_found`, `invalid_id`, or as {@link getBalance}.
   *
   * @example
   * ```js
   * await ce.add('cus_1', 100);
   * const { id } = await ce.hold('cus_1', 5); // kept with the job, say
   * const found = await ce.getHold('cus_1', id);
   * if (found.state === 'open') await found.capture(2.5);
   * ```
   */
  getHold(customerId: string, holdId: string): Promise<AttachedHold>;

  /** Reads one page of a customer's open holds, newest first. */
  getHolds(customerId: string, options?: GetHoldsOptions): Promise<HoldsPage>;

  /**
   * Makes a call to a model, and charges the customer for the tokens that it used, however it ends. The
   * most that it may cost is held first: where credits do not cover that, the call is not made. Then the
   * response is passed on, byte for byte and chunk by chunk, while its tokens are counted: from the usage
   * that OpenAI (chat completions, responses), Anthropic, Google and compatible providers report, in
   * server-sent events, NDJSON, a JSON array or one JSON body; and where that has not come, or never does,
   * as one token for every four bytes of text. What has been used is reported to the ledger meanwhile.
   *
   * The end is settled once: at the end of the body, when the reader cancels it, when the provider breaks
   * it off, and by the hold's expiry when this process dies. A response that is not `ok` costs nothing.
   *
   * @param source The call, as a function that is run when the credits are held. A response that is
   * there already is metered too.
   * @throws {InsufficientCreditsError} The balance does not cover the hold; nothing was called.
   * @throws {CreditEngineError} As {@link hold}; `duplicate_request` where the call's idempotency key
   * has been used before. What `source` throws is thrown, and nothing is charged.
   *
   * @example
   * ```js
   * const body = { model: 'small', stream: true, max_tokens: 400, messages: [] };
   * const call = async () =>
   *   new Response('data: {"usage":{"prompt_tokens":100,"completion_tokens":20}}\n\n', {
   *     headers: { 'content-type': 'text/event-stream' },
   *   }); // or: fetch('https://api.openai.com/v1/chat/completions', …)
   * const response = await ce.meterStream(call, {
   *   customerId: 'cus_1',
   *   price: { input: 250, output: 1000 }, // credits for 1 000 000 tokens
   *   request: body,
   *   description: 'AI: chat',
   *   onSettled: ({ used }) => console.log(used),
   * });
   * await response.text(); // return it to whoever asked
   * ```
   */
  meterStream<Answer>(
    source: MeterSource<Answer>,
    options: MeterOptions,
  ): Promise<Answer>;

  /**
   * Holds credits for a call, and gives its meter: {@link meterStream} for what is no response, such as
   * the stream of an SDK.
   *
   * @throws {InsufficientCreditsError} As {@link meterStream}.
   */
  meter(options: MeterOptions): Promise<Meter>;

  /**
   * What a model call will cost, before it is made: credits if the model writes nothing, and if it
   * writes as much as it may. Computed here, by public list prices (dated by `listDate`) or your own
   * `models`; nothing is sent. What is charged in the end is yours to say, or your server's catalog's.
   *
   * @example
   * ```js
   * const { high } = ce.quote({
   *   model: 'gpt-5-mini',
   *   inputTokens: 1200,
   *   maxOutputTokens: 800,
   *   pricePerCredit: 0.01,
   *   marginPercent: 30,
   * });
   * const hold = await ce.hold('cus_1', high);
   * ```
   */
  quote(options: QuoteOptions): Quote;
}
