// `npx edge-credits dev`: the ledger on this machine, in the real Workers runtime, until Ctrl+C.
//
// The key and all ledgers are in one folder, which is deleted to start afresh.

import { createHash } from "node:crypto";
import { realpathSync } from "node:fs";
import { createServer } from "node:net";
import { join, relative, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";

import { parse } from "./arguments.js";
import { claim } from "./claim.js";
import { openFolder } from "./data_folder.js";
import { startRuntime } from "./runtime.js";
import { settingsOf } from "./settings.js";
import { listenForEnd } from "./signals.js";
import { Misuse, Trouble } from "./trouble.js";
import { findWorkerd } from "./workerd.js";

/** Where it listens unless told otherwise: the port that `wrangler dev` has made customary. */
const PORT = "8787";
const DATA = ".edge-credits";

export const help = `usage: npx edge-credits dev [--port N] [--data DIR] [--var NAME=VALUE]
                            [--vars-file FILE]

Runs the ledger on this machine, in the Workers runtime (workerd): taken from this project where it
is installed (it comes with wrangler), else fetched with npm, once. Prints its address, a sandbox key,
and two commands that work as printed. The portal works, too, and analytics follow at once. Ends on
Ctrl+C.

  --port        where it listens, on 127.0.0.1; ${PORT} where not given, 0 for any that is free
  --data        the folder that keeps the key and the ledgers; ${DATA} where not given. One that holds
                anything else is not taken
  --var         a setting of the worker, such as OVERDRAFT_LIMIT=1000; may be repeated
  --vars-file   more settings, in lines like those of .dev.vars: for secrets, which others could read
                on a command line. API_KEYS in it is left out`;

export async function run(words) {
  const given = parse(words, { port: "value", data: "value", var: "list", "vars-file": "value" });
  const wanted = portOf(given.port ?? PORT);
  const variables = await settingsOf(given);
  const port = await freePort(wanted);
  const data = resolve(given.data ?? DATA);
  const { key, entry } = await openFolder(data);
  const claimed = await claim(data);
  // From here on: the runtime must not be left behind while it starts.
  const end = listenForEnd();
  try {
    const workerd = await findWorkerd((text) => console.error(text), end.signal);
    const settings = { ...settingsFor(key), API_KEYS: JSON.stringify([entry]), ...variables };
    const started = claimed.share;
    const { signal } = end;
    const runtime = await startRuntime({ workerd, port, settings, home: data, started, signal });
    console.log(instructions(runtime.url, key, data));
    await untilToldToEnd(runtime, end.told);
  } catch (error) {
    // What fails because it was told to end has not failed.
    if (!end.signal.aborted) throw error;
  } finally {
    claimed.release();
  }
}

/** What makes everything work at once: the portal, and analytics that follow without a pause. */
function settingsFor(key) {
  const secret = createHash("sha256").update(`portal of ${key}`).digest("hex");
  return { PORTAL_SECRET: secret, REPORT_DELAY_MS: "500" };
}

function portOf(text) {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new Misuse(`--port takes a number from 0 to 65535, not \`${text}\``);
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

API key (sandbox, may do everything): ${key}

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
