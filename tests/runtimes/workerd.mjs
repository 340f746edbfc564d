// Starts the Workers runtime itself (workerd, no wrangler) on generated configuration. The one place
// where that configuration is made: the JavaScript tests import it, and `cargo xtask` commands run it
// as a program.
//
// From JavaScript:
//
//   const runtime = await startWorkerd({
//     workers: [
//       ledgerWorker({ API_KEYS: JSON.stringify([entry]) }),
//       {
//         name: "edge",                          // also the name of its socket
//         directory: "…/bundle",                 // every .js, .mjs and .wasm file in it is a module
//         main: "worker.js",
//         bindings: { API_KEY: "ce_test_…" },    // text: variables and secrets alike
//         services: { CREDITS: "ledger" },       // service bindings, by worker name
//         objects: { LEDGER: { className: "LedgerObject", worker: "ledger" } },
//       },
//     ],
//     state: "…/state",                          // optional: survives `stop`; else temporary
//     ports: { edge: 8787 },                     // optional: else each worker gets a free port
//   });
//   await fetch(`${runtime.urls.edge}/…`);
//   await runtime.stop();                        // always kill -9: nothing may need a graceful end
//
// As a program: `node workerd.mjs 'OPTIONS AS JSON'` prints one line, `{"pid":…,"urls":{…}}`, and
// kills the runtime when its standard input ends. A worker given as `{"ledger": {bindings}}` stands
// for `ledgerWorker(bindings)`. The runtime's own output goes to standard error.

import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { extname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import workerd from "workerd";

/** The date of the platform behaviour that everything is tested against; as in wrangler.toml. */
export const COMPATIBILITY_DATE = "2026-10-23";
/** How long the runtime may take until every socket listens. It takes about 50 ms. */
const START_TIMEOUT_MS = 20_000;

/** The built worker of this repository (`cargo xtask build` makes it), with its own objects. */
export function ledgerWorker(bindings, { name = "ledger" } = {}) {
  return {
    name,
    directory: fileURLToPath(new URL("../../dist/worker", import.meta.url)),
    main: "worker.js",
    bindings,
    objects: {
      LEDGER: { className: "LedgerObject" },
      DIRECTORY: { className: "DirectoryObject" },
    },
  };
}

/** The same worker as a cache: with `UPSTREAM_URL` among its bindings. */
export function cacheWorker(bindings) {
  const worker = ledgerWorker(bindings, { name: "cache" });
  return { ...worker, objects: { BALANCE_CACHE: { className: "BalanceCacheObject" } } };
}

/**
 * Starts the runtime and resolves when every worker listens. With `inspect` it has an inspector too,
 * at the address `inspector`.
 * @returns {Promise<{pid: number, urls: Record<string, string>, inspector?: string, state: string,
 *   output(): string, exited: Promise<number | null>, stop(): Promise<void>}>}
 */
export async function startWorkerd({ workers, state, ports = {}, inspect = false, onOutput }) {
  const home = await mkdtemp(join(tmpdir(), "edge-credits-workerd-"));
  const disk = resolve(state ?? join(home, "state"));
  await mkdir(disk, { recursive: true });
  for (const worker of workers) {
    await cp(worker.directory, join(home, worker.name), { recursive: true });
  }
  const config = join(home, "config.capnp");
  await writeFile(config, await configuration(workers, home, disk, ports));

  const inspected = inspect ? ["--inspector-addr=127.0.0.1:0"] : [];
  const child = spawn(workerd.default, ["serve", config, "--control-fd=3", ...inspected], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk) => {
    output = (output + chunk).slice(-100_000);
    onOutput?.(String(chunk));
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise((done) => {
    child.once("exit", done);
    // A program that cannot be started does not exit either.
    child.once("error", () => done(null));
  });
  const stop = async () => {
    child.kill("SIGKILL");
    await exited;
    await rm(home, { recursive: true, force: true });
  };
  try {
    const { urls, inspector } = await listening(child, workers, exited);
    return { pid: child.pid, urls, inspector, state: disk, output: () => output, exited, stop };
  } catch (error) {
    await stop();
    throw new Error(explain(`${error.message}\n${output}`, ports));
  }
}

/** Reads the runtime's reports until each worker's socket has a port; the inspector's comes first. */
function listening(child, workers, exited) {
  const urls = {};
  let inspector;
  return new Promise((done, fail) => {
    const timer = setTimeout(
      () => fail(new Error(`workerd did not listen within ${START_TIMEOUT_MS} ms`)),
      START_TIMEOUT_MS,
    );
    const settle = (act) => (value) => {
      clearTimeout(timer);
      act(value);
    };
    child.once("error", settle(fail));
    exited.then((code) => settle(fail)(new Error(`workerd ended with status ${code}`)));
    createInterface({ input: child.stdio[3] }).on("line", (line) => {
      const report = JSON.parse(line);
      if (report.event === "listen-inspector") inspector = `http://127.0.0.1:${report.port}`;
      if (report.event !== "listen") return;
      urls[report.socket] = `http://127.0.0.1:${report.port}`;
      if (workers.every(({ name }) => name in urls)) settle(done)({ urls, inspector });
    });
  });
}

function explain(text, ports) {
  if (!/address already in use/i.test(text)) return text.trim();
  const taken = Object.values(ports).join(", ");
  return `port ${taken} is taken: stop the program that uses it, or choose another port`;
}

async function configuration(workers, home, disk, ports) {
  const services = [];
  const sockets = [];
  const definitions = [];
  for (const [index, worker] of workers.entries()) {
    const name = text(worker.name);
    services.push(`(name = ${name}, worker = .worker${index})`);
    const address = text(`127.0.0.1:${ports[worker.name] ?? 0}`);
    sockets.push(`(name = ${name}, address = ${address}, http = (), service = ${name})`);
    definitions.push(`const worker${index} :Workerd.Worker = (${await definition(worker, home)});`);
  }
  // Workers may call servers on this machine: the tests' stand-ins for a remote API live there.
  services.push(`(name = "internet", network = (allow = ["public", "private", "local"]))`);
  services.push(`(name = "disk", disk = (path = ${text(disk)}, writable = true))`);
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(",\n    ")}],
  sockets = [${sockets.join(",\n    ")}],
);
${definitions.join("\n")}
`;
}

async function definition(worker, home) {
  const files = (await readdir(join(home, worker.name))).sort();
  const main = files.indexOf(worker.main);
  if (main < 0) throw new Error(`${worker.directory} has no ${worker.main}: build it first`);
  files.unshift(...files.splice(main, 1)); // The first module is the entry.
  const kinds = { ".js": "esModule", ".mjs": "esModule", ".wasm": "wasm" };
  const modules = files
    .filter((file) => extname(file) in kinds)
    .map((file) => {
      const source = `embed ${text(`${worker.name}/${file}`)}`;
      return `(name = ${text(file)}, ${kinds[extname(file)]} = ${source})`;
    });
  const own = Object.values(worker.objects ?? {}).filter((object) => !object.worker);
  const namespaces = own.map(({ className }) => {
    const key = text(`${worker.name}-${className}`);
    return `(className = ${text(className)}, uniqueKey = ${key}, enableSql = true)`;
  });
  const parts = [
    `modules = [${modules.join(", ")}]`,
    `compatibilityDate = ${text(worker.compatibilityDate ?? COMPATIBILITY_DATE)}`,
    `bindings = [${bindings(worker).join(", ")}]`,
  ];
  if (namespaces.length > 0) {
    parts.push(`durableObjectNamespaces = [${namespaces.join(", ")}]`);
    parts.push(`durableObjectStorage = (localDisk = "disk")`);
  }
  return parts.join(",\n  ");
}

function bindings({ bindings = {}, services = {}, objects = {} }) {
  return [
    ...Object.entries(bindings).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
    ...Object.entries(services).map(
      ([name, service]) => `(name = ${text(name)}, service = ${text(service)})`,
    ),
    ...Object.entries(objects).map(([name, { className, worker }]) => {
      const where = worker ? `, serviceName = ${text(worker)}` : "";
      const target = `(className = ${text(className)}${where})`;
      return `(name = ${text(name)}, durableObjectNamespace = ${target})`;
    }),
  ];
}

/** A Cap'n Proto text literal. */
function text(value) {
  const escape = (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  return `"${String(value).replace(/[\\"\x00-\x1f\x7f]/g, escape)}"`;
}

async function program() {
  const options = JSON.parse(process.argv[2] ?? "{}");
  options.workers = options.workers.map((worker) =>
    worker.ledger ? ledgerWorker(worker.ledger) : worker,
  );
  options.onOutput = (chunk) => process.stderr.write(chunk);
  const runtime = await startWorkerd(options);
  console.log(JSON.stringify({ pid: runtime.pid, urls: runtime.urls }));
  // Whoever started this has ended, or wants the runtime to end.
  const over = new Promise((done) => {
    for (const event of ["end", "error"]) process.stdin.on(event, () => done("over")).resume();
    for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => done("over"));
  });
  const end = await Promise.race([over, runtime.exited]);
  await runtime.stop();
  process.exit(end === "over" ? 0 : 1);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  program().catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
}
