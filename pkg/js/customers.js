// `ClockNext.customers` and `ClockNext.portal`: calls that are made at once, and answered.

import { count, metadata, options as optionsOf, text } from "./arguments.js";
import { reading } from "./clocknext_errors.js";
import { refuse } from "./errors.js";

export class Customers {
  #ask;

  constructor(ask) {
    this.#ask = ask;
  }

  async create(customer) {
    const given = () => {
      needed(customer?.name, "name");
      needed(customer?.email, "email");
      return { method: "customers.create", body: metadata(customer, "customer") };
    };
    return customerOf(await this.#ask(given));
  }

  async get(customerId) {
    return customerOf(await this.#of(customerId, "customers.get"));
  }

  async list(query) {
    return this.#ask(() => ({ method: "customers.list", ...page(query) }));
  }

  async *iterate(query) {
    // Read once: what is iterated must not change on the way.
    const { limit, q, cursor } = reading(() => optionsOf(query, "query"));
    let from = cursor ?? undefined;
    do {
      const answer = await this.list({ limit: limit ?? 100, q, cursor: from });
      yield* answer.customers ?? [];
      const next = answer.nextCursor ?? undefined;
      // A server that does not advance would be asked for ever.
      if (next !== undefined && next === from) throw stuck(next);
      from = next;
    } while (from !== undefined && from !== "");
  }

  async update(customerId, changes) {
    const body = () => ({ body: metadata(changes ?? {}, "changes") });
    return customerOf(await this.#of(customerId, "customers.update", body));
  }

  async delete(customerId) {
    await this.#of(customerId, "customers.delete");
  }

  async usage(customerId, query) {
    return this.#of(customerId, "customers.usage", () => page(query));
  }

  async balances(customerId) {
    return this.#of(customerId, "customers.balances");
  }

  async plan(customerId) {
    return this.#of(customerId, "customers.plan");
  }

  async revenue(customerId, query) {
    const range = () => ({ range: text(optionsOf(query, "query").range, "range") });
    return this.#of(customerId, "customers.revenue", range);
  }

  #of(customerId, method, rest = () => ({})) {
    const given = () => ({
      method,
      customerId: text(customerId, "customerId", "invalid_id"),
      ...rest(),
    });
    return this.#ask(given);
  }
}

export class Portal {
  #ask;

  constructor(ask) {
    this.#ask = ask;
  }

  async createToken(given) {
    return this.#ask(() => {
      const { customerId, ttlSeconds, memberEmail } = optionsOf(given, "options");
      needed(customerId, "customerId", "invalid_id");
      const body = {
        customerId,
        ttlSeconds: count(ttlSeconds, "ttlSeconds"),
        memberEmail: text(memberEmail, "memberEmail"),
      };
      return { method: "portal.createToken", body: JSON.stringify(body) };
    });
  }
}

function page(query) {
  const { limit, q, cursor } = optionsOf(query, "query");
  return {
    limit: count(limit, "limit")?.toString(),
    q: text(q, "q"),
    cursor: text(cursor, "cursor"),
  };
}

function customerOf(answer) {
  return answer.customer ?? answer;
}

function needed(value, param, code = "invalid_request") {
  const given = text(value, param, code);
  if (given?.trim()) return;
  throw refuse(code, param, `${param} is missing or blank. Nothing was sent or changed.`);
}

function stuck(cursor) {
  return reading(() => {
    throw refuse(
      "protocol_error",
      "cursor",
      `the API answers the page after ${cursor} with itself`,
    );
  });
}
