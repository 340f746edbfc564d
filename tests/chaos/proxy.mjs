// A loopback proxy between two programs that speak HTTP/1.1, and everything that a network and a
// bad gateway may do to one exchange. It reads each request to its end, then `faults.mjs` decides
// what becomes of it. Faults break TCP connections with a reset, as a dying host does.

import { createServer, request as httpRequest, Agent } from "node:http";

import { answer, FAULTS, KINDS, reset } from "./faults.mjs";

/** Longer than any pause between two calls: a healthy network breaks no connection. */
const KEEP_ALIVE_MS = 120_000;
/** A worker that has had a request for so long will never answer it. */
const LONGEST_ANSWER_MS = 30_000;
/** Headers that belong to one connection, and are not passed on. */
const HOP_HEADERS = ["connection", "keep-alive", "transfer-encoding", "content-length", "host"];

export class Proxy {
  /** How often each kind of fault was done, by kind. */
  counts;
  /** Connections that were turned away while `refusing`. */
  turnedAway = 0;
  /** Requests that a worker never answered, though it lived. */
  unanswered = [];
  #target;
  #random;
  #draw;
  #rate = 0;
  #refusing = false;
  #server;
  #agent = new Agent({ keepAlive: true });
  #origin = null;
  /** What goes on after the caller has its answer, or will have none. */
  #loose = new Set();
  #held = new Set();

  /**
   * @param {object} options
   * @param {() => string | null} options.target the origin to pass requests on to; null while there
   *   is none, which the caller sees as a reset
   * @param {import("./random.mjs").Random} options.random
   * @param {boolean} [options.lateCopies] whether a duplicate may arrive after the answer
   * @param {string[]} [options.kinds] the faults that are enabled; all by default
   */
  constructor({ target, random, lateCopies = false, kinds = KINDS }) {
    this.#target = target;
    this.#random = random;
    this.lateCopies = lateCopies;
    this.#draw = random.deck(kinds);
    this.counts = Object.fromEntries(kinds.map((kind) => [kind, 0]));
    this.#server = createServer((request, response) => {
      this.#serve(request, response).catch(() => reset(response));
    });
    this.#server.keepAliveTimeout = KEEP_ALIVE_MS;
    this.#server.on("connection", (socket) => {
      socket.on("error", () => {});
      if (!this.#refusing) return;
      this.turnedAway += 1;
      socket.resetAndDestroy();
    });
  }

  /** Resolves to the proxy's own origin, which stays the same for its life. */
  async listen() {
    await new Promise((done) => this.#server.listen(0, "127.0.0.1", done));
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** From now on this part of all exchanges meets a fault. 0 heals the network. */
  storm(rate) {
    this.#rate = rate;
    if (rate === 0) for (const response of this.#held) reset(response);
  }

  /** From now on nothing gets through, or again everything does. */
  refuse(refusing) {
    this.#refusing = refusing;
    if (refusing) this.#server.closeAllConnections();
  }

  /** Resolves when nothing that the proxy passed on, or will, is under way any more. */
  async settled() {
    while (this.#loose.size > 0) await Promise.allSettled(this.#loose);
  }

  close() {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#agent.destroy();
  }

  async #serve(request, response) {
    response.on("error", () => {});
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const exchange = {
      random: this.#random,
      body: Buffer.concat(chunks),
      response,
      pass: (body) => this.#pass(request, body),
      loose: (work) => this.#keep(work),
      hold: () => this.#hold(response),
      lateCopies: this.lateCopies,
    };
    if (this.#random.chance(this.#rate)) {
      const kind = this.#draw();
      if (await FAULTS[kind](exchange)) {
        this.counts[kind] += 1;
        return;
      }
    }
    answer(response, await exchange.pass(exchange.body));
  }

  /** Sends the request on; resolves to the answer. `sent` of the promise: all of it is written. */
  #pass(request, body) {
    const origin = this.#target();
    if (!origin) return Promise.reject(new Error("nobody is there"));
    if (origin !== this.#origin) {
      // Another process: connections to the one before are of no use.
      this.#agent.destroy();
      this.#agent = new Agent({ keepAlive: true });
      this.#origin = origin;
    }
    const { method, url } = request;
    const headers = without(request.headers, HOP_HEADERS);
    if (body.length > 0) headers["content-length"] = body.length;
    const onward = httpRequest(origin + url, { method, headers, agent: this.#agent });
    const sent = new Promise((done) => onward.once("finish", done).once("close", done));
    const timer = setTimeout(() => {
      const lived = this.#target() === origin;
      this.unanswered.push(`${lived ? "alive" : "killed"} ${method} ${url} ${body}`);
      onward.destroy(new Error("no answer"));
    }, LONGEST_ANSWER_MS);
    const answered = new Promise((resolve, reject) => {
      onward.once("error", reject);
      onward.once("response", (incoming) => collect(incoming).then(resolve, reject));
    }).finally(() => clearTimeout(timer));
    onward.end(body);
    return Object.assign(this.#keep(answered), { sent });
  }

  #keep(work) {
    const noted = work.catch(() => {}).finally(() => this.#loose.delete(noted));
    this.#loose.add(noted);
    return work;
  }

  /** Leaves a caller without an answer until it gives up or the network heals. */
  #hold(response) {
    this.#held.add(response);
    response.once("close", () => this.#held.delete(response));
  }
}

async function collect(incoming) {
  const chunks = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return { status: incoming.statusCode, headers: without(incoming.headers, HOP_HEADERS), body };
}

function without(headers, names) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}
