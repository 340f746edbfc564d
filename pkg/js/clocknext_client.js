// The public class of the ClockNext face: its options, its parts, and how it ends.

import { limitsOf } from "./clocknext_calls.js";
import { readFaceConfig } from "./clocknext_config.js";
import { ClockNextError, reading } from "./clocknext_errors.js";
import { waitUntilOf } from "./context.js";
import { Customers, Portal } from "./customers.js";
import { SignalBuffer } from "./signal_buffer.js";
import { SignalOutlet } from "./signal_outlet.js";
import { Signals } from "./signals.js";

// What `withContext` hands to the constructor instead of a config.
class Branch {
  constructor(parent, core, waitUntil) {
    Object.assign(this, { parent, core, waitUntil });
  }
}

export class ClockNext {
  #core;
  #parent = null;
  #buffer;
  #closed = false;

  constructor(config) {
    if (config instanceof Branch) {
      this.#parent = config.parent;
      this.#core = config.core;
      this.#buffer = new SignalBuffer(config.core.outlet, config.waitUntil);
    } else {
      const settings = reading(() => readFaceConfig(config), ClockNextError);
      const { sync, ...limits } = limitsOf(settings);
      this.#core = { sync, outlet: new SignalOutlet(settings, limits) };
      this.#buffer = new SignalBuffer(this.#core.outlet, settings.waitUntil);
      if (settings.options.browser) warn();
    }
    const open = () => this.#open();
    const ask = async (given) => {
      open();
      return this.#core.outlet.ask(reading(given));
    };
    this.signals = new Signals({ ...this.#core, buffer: this.#buffer, open });
    this.customers = new Customers(ask);
    this.portal = new Portal(ask);
  }

  get stats() {
    const { outlet } = this.#core;
    outlet.sweep();
    const { counts, waiting, sending } = outlet;
    const { tracked, delivered, rejected, dropped } = counts;
    return { ...counts, waiting, pending: tracked - delivered - rejected - dropped, sending };
  }

  withContext(context) {
    const waitUntil = reading(() => waitUntilOf(context, "context"), ClockNextError);
    return new ClockNext(new Branch(this, this.#core, waitUntil));
  }

  async flush() {
    return this.#buffer.flush();
  }

  async close() {
    this.#closed = true;
    return this.flush();
  }

  async [Symbol.asyncDispose ?? Symbol.for("Symbol.asyncDispose")]() {
    await this.close();
  }

  #isClosed() {
    return this.#closed || (this.#parent !== null && this.#parent.#isClosed());
  }

  #open() {
    if (!this.#isClosed()) return;
    const message = "this client has been closed: make a new one. Nothing was sent.";
    throw new ClockNextError(message, { code: "client_closed", effect: "not_applied" });
  }
}

function warn() {
  console.warn(
    "edge-credits: a ClockNext API key is used in a browser, where every visitor can read it. It may change all customers.",
  );
}
