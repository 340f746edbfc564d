// The worker in the Workers runtime, as a child process on this machine.

import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

import { ALL_OBJECTS } from "./objects.js";
import { Trouble } from "./trouble.js";

/** How long it may take until it answers. It takes some 100 ms. */
const START_TIMEOUT_MS = 20_000;
/** How long it may take to end when told to; what it has answered is on disk already. */
const STOP_TIMEOUT_MS = 2_000;

const BUILT = new URL("../dist/worker/", import.meta.url);

/**
 * Starts the worker and resolves when it answers.
 * @param {object} options
 * @param {{program: string, compatibilityDate: string}} options.workerd
 * @param {number} options.port
 * @param {Record<string, string>} options.settings variables and secrets alike
 * @param {string} options.home where the ledgers are kept
 * @param {(pid: number) => void} options.started is told at once of the process
 * @param {AbortSignal} options.signal ends the starting
 * @returns {Promise<{url: string, pid: number, exited: Promise<void>, output(): string,
 *   stop(): Promise<void>}>}
 */
export async function startRuntime({ workerd, port, settings, home, started, signal }) {
  // Secrets are in it. It is for this user only, and goes when this process does, unless killed.
  const run = await mkdtemp(join(tmpdir(), "edge-credits-dev-"));
  process.once("exit", () => rmSync(run, { recursive: true, force: true }));
  const state = join(home, "state");
  await mkdir(state, { recursive: true, mode: 0o700 });
  const files = (await readdir(BUILT)).filter((name) => /\.(js|wasm)$/.test(name));
  for (const file of files) await copyFile(fileURLToPath(new URL(file, BUILT)), join(run, file));
  const config = join(run, "config.capnp");
  const { program, compatibilityDate } = workerd;
  const said = configuration({ files, compatibilityDate, settings, state, port });
  await writeFile(config, said, { mode: 0o600 });

  signal.throwIfAborted();
  const child = spawn(program, ["serve", config], { stdio: ["ignore", "pipe", "pipe"] });
  process.once("exit", () => child.kill("SIGKILL"));
  if (child.pid !== undefined) started(child.pid);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => {
      output = (output + chunk).slice(-10_000);
      process.stderr.write(chunk);
    });
  }
  const exited = new Promise((done) => {
    child.once("exit", () => done());
    child.once("error", (error) => {
      output += error.message;
      done();
    });
  });
  const stop = async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(timer);
    await rm(run, { recursive: true, force: true });
  };
  const url = `http://127.0.0.1:${port}`;
  const answers = await Promise.race([answering(url, signal), exited.then(() => false)]);
  if (!answers) {
    await stop();
    throw new Trouble(
      `the Workers runtime did not start: ${output.trim() || "it does not answer"}`,
    );
  }
  return { url, pid: child.pid, exited, output: () => output, stop };
}

/** Whether the worker has answered in time. */
async function answering(url, signal) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && !signal.aborted) {
    try {
      const response = await fetch(`${url}/health`);
      await response.arrayBuffer();
      if (response.ok) return true;
    } catch {
      // It does not listen yet.
    }
    await sleep(20);
  }
  return false;
}

function configuration({ files, compatibilityDate, settings, state, port }) {
  // The first module is the entry.
  const ordered = ["worker.js", ...files.filter((file) => file !== "worker.js")];
  const kind = (file) => (file.endsWith(".wasm") ? "wasm" : "esModule");
  const modules = ordered.map(
    (file) => `(name = ${text(file)}, ${kind(file)} = embed ${text(file)})`,
  );
  const bindings = Object.entries(settings).map(
    ([name, value]) => `(name = ${text(name)}, text = ${text(value)})`,
  );
  const namespaces = [];
  for (const { binding, className } of ALL_OBJECTS) {
    bindings.push(
      `(name = ${text(binding)}, durableObjectNamespace = (className = ${text(className)}))`,
    );
    namespaces.push(
      `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = true)`,
    );
  }
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "worker", worker = .worker),
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
    (name = "disk", disk = (path = ${text(state)}, writable = true)),
  ],
  sockets = [(name = "http", address = ${text(`127.0.0.1:${port}`)}, http = (), service = "worker")],
);
const worker :Workerd.Worker = (
  modules = [${modules.join(", ")}],
  compatibilityDate = ${text(compatibilityDate)},
  bindings = [${bindings.join(", ")}],
  durableObjectNamespaces = [${namespaces.join(", ")}],
  durableObjectStorage = (localDisk = "disk"),
);
`;
}

/** A Cap'n Proto text literal. */
function text(value) {
  const escape = (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return `"${String(value).replace(/[\\"\x00-\x1f\x7f]/g, escape)}"`;
}
