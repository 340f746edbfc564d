// edge-credits/testing: the deployed worker, in memory, for the tests of whoever uses the package.

import { Deployment, bodyOf, headOf, responseOf } from "../dist/testing.js";
import { Clock, instant } from "./clock.js";
import { Faults } from "./faults.js";
import { Storage } from "./storage.js";

const BINDINGS = { LEDGER: "LedgerObject", DIRECTORY: "DirectoryObject" };
/** Where it pretends to be. Nothing is sent there. */
const ORIGIN = "https://ledger.test";
/** More than any body may have. */
const LONGEST_BODY = 1024 * 1024;
const ENVIRONMENTS = ["live", "test"];
const SCOPES = ["use", "grant", "admin"];
/** How the paths of its requests end: of a customer's, of holds and top-ups, of the analytics. */
const ROUTES = [
  ...["balance", "transactions", "consume", "batch", "add", "void"],
  ...["holds", "progress", "extend", "capture", "release"],
  ...["sessions", "pay", "cancel", "stripe"],
  ...["wallet", "adjust", "catalog", "models", "credit-types", "outcomes"],
  ...["me", "customers", "balances", "plan", "token"],
  ...["usage", "top-consumers", "actions", "burn-rate", "summary"],
  ...["embed", "data", "topup"],
];

export function createTestLedger(options) {
  return new TestLedger(options);
}

export class TestLedger {
  #deployment;
  #faults = new Faults(ROUTES);
  #keys = [];
  /** Of its keys alone, so that no client takes it for another ledger of this process. */
  #name = Array.from(crypto.getRandomValues(new Uint8Array(8)), hex).join("");
  /** Alarms under way: requests wait for them, as they do for an object that is busy. */
  #settled = Promise.resolve();

  constructor({ now = Date.now(), settings = {}, ...rest } = {}) {
    const [unknown] = Object.keys(rest);
    if (unknown) throw new TypeError(`createTestLedger has no option \`${unknown}\``);
    this.clock = new Clock(instant(now), () => this.#fireAlarms());
    this.#deployment = new Deployment({
      bindings: BINDINGS,
      makeStorage: () => new Storage(),
      now: () => this.clock.now(),
    });
    if ("API_KEYS" in settings) {
      throw new TypeError("API_KEYS is the ledger's own: make keys with key()");
    }
    // The pages of its test checkout are here, and stay when another key is made.
    const own = { PUBLIC_URL: ORIGIN, TEST_CHECKOUT_SECRET: "in memory" };
    const all = { ...own, ...settings };
    for (const [name, value] of Object.entries(all)) this.#deployment.set(name, value);
    this.apiKey = this.key();
    this.requests = [];
    this.fail = {
      next: (fault) => this.#faults.next(fault),
      clear: () => this.#faults.clear(),
    };
  }

  key({ env = "test", scopes = ["admin"] } = {}) {
    const scoped =
      Array.isArray(scopes) && scopes.length > 0 && scopes.every((each) => SCOPES.includes(each));
    if (!(ENVIRONMENTS.includes(env) && scoped)) {
      throw new TypeError("a key has env live or test, and a scope at least: use, grant, admin");
    }
    const number = String(this.#keys.length + 1).padStart(8, "0");
    const text = `ce_${env}_inmemory${this.#name}${number}`;
    this.#keys.push({ text, env, scopes: [...scopes] });
    return text;
  }

  outage(away = true) {
    this.#faults.outage(away);
  }

  // A property, so that it can be passed on as a `fetch` of its own.
  fetch = (input, init) => this.#receive(input, init, (head, body) => this.#answer(head, body));

  /** In the place of a Worker's binding of the ledger's objects. */
  namespace = {
    idFromName: (name) => ({ name }),
    get: ({ name }) => this.namespace.getByName(name),
    getByName: (name) => {
      const answer = (head, body) => this.#deployment.answerAt("LEDGER", name, head, body);
      return { fetch: (input, init) => this.#receive(input, init, answer) };
    },
  };

  async #receive(input, init, answer) {
    const request = new Request(input, init);
    const { pathname } = new URL(request.url);
    const idempotencyKey = request.headers.get("idempotency-key");
    this.requests.push({ method: request.method, path: pathname, idempotencyKey });
    const { signal } = request;
    signal?.throwIfAborted();
    const route = pathname.split("/").at(-1);
    return this.#faults.carry({ route, signal }, () => this.#deliver(request, answer));
  }

  async entries(customerId, { env = "test", unit } = {}) {
    const path = `/v1/customers/${encodeURIComponent(customerId)}/transactions`;
    const all = [];
    for (let before; ; before = all.at(-1).sequence) {
      const query = new URLSearchParams({ limit: "100" });
      if (unit !== undefined) query.set("unit", unit);
      if (before !== undefined) query.set("before_sequence", String(before));
      const { data, pagination } = await this.#asked(`${path}?${query}`, env);
      all.push(...data);
      if (!pagination.has_more) return all.reverse();
    }
  }

  async balance(customerId, { env = "test", unit } = {}) {
    const query = unit === undefined ? "" : `?unit=${encodeURIComponent(unit)}`;
    const path = `/v1/customers/${encodeURIComponent(customerId)}/balance${query}`;
    return (await this.#asked(path, env)).balance;
  }

  /** Asks the ledger itself, whatever is wrong on the way to it. */
  async #asked(path, env) {
    this.#inspection ??= {};
    const key = (this.#inspection[env] ??= this.key({ env }));
    const request = new Request(`${ORIGIN}${path}`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const response = await this.#deliver(request, (head) => this.#answer(head));
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error.message);
    return answer;
  }

  #inspection;

  async #deliver(request, answer) {
    const head = headOf(request);
    const body = request.method === "GET" ? undefined : await bodyOf(request, LONGEST_BODY);
    await this.#settled;
    return responseOf(await answer(head, body));
  }

  async #answer(head, body) {
    await this.#configure();
    return this.#deployment.answer(head, body);
  }

  #configured = 0;

  /** Makes the keys that there are known, as a deployment's secret does. */
  async #configure() {
    if (this.#configured === this.#keys.length) return;
    const keys = [...this.#keys];
    const entries = await Promise.all(
      keys.map(async ({ text, env, scopes }, at) => ({
        id: `key_${at}`,
        env,
        scopes,
        sha256: await digest(text),
      })),
    );
    this.#configured = keys.length;
    this.#deployment.set("API_KEYS", JSON.stringify(entries));
  }

  #fireAlarms() {
    const fire = async () => {
      for (;;) {
        const due = this.#deployment.alarms().filter((alarm) => alarm.due <= this.clock.now());
        if (due.length === 0) return;
        due.sort((one, other) => one.due - other.due);
        for (const alarm of due) await alarm.fire();
      }
    };
    this.#settled = this.#settled.then(fire);
    return this.#settled;
  }
}

async function digest(text) {
  const bytes = new Uint8Array(
    await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)),
  );
  return Array.from(bytes, hex).join("");
}

function hex(byte) {
  return byte.toString(16).padStart(2, "0");
}
