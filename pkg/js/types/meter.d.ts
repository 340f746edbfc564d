// Calls that are metered: a hold before, what was used after, and the stream in between untouched.

import type { Amount } from './amounts.js';
import type { InsufficientCreditsError } from './errors.js';
import type { Hold } from './hold.js';
import type { AbortSignalLike, FetchResponse } from './host.js';
import type { ChangeOptions } from './options.js';
import type { ModelPrices } from './quote.js';

/** Credits (or whatever the `unit` counts) for 1 000 000 tokens of each kind. */
export interface TokenPrice {
  /** Of input that is read anew. */
  input: Amount;
  /** Of output. */
  output: Amount;
  /** Of input that the provider found in its prompt cache. Default: as `input`. */
  cacheRead?: Amount;
  /** Of input that it put there. Default: as `input`. */
  cacheWrite?: Amount;
  /** Of reasoning, which providers bill as output. Default: as `output`. */
  reasoning?: Amount;
  model?: never;
}

/**
 * The price of a model by a list, as `CreditEngine.quote` computes it: the public one that comes with the
 * package, or your own `models`. What is put into the provider's cache is priced as input, reasoning as output;
 * whether cached tokens are inside of the input is told by the names under which the provider reports them. A
 * model that is not in the list is refused with `unknown_model`, before anything is held.
 */
export interface ListedPrice {
  /** The model's id, in any case. Default: the `model` of `request`; with the AI SDK the one that is called. */
  model?: string;
  /** What a credit is worth, in USD. Of the unit `usd` it may be left out. */
  pricePerCredit?: Amount;
  /** Added to the model's cost, in percent, from -100. Default: 0. */
  marginPercent?: Amount;
  /** Added to every call, in USD. Default: 0. */
  basePrice?: Amount;
  /** Your own prices, instead of the public ones that come with the package. */
  models?: readonly ModelPrices[];
  input?: never;
  output?: never;
}

/** Tokens of one call. Each is counted in one kind only. */
export interface TokenCounts {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  reasoning: number;
}

/** How much is held before the call. */
export interface HoldSizing {
  /** This much, whatever is known of the call. */
  amount?: Amount;
  /**
   * `'worst_case'`: the input and all of the output that `maxOutputTokens` allows (4 096 where nothing
   * says), at the dearest kind. `'learned'`: half as much again as the dearest of the customer's last 16
   * calls at this price that this isolate has seen, at most the worst case where `maxOutputTokens` is
   * known; the worst case until there are three. Default: `'worst_case'`.
   */
  policy?: 'worst_case' | 'learned';
  /** Never more than this. */
  cap?: Amount;
  /**
   * Milliseconds after which a hold that nobody ends takes what was reported. A call that lasts longer
   * extends it. Default: 15 minutes.
   */
  ttlMs?: number;
}

/** Options of `CreditEngine.meter` and `CreditEngine.meterStream`. */
export interface MeterOptions extends ChangeOptions {
  /** Who pays. */
  customerId: string;
  /** What tokens cost, or of which model. */
  price: TokenPrice | ListedPrice;
  /**
   * What to hold: an amount, how to find one, or a hold that you have placed, which the meter ends.
   * A call that uses more than is held holds as much again, up to seven times; where credits for that are
   * gone, see `onExhausted`. Default: `{ policy: 'worst_case' }`.
   */
  hold?: Hold | Amount | HoldSizing;
  /**
   * The body that is sent to the provider, as an object or as JSON text. `inputTokens` is estimated from
   * it, `maxOutputTokens` read: OpenAI's, Anthropic's and Google's names are known. Files in base64 are
   * left out.
   */
  request?: unknown;
  /**
   * Tokens of the input, until the provider reports them; what a cancelled call is charged for its input
   * where it never does. Default: a token for four bytes of `request`, files left out; 0 without it.
   */
  inputTokens?: number;
  /** Most tokens that the provider may put out. Default: what `request` says. */
  maxOutputTokens?: number;
  /**
   * How far behind the ledger may be, in credits: one step. What is used is reported with every half of it,
   * so that nobody waits for a report that arrives within the other half. What would be more than a step
   * ahead of what the ledger has acknowledged is passed on when it has caught up; so of a process that dies all
   * is paid but a step at most, or one event of the stream where that is more. A ledger that does not answer within 3
   * seconds is not waited for until it does; `onError` is told `progress_unacknowledged`, once of a call. Each of
   * the first eight pauses of 2 seconds reports all that there is. Each report is a request. Default: a tenth of
   * what is held, and a quarter once that has been outgrown; never less than a hundredth.
   */
  progressEvery?: Amount;
  /**
   * What becomes of a call that outgrows its holds when the customer has no credits for another.
   * `'finish'`: it goes on, and what no hold covers is charged at its end, below zero if need be.
   * `'stop'`: `meterStream` breaks the stream off with `InsufficientCreditsError`, and a meter that you
   * feed has it as `refusal`. Default: `'finish'`.
   */
  onExhausted?: 'finish' | 'stop';
  /**
   * Told of the end, when it is settled; the host is kept awake for it. Where it could not be settled, the
   * client's `onError` is told, and what this throws.
   */
  onSettled?: (settlement: MeterSettlement) => void | Promise<void>;
  /** What the charge is for, as the customer's transactions show it. */
  description?: string;
  /**
   * Breaks the call off when it is aborted, such as a request's `signal` when its caller has hung up: what was
   * used until then is taken, and the response's body and its source are cancelled. Before the call is made
   * it takes nothing. `withCredits` uses the request's own by itself (`null`: none), and the AI SDK's middleware
   * that of the call. On Cloudflare Workers a request's is aborted only with the compatibility flag
   * `enable_request_signal`; Deno aborts it at the end of every response, so that it is none for work that
   * outlives that.
   */
  signal?: AbortSignalLike | null;
}

/** How a metered call was paid for. */
export interface MeterSettlement {
  /**
   * `'finished'`; `'cancelled'` by who read it; `'failed'` by the provider; `'exhausted'`: see
   * `onExhausted`; `'aborted'`: it never happened, and nothing was taken.
   */
  reason: 'finished' | 'cancelled' | 'failed' | 'exhausted' | 'aborted' | (string & {});
  tokens: TokenCounts;
  /** Some of the tokens are an estimate, because the provider did not report them. */
  estimated: boolean;
  /** What they cost: the exact sum, rounded once to the unit's last decimal, half up. */
  used: number;
  /** What was taken of the holds. */
  captured: number;
  /** What was charged besides, because no hold covered it. */
  consumed: number;
  /** The balance afterwards. */
  balance?: number | null;
  /** The charge: of the first hold that was captured. */
  transaction_id?: string;
}

/**
 * The meter of one call, for streams that you read yourself. A call is ended by {@link settle} or
 * {@link abort}, whichever comes first; where neither ever comes, the hold's expiry takes what was
 * reported.
 *
 * @example
 * ```js
 * const meter = await ce.meter({
 *   customerId: 'cus_1',
 *   price: { input: 3, output: 15 },
 *   inputTokens: 1200,
 *   maxOutputTokens: 4000,
 * });
 * await meter.begin(); // and call the model
 * meter.estimate('Once upon a time'); // text as it comes
 * meter.add({ input: 1180, output: 5 }); // what the provider reports, which counts that text too
 * const { used } = await meter.settle();
 * console.log(used); // 0.003615
 * ```
 */
export interface Meter {
  /** The first hold. */
  readonly hold: Hold;
  /** Credits used so far. */
  readonly used: number;
  /** Tokens so far. */
  readonly tokens: TokenCounts;
  /** With `onExhausted: 'stop'`: why the call is to be broken off; else null. */
  readonly refusal: InsufficientCreditsError | null;
  /**
   * Tells the ledger that the call is made, so that a process which dies from here on is paid for the
   * input. Call it with the request to the provider, and wait for both. Never rejects.
   */
  begin(): Promise<void>;
  /**
   * What the provider reports of the whole call so far; from the first time on, a response that is metered
   * with this meter is not read for it. A kind that it does not name stays as it was;
   * one that it does replaces what was reported or estimated before.
   */
  add(usage: Partial<TokenCounts>): void;
  /** Text that has come and is not reported yet: a token for four bytes of UTF-8. */
  estimate(text: string, kind?: 'output' | 'reasoning'): void;
  /**
   * Waits, some seconds at most, where what was counted is more than a step (`progressEvery`) ahead of what the
   * ledger has acknowledged. Call it before you pass on what you have counted. Never rejects.
   */
  heard(): Promise<void> | null;
  /**
   * The call has ended, well or not: takes what was used. Asked again, it answers the same.
   *
   * @throws {CreditEngineError} What was not taken is in `details`; the holds' expiry comes after it.
   */
  settle(reason?: MeterSettlement['reason']): Promise<MeterSettlement>;
  /** The call has not happened: takes nothing. */
  abort(): Promise<MeterSettlement>;
}

/** What `CreditEngine.meterStream` meters: a response, or a function that makes the call. */
export type MeterSource<Answer = FetchResponse> =
  | Answer
  | Promise<Answer>
  | ((meter: Meter) => Answer | Promise<Answer>);
