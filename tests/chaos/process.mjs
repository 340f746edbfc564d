// One worker in a Workers runtime of its own, with its storage on disk, to be killed, stopped and
// started again, with the same build or another one.

import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { COMPATIBILITY_DATE, startWorkerd } from "../runtimes/workerd.mjs";
import { pause } from "./random.mjs";

/** The second build also runs on an older date of the platform. */
const OTHER_COMPATIBILITY_DATE = "2026-09-01";

/**
 * Copies of the built worker, the second of which gives another version: other bytes in both files.
 * @returns {Promise<{directory: string, version: string, compatibilityDate: string}[]>}
 */
export async function makeBuilds(directory, home) {
  const manifest = new URL("../../pkg/package.json", import.meta.url);
  const { version } = JSON.parse(await readFile(manifest, "utf8"));
  const [rest, last] = [version.slice(0, -1), Number(version.at(-1))];
  const otherVersion = `${rest}${(last + 1) % 10}`;
  const same = join(home, "build");
  const other = join(home, "other-build");
  for (const copy of [same, other]) await cp(directory, copy, { recursive: true });
  const wasm = join(other, "index_bg.wasm");
  const module = await readFile(wasm);
  let places = 0;
  for (let at = module.indexOf(version); at >= 0; at = module.indexOf(version, at + 1)) {
    module.write(otherVersion, at, "latin1");
    places += 1;
  }
  if (places === 0) throw new Error(`the built worker does not name its version ${version}`);
  await writeFile(wasm, module);
  const script = join(other, "worker.js");
  await writeFile(script, `// ${otherVersion}\n${await readFile(script, "utf8")}`);
  return [
    { directory: same, version, compatibilityDate: COMPATIBILITY_DATE },
    { directory: other, version: otherVersion, compatibilityDate: OTHER_COMPATIBILITY_DATE },
  ];
}

export class Process {
  counts = { kills: 0, stops: 0, upgrades: 0 };
  /** Its origin while it runs, else null. */
  url = null;
  /** Its last words, where it has ended by itself. That is never right. */
  fallen = null;
  #worker;
  #builds;
  #state;
  #runtime = null;
  #build = 0;

  /**
   * @param {object} options
   * @param {(build: object) => object} options.worker its description for `startWorkerd`
   * @param {{directory: string, version: string, compatibilityDate: string}[]} options.builds
   * @param {string} options.state where its storage is
   */
  constructor({ worker, builds, state }) {
    this.#worker = worker;
    this.#builds = builds;
    this.#state = state;
  }

  /** Starts it and resolves when it answers, with the version that was meant to run. */
  async start() {
    const build = this.#builds[this.#build];
    const worker = { ...this.#worker, ...build };
    await mkdir(this.#state, { recursive: true });
    const runtime = await startWorkerd({ workers: [worker], state: this.#state });
    this.#runtime = runtime;
    runtime.exited.then((status) => {
      if (this.#runtime !== runtime) return;
      this.fallen = `${worker.name} ended by itself with status ${status}\n${runtime.output()}`;
    });
    const url = runtime.urls[worker.name];
    const { version, configured } = await (await fetch(`${url}/health`)).json();
    if (!configured) throw new Error(`${worker.name} is not configured`);
    if (version !== build.version) throw new Error(`${version} runs instead of ${build.version}`);
    this.url = url;
  }

  /** kill -9, and a new start after `downFor` milliseconds. */
  async restart({ downFor, upgrade }) {
    await this.end();
    this.counts.kills += 1;
    await pause(downFor);
    if (upgrade) {
      this.#build = (this.#build + 1) % this.#builds.length;
      this.counts.upgrades += 1;
    }
    await this.start();
  }

  /** SIGSTOP, and SIGCONT after `milliseconds`. */
  async stopFor(milliseconds) {
    process.kill(this.#runtime.pid, "SIGSTOP");
    try {
      await pause(milliseconds);
    } finally {
      process.kill(this.#runtime.pid, "SIGCONT");
    }
    this.counts.stops += 1;
  }

  async end() {
    const runtime = this.#runtime;
    this.url = null;
    this.#runtime = null;
    await runtime?.stop();
  }

  /** For the end of this program, where nothing can be waited for. */
  endNow() {
    if (this.#runtime) process.kill(this.#runtime.pid, "SIGKILL");
  }
}
