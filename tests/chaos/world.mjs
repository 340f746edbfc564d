// The programs and the network between them.
//
//   ledger mode    callers ── front ── ledger
//   cache mode     callers ── front ── cache ── back ── ledger
//
// `front` and `back` are proxies that may do harm; the ledger and the cache are the built worker in
// runtimes of their own, with their own disks. Beside this, a quiet way to each worker is kept
// for the preparation, for somebody else's spending, and for looking at the end.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makeKeys } from "../runtimes/keys.mjs";
import { cacheWorker, ledgerWorker } from "../runtimes/workerd.mjs";
import { Calls } from "./calls.mjs";
import { makeBuilds, Process } from "./process.mjs";
import { Proxy } from "./proxy.mjs";

/** What the cache runs with: as in production, but for times that a run of minutes goes through. */
const CACHE_SETTINGS = {
  SYNC_INTERVAL_MS: "1000",
  MAX_STALENESS_MS: "3000",
  UPSTREAM_TIMEOUT_MS: "1500",
  GRACEFUL_DEGRADATION: "true",
};
/** Part of the exchanges that meet a fault. Behind a cache nobody waits: more of them there. */
const FRONT_RATE = { ledger: 0.15, cache: 0.08 };
const BACK_RATE = 0.25;

export class World {
  /** The program that is killed in the first place: the cache, or without one the ledger. */
  main;
  /** @type {Process} */
  ledger;
  /** @type {Process | null} null in ledger mode */
  cache = null;
  /** @type {Proxy} */
  front;
  /** @type {Proxy | null} null in ledger mode */
  back = null;
  /** @type {{calls: Calls, direct: Calls, operator: Calls}} the callers' way, and quiet ones */
  ways;
  /** Where everything is on disk. */
  home;
  #closing = [];

  /**
   * @param {object} options
   * @param {"ledger" | "cache"} options.mode
   * @param {import("./random.mjs").Random} options.random
   * @param {(directory: string) => Promise<string>} [options.damage] changes the ledger's build and
   *   resolves to its entry: for runs that must fail
   */
  static async build({ mode, random, damage }) {
    const world = new World();
    world.mode = mode;
    world.damage = damage;
    world.home = await mkdtemp(join(tmpdir(), "edge-credits-chaos-"));
    try {
      await world.#build(random);
    } catch (error) {
      await world.close();
      throw error;
    }
    return world;
  }

  async #build(random) {
    const callers = makeKeys();
    const upstream = makeKeys();
    const inLedger = this.mode === "ledger" ? callers : upstream;
    const worker = ledgerWorker({ API_KEYS: inLedger.secret });
    const builds = await makeBuilds(worker.directory, this.home);
    if (this.damage) for (const { directory } of builds) worker.main = await this.damage(directory);
    this.ledger = this.#process(worker, builds);
    this.main = this.ledger;
    await this.ledger.start();
    if (this.mode === "cache") {
      this.back = new Proxy({
        target: () => this.ledger.url,
        random: random.fork("back"),
        lateCopies: true,
      });
      this.#closing.push(() => this.back.close());
      const upstreamUrl = await this.back.listen();
      const settings = {
        ...CACHE_SETTINGS,
        API_KEYS: callers.secret,
        UPSTREAM_URL: upstreamUrl,
        UPSTREAM_KEY_LIVE: upstream.admin.text,
      };
      this.cache = this.#process(cacheWorker(settings), builds);
      this.main = this.cache;
      await this.cache.start();
    }
    this.front = new Proxy({ target: () => this.main.url, random: random.fork("front") });
    this.#closing.push(() => this.front.close());
    const front = await this.front.listen();
    this.ways = {
      calls: new Calls(() => front, callers.admin.text),
      direct: new Calls(() => this.ledger.url, inLedger.admin.text),
      operator: new Calls(() => this.main.url, callers.admin.text),
    };
    this.#closing.push(() => Object.values(this.ways).forEach((way) => way.close()));
  }

  #process(worker, builds) {
    const program = new Process({ worker, builds, state: join(this.home, `${worker.name}-state`) });
    this.#closing.push(() => program.end());
    return program;
  }

  get programs() {
    return this.cache ? { cache: this.cache, ledger: this.ledger } : { ledger: this.ledger };
  }

  get proxies() {
    return this.back ? { front: this.front, back: this.back } : { front: this.front };
  }

  /** Throws where a program has ended without having been killed. */
  standing() {
    for (const { fallen } of Object.values(this.programs)) if (fallen) throw new Error(fallen);
  }

  /** Lets the network do harm, or heals it. */
  storm(on) {
    this.front.storm(on ? FRONT_RATE[this.mode] : 0);
    this.back?.storm(on ? BACK_RATE : 0);
  }

  /** Resolves when nothing that a proxy still holds can reach a worker any more. */
  async settled() {
    for (const proxy of Object.values(this.proxies)) await proxy.settled();
  }

  /** For the end of this program, where nothing can be waited for. */
  endNow() {
    for (const program of Object.values(this.programs)) program?.endNow();
  }

  async close({ keep = false } = {}) {
    for (const close of this.#closing.reverse()) await close();
    this.#closing = [];
    if (!keep) await rm(this.home, { recursive: true, force: true });
  }
}
