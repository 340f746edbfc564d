// Handlers that are paid for.

import type { Amount } from './amounts.js';
import type { ConsumeOrFailResponse } from './answers.js';
import type { CreditEngine } from './engine.js';
import type { CreditEngineError } from './errors.js';
import type { FetchResponse } from './host.js';
import type { Meter, MeterOptions } from './meter.js';

/** What a paid handler is given. */
export interface PaidContext {
  /**
   * The client of this request: its keys are derived from the request's name, and its background work
   * ends under the host's `waitUntil`.
   */
  readonly client: CreditEngine;
  /** Whose credits pay, as `customer` said. */
  readonly customerId: string;
  /**
   * The charge that let the request in, with the balance after it; null where nothing was due, or
   * where it is charged afterwards. `replayed` says that an earlier request of the same name made it.
   */
  readonly charge: ConsumeOrFailResponse | null;
  /** The meter of this request, with `consume: 'metered'`; else null. */
  readonly meter: Meter | null;
}

/** Why a request is not served: a JSON problem (RFC 9457). */
export interface CreditsProblem {
  /** 401, 402, 409, 500 or 503. */
  status: number;
  code:
    | 'customer_unknown'
    | 'insufficient_credits'
    | 'duplicate_request'
    | 'credits_failed'
    | 'credits_unavailable';
  title: string;
  detail: string;
  /** Of a 402: what there is. */
  current_balance?: number | null;
  /** Of a 402: what is needed. */
  requested?: number | null;
  /** Of a 503: seconds. */
  retry_after?: number;
  /** What the client threw; not part of the answer. `onError` was told, but for a 402. */
  error?: CreditEngineError | undefined;
}

/** A value, or a function of what the handler is called with (and a promise of a value). */
export type PerRequest<Args extends readonly unknown[], Value> =
  | Value
  | ((...args: Args) => Value | Promise<Value>);

/** How a handler is paid for: before its work, or after it. `Args` are what the host calls it with. */
export type CreditsOptions<Args extends readonly unknown[], Answer = FetchResponse> =
  | (PaidBefore<Args> & PaidOptions<Args, Answer>)
  | (PaidAfter<Args, Answer> & PaidOptions<Args, Answer>)
  | (PaidByMeter<Args> & PaidOptions<Args, Answer>);

/** The gate: the amount is deducted, or the handler does not run and the caller gets 402. */
export interface PaidBefore<Args extends readonly unknown[]> {
  consume?: 'before' | undefined;
  /** What the request costs; 0, null, or a function that gives nothing, is free. */
  amount: Amount | ((...args: Args) => Price | Promise<Price>);
  atLeast?: undefined;
  meter?: undefined;
}

/**
 * For a handler that passes on what a model answers: credits are held, or it does not run and the caller
 * gets 402; its response is metered while it streams, as by `CreditEngine.meterStream`, and what it used is
 * charged however it ends. A response that is not `ok` costs nothing. A repeat of a named request is refused.
 */
export interface PaidByMeter<Args extends readonly unknown[]> {
  consume: 'metered';
  /** The meter's options, or a function that gives them, of the request's body for instance. */
  meter: PerRequest<Args, Omit<MeterOptions, 'customerId'>>;
  amount?: undefined;
  atLeast?: undefined;
}

/**
 * The handler runs for whoever has credits left (see `atLeast`), and its usage is recorded behind the
 * answer, under `waitUntil`; it may take the balance below zero.
 */
export interface PaidAfter<Args extends readonly unknown[], Answer = FetchResponse> {
  consume: 'after';
  /**
   * What the request has cost: the response comes first, then what the host passed. It is called before
   * the response leaves, which does not wait for it: it may read a `clone()` of it, and resolve when a
   * stream has ended. 0 or null is free. What throws, or gives no amount, goes to `onError`.
   */
  amount: Amount | ((response: Answer, ...args: Args) => Amount | null | Promise<Amount | null>);
  /**
   * The balance that a customer must have, else 402. By default more than 0; `false` does not ask, and
   * saves that round trip.
   */
  atLeast?: Amount | false | undefined;
  meter?: undefined;
}

/** What is said of a paid handler, whenever it is paid. */
export interface PaidOptions<Args extends readonly unknown[], Answer = FetchResponse> {
  /**
   * The client, or a function that makes one for the request, such as
   * `(request, env) => new CreditEngine({ ledger: env.LEDGER })`. It needs a key with the scope `grant`
   * beside `use`, to give back, or a binding.
   */
  client: CreditEngine | ((...args: Args) => CreditEngine | Promise<CreditEngine>);
  /**
   * Whose credits pay: an id that your own login has established, never one that the caller may
   * choose. Nothing is answered with 401; a response is passed on, to a login for instance.
   */
  customer: (
    ...args: Args
  ) => string | null | undefined | Answer | Promise<string | null | undefined | Answer>;
  /** What the charge is for, as the customer's transactions show it. */
  description?: PerRequest<Args, string | undefined>;
  /** Kept with the charge. */
  metadata?: PerRequest<Args, { readonly [key: string]: unknown } | undefined>;
  /** What is counted. Default: `credits`. */
  unit?: string;
  /**
   * What names the request, so that its repeat is known: a header's name, or a function of what the
   * handler is called with. See `ForRequestOptions.idempotencyKeyFrom`, and never trust a caller's own
   * header with it. Default: every request is a new one. Such a charge has `edge_credits_request` in its
   * metadata, a random mark of the request that made it, by which the client's own retry is told from a
   * repeat. What a cache has accepted (persistent mode) has no mark to be read yet: there a named request
   * whose first attempt lost its answer is taken for a repeat.
   */
  idempotencyKeyFrom?: string | ((...args: Args) => string | null | undefined);
  /**
   * What becomes of a request whose name has been charged before. `'refuse'`: 409
   * `duplicate_request`; the handler does not run, although the first one may have failed to answer.
   * `'run'`: the handler runs again without being paid again, and sees `credits.charge.replayed`.
   * A function answers itself, say with the first result; where it gives nothing the handler runs.
   * A charge that was given back does not count: the repeat is charged anew, and runs.
   * Default: `'refuse'`.
   */
  onReplay?:
    | 'refuse'
    | 'run'
    | ((credits: PaidContext, ...args: Args) => Nothing | Answer | Promise<Nothing | Answer>);
  /**
   * When a charge is given back, or not made: `'error'` when the handler throws or answers 5xx,
   * `'never'`, or what a function of the end says. The refund names its charge (`refundOf`), is
   * made at most once, and goes on behind the response; it needs an API key with the scope `grant`. If
   * it fails, `onError` gets it with `details` (`customer_id`, `amount`, `unit`, `refund_of`).
   * A body that breaks while it streams is past all that. Default: `'error'`, and `'never'` with
   * `onReplay: 'run'` before the work, where a failed request that was paid back would run for nothing
   * when repeated. Where there is no response, nothing is recorded after the work.
   */
  refundOn?:
    | 'error'
    | 'never'
    | ((end: { response?: Answer; error?: unknown }) => boolean | Promise<boolean>);
  /** Answers in your own words; where it gives nothing, the problem is answered as it is. */
  respond?: (
    problem: CreditsProblem,
    ...args: Args
  ) => Nothing | Answer | Promise<Nothing | Answer>;
}

/** What a function gives to leave it at the usual answer. */
export type Nothing = null | undefined | false | void;

/** What a request costs, if anything. */
export type Price = Amount | null | undefined;

/**
 * Wraps a fetch handler so that credits pay for it: Workers `(request, env, ctx)`, Vercel and Netlify
 * `(request, context)`, `Deno.serve` `(request, info)`, `Bun.serve` `(request, server)`. The handler
 * gets {@link PaidContext} as its second argument, before what the host passes.
 *
 * A request that is not covered is answered before the handler runs: 402 with a JSON problem that holds
 * `current_balance` and `requested`; 401 without a customer; 503 while credits cannot be charged, and
 * 500 where the set-up is wrong (`onError` is told). Where no answer tells whether it was charged, that
 * is found out behind the response, and given back. What your own functions throw before the work is
 * thrown. Every method is charged, `OPTIONS` and `HEAD` too: wrap what is to be paid for.
 *
 * @throws {CreditEngineError} `invalid_config`, when the handler is wrapped.
 *
 * @example
 * ```js
 * import { CreditEngine, withCredits } from 'edge-credits';
 *
 * const ce = new CreditEngine({ apiKey: 'ce_test_xxx', baseUrl: 'http://127.0.0.1:8787' });
 * const handler = withCredits(
 *   async (request, credits) => Response.json({ left: credits.charge.balance }),
 *   { client: ce, customer: (request) => request.headers.get('x-user'), amount: 5 },
 * );
 * const response = await handler(new Request('https://app.example/', { headers: { 'x-user': 'cus_1' } }));
 * console.log(response.status);
 * ```
 */
export function withCredits<Handler extends PaidHandler>(
  handler: Handler,
  options: CreditsOptions<HostArgs<Handler>, Awaited<ReturnType<Handler>>>,
): (...args: HostArgs<Handler>) => Promise<Awaited<ReturnType<Handler>>>;

/** A fetch handler that is paid for. */
export type PaidHandler = (request: any, credits: PaidContext, ...host: any[]) => any;

/** What the host calls a paid handler with: its arguments without the second. */
export type HostArgs<Handler> = Handler extends (
  request: infer Req,
  credits: any,
  ...host: infer Host
) => any
  ? [request: Req, ...host: Host]
  : never;
