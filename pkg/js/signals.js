// `ClockNext.signals`: usage that is reported, at once or behind.

import { options as optionsOf, count, flag, text } from "./arguments.js";
import { writeSignal } from "./clocknext_calls.js";
import { reading } from "./clocknext_errors.js";
import { signalInput } from "./signal_input.js";

export class Signals {
  #client;

  // `client`: the outlet, the buffer, whether it is sync, and `open()`, which throws once it is closed.
  constructor(client) {
    this.#client = client;
  }

  async track(signal, callOptions) {
    const wait = reading(() => flag(optionsOf(callOptions).wait, "wait")) ?? this.#client.sync;
    const entry = this.#entry(signal);
    if (wait) return this.#send(entry);
    const dropped = this.#client.buffer.add(entry);
    const queued = { queued: dropped === undefined, idempotencyKey: entry.key };
    return dropped === undefined ? queued : { ...queued, dropped };
  }

  async credit(signal, callOptions) {
    return this.track(typed(signal, "credit"), callOptions);
  }

  async wallet(signal, callOptions) {
    return this.track(typed(signal, "wallet"), callOptions);
  }

  async outcome(signal, callOptions) {
    return this.track(typed(signal, "outcome"), callOptions);
  }

  async verify(signal) {
    const { body, key } = this.#entry(signal, { dryRun: true });
    return this.#client.outlet.ask({ method: "verify", body, key });
  }

  async list(query) {
    this.#client.open();
    const { customerId, limit } = reading(() => optionsOf(query, "query"));
    return this.#client.outlet.ask(
      reading(() => ({
        method: "list",
        customerId: text(customerId, "customerId", "invalid_id"),
        limit: count(limit, "limit")?.toString(),
      })),
    );
  }

  #entry(signal, rest) {
    this.#client.open();
    const given = reading(() => optionsOf(signal, "signal"));
    const { type, key, body, bytes } = writeSignal(reading(() => signalInput(given, rest)));
    // What a hook is told of can be tracked again as it is, under the same key.
    return { signal: { ...given, type, idempotencyKey: key }, key, body, bytes };
  }

  async #send(entry) {
    const { outlet, buffer } = this.#client;
    const result = await outlet.send(entry, buffer.isOfRequest);
    return { queued: false, idempotencyKey: entry.key, ...result };
  }
}

function typed(signal, type) {
  return { ...reading(() => optionsOf(signal, "signal")), type };
}
