// Handlers that are paid for.

import type { Amount } from './amounts.js';
import type { ConsumeOrFailResponse } from './answers.js';
import type { CreditEngine } from './engine.js';
import type { CreditEngineError } from './errors.js';
import type { FetchResponse } from './host.js';

/** What a paid handler is given. */
export interface Credits {
  /**
   * The client of this request: its keys are derived from the request's name, and its background work
   * ends under the host's `waitUntil`.
   */
  readonly client: CreditEngine;
  /** Whose credits pay, as `customer` said. */
  readonly customerId: string;
  /**
   * The charge that let the request in, with the balance after it; null where nothing was due, or
   * where it is charged afterwards.
   */
  readonly charge: ConsumeOrFailResponse | null;
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

/** How a handler is paid for. `Args` are what the host calls it with. */
export interface CreditsOptions<Args extends readonly unknown[], Answer = FetchResponse> {
  /**
   * The client, or a function that makes one for the request, such as
   * `(request, env) => new CreditEngine({ ledger: env.LEDGER })`.
   */
  client: CreditEngine | ((...args: Args) => CreditEngine | Promise<CreditEngine>);
  /**
   * Whose credits pay: an id that your own login has established, never one that the caller may
   * choose. Nothing is answered with 401; a response is passed on, to a login for instance.
   */
  customer: (
    ...args: Args
  ) => string | null | undefined | Answer | Promise<string | null | undefined | Answer>;
  /**
   * What the request costs. Nothing or 0 is free. Charged `'after'`, the function also gets the
   * response, as its last argument.
   */
  amount: Amount | ((...args: [...Args, Answer]) => Charge | Promise<Charge>);
  /**
   * `'before'`: the gate. The amount is deducted, or the handler does not run and the caller gets 402.
   * `'after'`: the handler runs for whoever has credits left (see `atLeast`), and its usage is recorded
   * under `waitUntil` when it has answered; it may take the balance below zero. Default: `'before'`.
   */
  charge?: 'before' | 'after';
  /**
   * Charged `'after'`: the balance that a customer must have, else 402. By default more than 0;
   * `false` does not ask, and saves that round trip.
   */
  atLeast?: Amount | false;
  /** What the charge is for, as the customer's transactions show it. */
  description?: PerRequest<Args, string | undefined>;
  /** Kept with the charge. */
  metadata?: PerRequest<Args, { readonly [key: string]: unknown } | undefined>;
  /** What is counted. Default: `credits`. */
  unit?: string;
  /**
   * What names the request, so that its repeat is known: see
   * `ForRequestOptions.idempotencyKeyFrom`, and never trust a caller's own header with it. Default:
   * every request is a new one.
   */
  idempotencyKeyFrom?: string | ((request: any) => string | null | undefined);
  /**
   * What becomes of a request whose name has been charged before. `'refuse'`: 409
   * `duplicate_request`; the handler does not run, although the first one may have failed to answer.
   * `'run'`: the handler runs again without being paid again, and sees `credits.charge.replayed`.
   * A function answers itself, say with the first result; where it gives nothing the handler runs.
   * Default: `'refuse'`.
   */
  onReplay?:
    | 'refuse'
    | 'run'
    | ((credits: Credits, ...args: Args) => Nothing | Answer | Promise<Nothing | Answer>);
  /**
   * When a charge is given back, or not made: `'error'` when the handler throws or answers 5xx,
   * `'never'`, or what a function of the end says. The refund names its charge (`refundOf`), is
   * made at most once, and goes on under `waitUntil`; it needs an API key with the scope `grant`.
   * A body that breaks while it streams is past all that. Default: `'error'`, and `'never'` with
   * `onReplay: 'run'`, where a failed request that was paid back would run for nothing when repeated.
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
export type Charge = Amount | null | undefined;

/**
 * Wraps a fetch handler so that credits pay for it: Workers `(request, env, ctx)`, Vercel and Netlify
 * `(request, context)`, `Deno.serve` `(request, info)`, `Bun.serve` `(request, server)`. The handler
 * gets {@link Credits} as its second argument, before what the host passes.
 *
 * A request that is not covered is answered before the handler runs: 402 with a JSON problem that holds
 * `current_balance` and `requested`; 401 without a customer; 503 while credits cannot be charged, and
 * 500 where the set-up is wrong (`onError` is told). What a customer's own functions throw is thrown.
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
export function withCredits<Req, Host extends readonly unknown[], Answer>(
  handler: (request: Req, credits: Credits, ...host: Host) => Answer | Promise<Answer>,
  options: CreditsOptions<readonly [request: Req, ...host: Host], Answer>,
): (request: Req, ...host: Host) => Promise<Answer>;
