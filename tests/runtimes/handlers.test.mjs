// Handlers that are paid for, on every runtime: `withCredits` under each host's own way of calling a
// handler, and the middleware with the real Hono, from the packed tarball against the real worker.

import assert from "node:assert/strict";
import { cp, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";

import { EdgeVM } from "@edge-runtime/vm";

import { ledgerApi } from "./api.mjs";
import { bundleForEdgeVm } from "./edge_vm.mjs";
import { story } from "./handlers/story.mjs";
import { makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const keys = makeKeys();
const wrangler = `name = "app"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`;
/** What each app answers: endpoint, status, balance or code, and for a 402 what there is and what is asked. */
const STORY = [
  ["/image", 200, 15, null, null],
  ["/image", 409, "duplicate_request", null, null],
  ["/lost", 200, 14, null, null],
  ["/lost", 409, "duplicate_request", null, null],
  ["/dear", 402, "insufficient_credits", 14, 50],
  ["/broken", 502, null, null, null],
  ["/chat", 200, null, null, null],
];

let project;
let runtime;
let app;
let api;

before(async () => {
  project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "handlers"),
    files: {
      "package.json": JSON.stringify({ name: "handlers", private: true, type: "module" }),
      "wrangler.toml": wrangler,
    },
  });
  const hono = join("node_modules", "hono");
  await cp(join(REPOSITORY, hono), join(project.directory, hono), { recursive: true });
  runtime = await startWorkerd({ workers: [ledgerWorker({ API_KEYS: keys.secret })] });
  api = ledgerApi(runtime.urls.ledger, keys.live.text);
  const bindings = { URL: runtime.urls.ledger, KEY: keys.live.text };
  const bundle = await bundleWorker(project.directory);
  app = await startWorkerd({ workers: [{ name: "app", ...bundle, bindings }] });
});
after(async () => {
  await app?.stop();
  await runtime?.stop();
  await project?.remove();
});

const settings = (unique) => ({ url: runtime.urls.ledger, key: keys.live.text, unique });

/** Grants, lets the story be told, and reads the books when what is late has arrived. */
async function check(t, unique, tell, names = ["plain", "hono"]) {
  for (const name of names) await api.grant(`${unique}-${name}`, 25);
  const told = await tell();
  for (const name of names) {
    assert.deepEqual(told[name], STORY, name);
    // 25, less the image, what was paid with a lost answer, and four tokens; what failed was charged and given back.
    await eventually(async () => (await api.balance(`${unique}-${name}`)).balance === 10);
    const { data } = await api.transactions(`${unique}-${name}`);
    const kinds = data.map(({ type, amount }) => `${type} ${amount}`).sort();
    const charges = ["consumption -1", "consumption -10", "consumption -10", "consumption -4"];
    assert.deepEqual(kinds, [...charges, "refund 10", "topup 25"]);
  }
  // Per app one refund, and one charge behind the answer: its amount, and then its sending.
  if (told.late !== undefined) t.diagnostic(`figure: ${t.name}: ${told.late} kept alive`);
  return told.late;
}

describe("paid handlers", () => {
  const program = async (name, flags, unique) => {
    const args = [...flags, "program.js", JSON.stringify(settings(unique))];
    return JSON.parse((await runTool(name, args, { cwd: project.directory })).stdout);
  };

  test("Node, called as functions; Next.js's request context, faked", async (t) => {
    assert.equal(await check(t, "node", () => program("node", [], "node")), 6);
  });

  test("Deno.serve; Supabase's EdgeRuntime, faked", async (t) => {
    const flags = ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"];
    assert.equal(await check(t, "deno", () => program("deno", flags, "deno")), 6);
  });

  test("Bun.serve, which has no waitUntil: the process lives on", async (t) => {
    assert.equal(await check(t, "bun", () => program("bun", ["run"], "bun")), 0);
  });

  test("Vercel edge VM; Vercel's request context, faked", async (t) => {
    const { bundle, globals } = await bundleForEdgeVm(project.directory);
    const given = { ...globals, settings: JSON.stringify(settings("edge-vm")) };
    const vm = new EdgeVM({ extend: (context) => Object.assign(context, given) });
    vm.evaluate(bundle);
    const tell = async () => JSON.parse(await vm.evaluate("tellStory(settings)"));
    assert.equal(await check(t, "edge-vm", tell), 6);
  });

  test("workerd: by the handler's context, by cloudflare:workers, by Hono", async (t) => {
    const names = ["plain", "auto", "hono"];
    await check(t, "workerd", async () => {
      const told = {};
      for (const name of names) {
        const send = (pathname, headers) => fetch(`${app.urls.app}/${name}${pathname}`, { headers });
        told[name] = await story(send, `workerd-${name}`);
      }
      return told;
    }, names);
  });
});

test("the middleware compiles with the real Hono's types", async () => {
  const source = `
    import { Hono } from "hono";
    import { CreditEngine } from "edge-credits";
    import { credits, type CreditsVariables } from "edge-credits/hono";
    const client = new CreditEngine({ apiKey: "ce_test_x" });
    const app = new Hono<{ Variables: CreditsVariables }>();
    app.use("/ai/*", credits({ client, customer: (c) => c.req.header("x-user"), amount: 5 }));
    app.get("/ai/answer", (c) => c.json({ left: c.get("credits").charge?.balance ?? null }));
    // @ts-expect-error there is no such field
    app.get("/ai/wrong", (c) => c.json({ left: c.get("credits").balance }));
    export default app;`;
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: "es2022",
    lib: ["es2022", "dom", "dom.iterable"],
    types: [],
    module: "esnext",
    moduleResolution: "bundler",
    skipLibCheck: true,
  };
  await writeFile(join(project.directory, "main.ts"), source);
  const config = JSON.stringify({ compilerOptions, files: ["main.ts"] });
  await writeFile(join(project.directory, "tsconfig.json"), config);
  await runTool("tsc", ["--project", project.directory]);
});

test("pkg/examples/paid-endpoint", async (t) => {
  const example = await makeProject({ from: join(REPOSITORY, "pkg", "examples", "paid-endpoint") });
  t.after(example.remove);
  let modelFails = false;
  const model = createServer((request, response) => {
    response.writeHead(modelFails ? 500 : 200).end('{"answer":"!","usage":{"output_tokens":2000}}');
  }).listen(0, "127.0.0.1");
  t.after(() => model.close());
  await new Promise((done) => model.once("listening", done));
  const worker = {
    name: "example",
    ...(await bundleWorker(example.directory)),
    bindings: { API_KEYS: keys.secret, MODEL_URL: `http://127.0.0.1:${model.address().port}/` },
    objects: { LEDGER: { className: "LedgerObject" } },
  };
  const shop = await startWorkerd({ workers: [worker] });
  t.after(shop.stop);
  const books = ledgerApi(shop.urls.example, keys.live.text);
  await books.grant("ada", 30);
  const ask = async (path, name) => {
    const headers = { "x-user": "ada", "x-request-name": name };
    const init = { method: "POST", body: '{"prompt":"?"}', headers };
    const response = await fetch(`${shop.urls.example}${path}`, init);
    return [response.status, await response.text()];
  };
  assert.deepEqual(await ask("/image", "a"), [200, '{"image":"!","credits_left":20}']);
  assert.equal((await ask("/image", "a"))[0], 409);
  modelFails = true;
  assert.equal((await ask("/image", "b"))[0], 500);
  await eventually(async () => (await books.balance("ada")).balance === 20);
  modelFails = false;
  assert.deepEqual(await ask("/chat", "c"), [200, '{"answer":"!"}']);
  await eventually(async () => (await books.balance("ada")).balance === 14);
});

async function eventually(check) {
  const end = Date.now() + 10_000;
  while (!(await check())) {
    if (Date.now() > end) throw new Error("it never came true");
    await new Promise((done) => setTimeout(done, 20));
  }
}
