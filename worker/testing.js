// The worker for `edge-credits/testing`: the same wasm module as it is deployed, with no Workers
// runtime around it. Where shim.js has objects of the runtime, this has ones in memory.
//
// Requests come and answers go as the texts of http.js. The module is asked without an await between
// entrance and answer, so that it sees one clock throughout.

import { tellTime } from "./testing_host.js";
import { headOf, responseOf } from "./http.js";
import * as wasm from "./index.js";

export { bodyOf, headOf, responseOf } from "./http.js";

const state = wasm.__worker_init_state();

/** One deployment in memory. */
export class Deployment {
  #makeStorage;
  #now;
  #env;
  #objects = new Map();

  /**
   * @param {object} parts
   * @param {Record<string, string>} parts.bindings the object classes, by the name of their binding
   * @param {() => object} parts.makeStorage the storage of a new object
   * @param {() => number} parts.now
   */
  constructor({ bindings, makeStorage, now }) {
    this.#makeStorage = makeStorage;
    this.#now = now;
    this.#env = {};
    for (const [binding, className] of Object.entries(bindings)) {
      this.#env[binding] = { getByName: (name) => this.#stub(className, name) };
    }
  }

  /** Sets a variable or secret. */
  set(name, value) {
    this.#env[name] = value;
  }

  /** The answer to a request from outside; `body` is absent where it could not be read. */
  async answer(head, body) {
    let told = this.#run(() => wasm.admit(head, this.#env));
    if (told.startsWith("read\n")) {
      const [, limit, requestId] = told.split("\n");
      const refused = this.#refused(head, body, Number(limit), requestId);
      if (refused) return refused;
      told = await this.#run(() => wasm.admitWhole(head, body, this.#env, requestId));
    }
    if (!told.startsWith("pass\n")) return told;
    const [, binding, name, limit, method, url, ...lines] = told.split("\n");
    const most = Number(limit);
    const requestId = lines[lines.indexOf("x-request-id") + 1];
    const refused = most > 0 && this.#refused(head, body, most, requestId);
    if (refused) return refused;
    const passed = most > 0 ? body : undefined;
    return this.#env[binding].getByName(name).answer([method, url, ...lines].join("\n"), passed);
  }

  /** The answer of an object to who holds its binding. */
  answerAt(binding, name, head, body) {
    return this.#env[binding].getByName(name).answer(head, body);
  }

  /** The alarms that stand: when, and how to fire each. */
  alarms() {
    const standing = [...this.#objects.values()].filter(({ storage }) => storage.alarm !== null);
    return standing.map((object) => ({
      due: object.storage.alarm,
      fire: async () => {
        object.storage.alarm = null;
        await this.#run(() => object.half().alarm());
      },
    }));
  }

  /** The answer to a body that is too long or broke off; nothing where it is all there. */
  #refused(head, body, most, requestId) {
    if (body !== undefined && body.length <= most) return undefined;
    return this.#run(() => wasm.refuseBody(head, requestId, most, body === undefined));
  }

  #stub(className, name) {
    const object = this.#object(className, name);
    const answer = async (head, body) => {
      const answered = await this.#run(() => object.half().answer(head, body));
      tellTime(this.#now);
      return answered;
    };
    // As one object of the deployment calls another.
    const fetch = async (url, init) => {
      const body = init?.body && new TextEncoder().encode(init.body);
      return responseOf(await answer(headOf(new Request(url, init)), body));
    };
    return { answer, fetch };
  }

  #object(className, name) {
    const key = `${className}/${name}`;
    if (!this.#objects.has(key)) this.#objects.set(key, this.#newObject(className, name));
    return this.#objects.get(key);
  }

  /** An object whose Rust half is built again when the instance it lived in has fallen. */
  #newObject(className, name) {
    const storage = this.#makeStorage();
    let half;
    let instanceId;
    const current = () => {
      if (half === undefined || instanceId !== state.instanceId) {
        half = new wasm[className]({ id: { name }, storage }, this.#env);
        instanceId = state.instanceId;
      }
      return half;
    };
    return { storage, half: current };
  }

  #run(call) {
    if (state.criticalError) {
      wasm.__wbg_reset_state();
      state.criticalError = false;
    }
    tellTime(this.#now);
    try {
      return call();
    } catch (error) {
      if (error instanceof WebAssembly.RuntimeError) state.criticalError = true;
      throw error;
    }
  }
}
