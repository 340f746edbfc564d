// One attempt of one call, and what its answer means. This side knows nothing of the client under
// test: it is a stranger with an HTTP library and a good memory.

import { Agent, request as httpRequest } from "node:http";

/** How long a caller waits. Shorter than a stopped process stays stopped at the longest. */
export const CALLER_TIMEOUT_MS = 2_500;

/** How long one waits who only wants to look. */
export const PATIENT_TIMEOUT_MS = 30_000;

/** Answers after which it is certain that this attempt changed nothing. */
const REFUSALS = {
  400: () => true,
  401: () => true,
  402: (code) => code === "insufficient_credits",
  403: () => true,
  404: () => true,
  405: () => true,
  413: () => true,
  415: () => true,
  422: (code) => code !== "idempotency_key_reused",
  503: (code) => ["upstream_unavailable", "stale_balance", "outbox_full"].includes(code),
};

/** The API of one worker, for one key. */
export class Calls {
  #origin;
  #headers;
  #agent = new Agent({ keepAlive: true });

  /** @param {() => string | null} origin where the worker is now; null while it is away */
  constructor(origin, key) {
    this.#origin = origin;
    this.#headers = { authorization: `Bearer ${key}` };
  }

  /** Sends once. Resolves to the status and the parsed body, null where it is no JSON. */
  send(method, path, body, timeout = CALLER_TIMEOUT_MS) {
    const origin = this.#origin();
    if (!origin) return Promise.reject(new Error("the worker is away"));
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = { ...this.#headers };
    if (body !== undefined) {
      headers["content-type"] = "application/json";
      headers["content-length"] = Buffer.byteLength(text);
    }
    return new Promise((resolve, reject) => {
      const request = httpRequest(origin + path, { method, headers, agent: this.#agent });
      const timer = setTimeout(() => request.destroy(new Error("no answer in time")), timeout);
      const settle = (act) => (value) => {
        clearTimeout(timer);
        act(value);
      };
      request.once("error", settle(reject));
      request.once("response", (incoming) => read(incoming).then(settle(resolve), settle(reject)));
      request.end(text);
    });
  }

  /** `GET` that must succeed: for looking at a healthy system. */
  async look(customer, rest) {
    const path = customerPath(customer, rest);
    const { status, json } = await this.send("GET", path, undefined, PATIENT_TIMEOUT_MS);
    if (status !== 200 || json === null) {
      throw new Error(`GET ${rest} of ${customer}: ${status} ${JSON.stringify(json)}`);
    }
    return json;
  }

  /**
   * One attempt of a charge or grant.
   * @returns what came of it: `outcome` is ok, refused, reused or unknown
   */
  async attempt({ customer, kind, key }, amount) {
    const body = { amount: text(amount), idempotency_key: key };
    if (kind === "add") body.type = "topup";
    if (kind === "gate") body.on_insufficient = "reject";
    const path = customerPath(customer, kind === "add" ? "add" : "consume");
    try {
      return judge(await this.send("POST", path, body));
    } catch (error) {
      return { outcome: "unknown", code: error.code ?? error.message };
    }
  }

  close() {
    this.#agent.destroy();
  }
}

export function customerPath(customer, rest) {
  return `/v1/customers/${encodeURIComponent(customer)}/${rest}`;
}

/** What an answer says about the attempt. Anything that is not certain is unknown. */
export function judge({ status, json }) {
  const code = json?.error?.code ?? `status ${status}`;
  if (status === 200 && typeof json?.transaction_id === "string") {
    const { transaction_id: transaction, replayed, notices = [], source } = json;
    return { outcome: "ok", transaction, replayed: replayed === true, notices, source };
  }
  if (status === 422 && code === "idempotency_key_reused") return { outcome: "reused", code };
  // A refusal is believed only from the worker itself: a gateway's page has no code.
  if (json?.error?.code && REFUSALS[status]?.(code)) return { outcome: "refused", code };
  return { outcome: "unknown", code };
}

async function read(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  try {
    return { status: incoming.statusCode, json: JSON.parse(Buffer.concat(chunks).toString()) };
  } catch {
    return { status: incoming.statusCode, json: null };
  }
}

/** Minor units (millionths) as the decimal text that the API takes. */
export function text(amount) {
  return `${Math.floor(amount / 1e6)}.${String(amount % 1e6).padStart(6, "0")}`;
}

/** An amount of an answer in minor units. */
export function minorUnits(number) {
  return Math.round(number * 1e6);
}
