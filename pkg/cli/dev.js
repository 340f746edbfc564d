// `npx edge-credits dev`: the ledger on this machine, in the real Workers runtime, until Ctrl+C.
//
// The key and all ledgers are in one folder, which is deleted to start afresh.

import { realpathSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { parse } from "./arguments.js";
import { makeKey } from "./key.js";
import { claim } from "./claim.js";
import { startRuntime } from "./runtime.js";
import { Misuse, Trouble } from "./trouble.js";
import { findWorkerd } from "./workerd.js";

/** Where it listens unless told otherwise: the port that `wrangler dev` has made customary. */
const PORT = "8787";
const DATA = ".edge-credits";

export const help = `usage: npx edge-credits dev [--port N] [--data DIR] [--var NAME=VALUE]

Runs the ledger on this machine, in the Workers runtime (workerd): taken from this project where it
is installed (it comes with wrangler), else fetched with npm, once. Prints its address, a sandbox key,
and two commands that work as printed. Ends on Ctrl+C.

  --port   where it listens, on 127.0.0.1; ${PORT} where not given, 0 for any that is free
  --data   the folder that keeps the key and the ledgers; ${DATA} where not given
  --var    a setting of the worker, such as OVERDRAFT_LIMIT=1000; may be repeated`;

export async function run(words) {
  const given = parse(words, { port: "value", data: "value", var: "list" });
  const port = await freePort(portOf(given.port ?? PORT));
  const variables = Object.fromEntries((given.var ?? []).map(variable));
  const data = resolve(given.data ?? DATA);
  await makeFolder(data);
  const claimed = await claim(data);
  // From here on: the runtime must not be left behind while it starts.
  const told = signalled();
  try {
    const workerd = await findWorkerd((text) => console.error(text));
    const { key, entry } = await keptKey(data);
    const settings = { API_KEYS: JSON.stringify([entry]), ...variables };
    const runtime = await startRuntime({ workerd, port, settings, home: data });
    await claimed.share(runtime.pid);
    console.log(instructions(runtime.url, key, data));
    await untilToldToEnd(runtime, told);
  } finally {
    await claimed.release();
  }
}

function portOf(text) {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new Misuse(`--port takes a number from 0 to 65535, not \`${text}\``);
}

function variable(text) {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new Misuse(`--var takes NAME=VALUE, not \`${text}\``);
  if (name === "API_KEYS")
    throw new Misuse("API_KEYS is made by `dev` itself, for its sandbox key");
  return [name, value];
}

/** Asked before anything is fetched, so that nobody waits for a sentence. */
function freePort(port) {
  const server = createServer();
  return new Promise((done, fail) => {
    server.once("error", ({ code }) => {
      const why = code === "EADDRINUSE" ? "is taken" : `cannot be listened on (${code})`;
      const advice = "stop the program that uses it, or choose another with --port N";
      fail(new Trouble(`port ${port} ${why}: ${advice}`));
    });
    server.listen(port, "127.0.0.1", () => {
      const free = server.address().port;
      server.close(() => done(free));
    });
  });
}

async function makeFolder(data) {
  try {
    await mkdir(data, { recursive: true });
    // The folder holds a key, if only to itself.
    await writeFile(join(data, ".gitignore"), "*\n");
  } catch (error) {
    throw new Trouble(
      `${data} cannot be written to (${error.code}): choose another folder with --data DIR`,
    );
  }
}

/** A key that was made once and is kept: it opens nothing but this folder's sandbox. */
async function keptKey(data) {
  const file = join(data, "key.json");
  try {
    const { key, entry } = JSON.parse(await readFile(file, "utf8"));
    if (typeof key === "string" && typeof entry?.sha256 === "string") return { key, entry };
  } catch {
    // There is none yet, or it cannot be read: a new one opens the same ledgers.
  }
  const made = makeKey("test", ["use", "grant"]);
  await writeFile(file, JSON.stringify(made), { mode: 0o600 });
  return made;
}

/** Resolves with true at the first signal to end. A second one ends this process at once. */
function signalled() {
  return new Promise((done) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => done(true));
  });
}

/** Resolves when a signal has ended the runtime; rejects when it ends by itself. */
async function untilToldToEnd(runtime, told) {
  const wasTold = await Promise.race([told, runtime.exited.then(() => false)]);
  await runtime.stop();
  // On Ctrl+C the terminal tells both of them, and the runtime may be the first to end.
  if (!wasTold && !(await Promise.race([told, sleep(200, false)]))) {
    throw new Trouble(`the Workers runtime ended by itself: ${runtime.output().trim()}`);
  }
}

function instructions(url, key, data) {
  const place = relative(process.cwd(), data) || ".";
  const [from, note] = importable();
  return `
edge-credits is listening at ${url}. Its ledgers are in ${place.startsWith("..") ? data : place}. Ctrl+C stops it.

API key (sandbox, may spend and grant): ${key}

Grant 100 credits to a customer:

curl -s ${url}/v1/customers/cus_1/add \\
  -H "Authorization: Bearer ${key}" \\
  -H "Content-Type: application/json" \\
  -d '{"amount": 100, "type": "topup"}'

Spend 5 of them (paste into a shell in this directory):

node --input-type=module <<'JS'
import { CreditEngine } from "${from}";${note}
const credits = new CreditEngine({ apiKey: "${key}", baseUrl: "${url}" });
console.log(await credits.consumeOrFail("cus_1", 5, "AI: chat"));
JS
`;
}

/** What the printed snippet imports: by name where this directory's project has the package. */
function importable() {
  const here = realpathSync(new URL("../js/index.js", import.meta.url));
  try {
    const installed = join(process.cwd(), "node_modules", "edge-credits", "js", "index.js");
    if (here === realpathSync(installed)) return ["edge-credits", ""];
  } catch {
    // It is not installed here.
  }
  return [pathToFileURL(here).href, ' // after `npm install edge-credits`: "edge-credits"'];
}
