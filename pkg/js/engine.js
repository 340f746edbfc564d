// The public class: reads arguments, starts calls, keeps count of those in the background.
// What a call means, and whether it is tried again, is decided in the core.

import {
  amount,
  count,
  flag,
  instant,
  metadata,
  options,
  requiredText,
  text,
} from "./arguments.js";
import { modeOf, pageAfter, perform } from "./calls.js";
import { readConfig } from "./config.js";
import { ambientWaitUntil, keepAlive, waitUntilOf } from "./context.js";
import { CreditEngineError } from "./errors.js";
import { attach, attachAll, place } from "./hold.js";
import { INTERNALS } from "./internals.js";
import { openMeter } from "./meter.js";
import { meterStream } from "./meter_stream.js";
import { detailsOf, MemoryCache } from "./open_charges.js";
import { quoteOf } from "./quote.js";
import { RemoteCache } from "./remote_cache.js";
import { RequestCalls } from "./request_calls.js";
import { returnUrl, topUpSession } from "./topup_session.js";

// What `withContext` and `forRequest` hand to the constructor instead of a config.
class Branch {
  constructor(parent, settings, waitUntil, request) {
    Object.assign(this, { parent, settings, waitUntil, request });
  }
}

export class CreditEngine {
  #settings;
  #parent = null;
  #waitUntil;
  #request = null;
  #background = new Set();
  #closed = false;

  constructor(config) {
    if (config instanceof Branch) {
      this.#settings = config.settings;
      this.#parent = config.parent;
      this.#waitUntil = config.waitUntil;
      this.#request = config.request;
      return;
    }
    this.#settings = readConfig(config);
    this.#waitUntil = this.#settings.waitUntil;
    this.#settings.cache = cacheOf(this.#settings);
  }

  async getBalance(customerId, callOptions) {
    const { includeBreakdown, unit } = options(callOptions);
    return this.#start("getBalance", {
      customerId: customer(customerId),
      includeBreakdown: flag(includeBreakdown, "includeBreakdown"),
      unit: text(unit, "unit"),
    }).answer;
  }

  async consume(customerId, quantity, description, callOptions) {
    const chosen = options(callOptions);
    const background = flag(chosen.background, "background") ?? false;
    const given = { ...usage(customerId, quantity, description, chosen), background };
    return background ? this.#consumeInBackground(given) : this.#start("consume", given).answer;
  }

  async consumeOrFail(customerId, quantity, description, callOptions) {
    const given = usage(customerId, quantity, description, options(callOptions));
    return this.#start("consumeOrFail", given).answer;
  }

  async add(customerId, quantity, callOptions) {
    const chosen = options(callOptions);
    const { type, description, product, effectiveAt, expiresAt, priority, refundOf } = chosen;
    return this.#start("add", {
      ...change(customerId, chosen),
      amount: amount(quantity),
      type: text(type, "type"),
      description: text(description, "description"),
      product: text(product, "product"),
      effectiveAt: instant(effectiveAt, "effectiveAt"),
      expiresAt: instant(expiresAt, "expiresAt"),
      priority: count(priority, "priority"),
      refundOf: text(refundOf, "refundOf"),
    }).answer;
  }

  async voidGrant(customerId, grantId, callOptions) {
    const chosen = options(callOptions);
    return this.#start("voidGrant", {
      ...change(customerId, chosen),
      grantId: requiredText(grantId, "grantId", "invalid_id"),
      reason: text(chosen.reason, "reason"),
    }).answer;
  }

  async hold(customerId, quantity, callOptions) {
    const chosen = options(callOptions);
    const given = {
      ...usage(customerId, quantity, chosen.description, chosen),
      ttlMs: count(chosen.ttlMs, "ttlMs"),
      onExpiry: text(chosen.onExpiry, "onExpiry"),
    };
    return place((method, about) => this.#start(method, about).answer, given);
  }

  async getHold(customerId, holdId) {
    return attach((method, about) => this.#start(method, about).answer, {
      customerId: customer(customerId),
      holdId: requiredText(holdId, "holdId", "invalid_id"),
    });
  }

  async getHolds(customerId, callOptions) {
    const { limit, beforeSequence, unit } = options(callOptions);
    return attachAll((method, about) => this.#start(method, about).answer, {
      customerId: customer(customerId),
      limit: count(limit, "limit"),
      beforeSequence: count(beforeSequence, "beforeSequence"),
      unit: text(unit, "unit"),
    });
  }

  async meter(meterOptions) {
    return (await openMeter(this, meterOptions)).heed();
  }

  meterStream(source, meterOptions) {
    return meterStream(this, source, meterOptions);
  }

  quote(quoteOptions) {
    return quoteOf(quoteOptions);
  }

  async getTransactions(customerId, callOptions) {
    const { limit, offset, beforeSequence, type, unit } = options(callOptions);
    return this.#start("getTransactions", {
      customerId: customer(customerId),
      limit: count(limit, "limit"),
      offset: count(offset, "offset"),
      beforeSequence: count(beforeSequence, "beforeSequence"),
      type: text(type, "type"),
      unit: text(unit, "unit"),
    }).answer;
  }

  async *iterateTransactions(customerId, callOptions) {
    const { pageSize, type, unit } = options(callOptions);
    let position = { offset: 0 };
    while (position !== null) {
      const wanted = { limit: count(pageSize, "pageSize") ?? 100, type, unit, ...position };
      const page = await this.getTransactions(customerId, wanted);
      yield* page.data ?? [];
      position = pageAfter(position, page);
    }
  }

  async getUsageAnalytics(callOptions) {
    return this.#ask("getUsageAnalytics", callOptions);
  }

  async getTopConsumers(callOptions) {
    return this.#ask("getTopConsumers", callOptions);
  }

  async getActionBreakdown(callOptions) {
    return this.#ask("getActionBreakdown", callOptions);
  }

  async getBurnRate(callOptions) {
    return this.#ask("getBurnRate", callOptions);
  }

  async getAnalyticsSummary(callOptions) {
    return this.#ask("getAnalyticsSummary", callOptions);
  }

  async createTopUpSession(callOptions) {
    const given = options(callOptions);
    const { customerId, successUrl, cancelUrl, credits, priceId, idempotencyKey, label } = given;
    const { answer } = this.#start("createTopUpSession", {
      customerId: customer(customerId),
      successUrl: returnUrl(successUrl, "successUrl"),
      cancelUrl: returnUrl(cancelUrl, "cancelUrl"),
      credits: credits === undefined || credits === null ? undefined : amount(credits, "credits"),
      priceId: text(priceId, "priceId"),
      idempotencyKey: text(idempotencyKey, "idempotencyKey", "invalid_idempotency_key"),
      label: text(label, "label"),
    });
    return topUpSession(await answer);
  }

  withContext(context) {
    const waitUntil = waitUntilOf(context, "context");
    return new CreditEngine(new Branch(this, this.#settings, waitUntil, this.#request));
  }

  forRequest(request, context, requestOptions) {
    const { idempotencyKeyFrom } = options(requestOptions);
    const waitUntil = waitUntilOf(context, "context") ?? this.#waitUntil;
    const calls = new RequestCalls(request, idempotencyKeyFrom);
    return new CreditEngine(new Branch(this, this.#settings, waitUntil, calls));
  }

  get pendingOperations() {
    return this.#background.size + this.#settings.cache.pending;
  }

  async flush(flushOptions) {
    const limit = count(options(flushOptions).timeoutMs, "timeoutMs");
    const { cache } = this.#settings;
    const background = backgroundCounts(this.#background, cache);
    // Background calls may have charges yet to be accepted: then those are waited for too.
    let waiting = this.#background.size === 0 ? cache.flush() : undefined;
    const work = background.done.then(() => (waiting ??= cache.flush())?.done);
    await (limit === undefined ? work : Promise.race([work, expiry(limit, work)]));
    const counts = { ...background.counts };
    for (const [word, number] of Object.entries(waiting?.counts ?? {})) counts[word] += number;
    return { ...counts, pending: this.pendingOperations };
  }

  async destroy() {
    this.#closed = true;
    await this.flush();
  }

  [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    return this.destroy();
  }

  get [INTERNALS]() {
    const { cache, options: facts, report } = this.#settings;
    const isLongLived = !facts.edgeHost && facts.platformVariable === undefined;
    return {
      report,
      /** Whose customers they are: what is remembered of one account's is not another's. */
      account: [facts.carrier, facts.baseUrl?.host, facts.environment, facts.apiKey],
      /** Whether the request has a name that may come again. */
      isNamed: this.#request?.isNamed ?? false,
      /** Keeps the host awake for work of a later moment; false where that must be waited for. */
      keep: (work) => keepAlive(this.#waitUntil ?? ambientWaitUntil(), work) || isLongLived,
      /** Counts work as going on, and tells of its failure. */
      watch: (work) => void this.#later(work, null),
      /** Goes on with work behind the response, and waits for it only where the host would end it. */
      behind: async (work) => {
        const ended = this.#later(work);
        if (!isLongLived) await ended;
      },
      gate: (...call) => this.#gate(...call),
      /** Settles once the charge that this process has accepted is with the API, or never will be. */
      arrived: (transactionId) => cache.arrived(transactionId),
    };
  }

  // `consumeOrFail`, which also tells of the sending of a charge that was accepted without the API.
  async #gate(customerId, quantity, description, callOptions) {
    const given = usage(customerId, quantity, description, options(callOptions));
    const sendBehind = this.#sendBehind(given);
    let sending;
    const { answer } = this.#start("consumeOrFail", given, (promise) => {
      sending = promise;
      sendBehind(promise);
    });
    const charge = await answer;
    return { charge, sending };
  }

  #ask(method, callOptions) {
    const { period, groupBy, customerId, days, limit, unit } = options(callOptions);
    return this.#start(method, {
      customerId: text(customerId, "customerId", "invalid_id"),
      period: text(period, "period"),
      groupBy: text(groupBy, "groupBy"),
      days: count(days, "days"),
      limit: count(limit, "limit"),
      unit: text(unit, "unit"),
    }).answer;
  }

  // `onAccepted` as in `perform`; usually such a charge is sent behind the answer.
  #start(method, given, onAccepted = this.#sendBehind(given)) {
    // What was placed before may end.
    if (this.#isClosed() && given.holdId === undefined) {
      const message =
        "this client has been destroyed: make a new one. Nothing was sent or charged.";
      throw new CreditEngineError(message, { code: "client_destroyed", effect: "not_applied" });
    }
    const { cache, report } = this.#settings;
    const request = this.#request?.next(method, given);
    const call = { method, arguments: given, request };
    const { key, answer } = perform(this.#settings, call, onAccepted);
    const noted = answer.then((value) => {
      cache.note(given.customerId, value).forEach(report);
      return value;
    });
    return { key, answer: noted };
  }

  async #consumeInBackground(given) {
    let sending;
    const { key, answer } = this.#start("consume", given, (promise) => (sending = promise));
    const ended = this.#later(withDetails(answer.then((value) => sending ?? value), given));
    if (ended === null) return { queued: true, durable: false, idempotency_key: key };
    return ended.then((end) => ({ queued: false, idempotency_key: key, ...end }));
  }

  #sendBehind(given) {
    // Looked up now: later the host may have another request's context.
    const waitUntil = this.#waitUntil ?? ambientWaitUntil();
    return (sending) => void this.#later(withDetails(sending, given), waitUntil);
  }

  // Work that goes on after the response: null where the host stays awake for it, else its end, to
  // be awaited. The end never rejects: a host would report that as an unhandled rejection.
  #later(work, waitUntil = this.#waitUntil ?? ambientWaitUntil()) {
    const ended = work.then(
      (value) => ({ ...value }),
      (error) => {
        this.#settings.report(error);
        return { error };
      },
    );
    this.#track(ended);
    return keepAlive(waitUntil, ended) ? null : ended;
  }

  #isClosed() {
    return this.#closed || (this.#parent !== null && this.#parent.#isClosed());
  }

  #track(work) {
    for (let engine = this; engine !== null; engine = engine.#parent) {
      const background = engine.#background;
      background.add(work);
      work.then(() => background.delete(work));
    }
  }
}

function cacheOf(settings) {
  // Stateless too: what is at `baseUrl` may be a cache without the client knowing it.
  return modeOf(settings) === "memory" ? new MemoryCache(settings.report) : new RemoteCache();
}

// Waits for background calls. In memory their charges are counted when they are settled.
function backgroundCounts(calls, cache) {
  const counts = { delivered: 0, rejected: 0, quarantined: 0 };
  const ended = ({ error }) => {
    if (error === undefined) counts.delivered += cache instanceof MemoryCache ? 0 : 1;
    else counts[error.effect === "not_applied" ? "rejected" : "quarantined"] += 1;
  };
  return { counts, done: Promise.all([...calls].map((call) => call.then(ended))) };
}

// A failure that nobody waits for says what was to be charged.
function withDetails(work, given) {
  return work.catch((error) => {
    error.details = { ...detailsOf(given), ...error.details };
    throw error;
  });
}

// Settles when the time is up; the timer ends with the work, so that it keeps no process alive.
function expiry(limit, work) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, limit);
    const stop = () => clearTimeout(timer);
    work.then(stop, stop);
  });
}

function customer(customerId) {
  return requiredText(customerId, "customerId", "invalid_id");
}

function usage(customerId, quantity, description, chosen) {
  return {
    ...change(customerId, chosen),
    amount: amount(quantity),
    description: text(description, "description"),
  };
}

// What every call that changes a balance takes.
function change(customerId, { idempotencyKey, label, unit, metadata: data }) {
  return {
    customerId: customer(customerId),
    idempotencyKey: text(idempotencyKey, "idempotencyKey", "invalid_idempotency_key"),
    label: text(label, "label"),
    unit: text(unit, "unit"),
    metadata: metadata(data),
  };
}
