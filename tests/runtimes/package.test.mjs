// The packed package as users meet it: installed by npm, deployed by wrangler, compiled by
// TypeScript. That its README is true is shown in `readme.test.mjs`.

import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";

const EXAMPLES = join(REPOSITORY, "pkg", "examples");
const projects = [];
const inProject = async (contents) => {
  const project = await makeProject(contents);
  projects.push(project);
  return project.directory;
};
after(() => Promise.all(projects.map((project) => project.remove())));

test("the package has no dependencies and holds what its manifest names", async () => {
  const directory = await inProject({});
  const installed = join(directory, "node_modules", "edge-credits");
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  assert.equal(manifest.dependencies, undefined);
  assert.equal(manifest.scripts, undefined, "installing must run nothing");
  const modules = await readdir(join(directory, "node_modules"));
  assert.deepEqual(modules.sort(), [".bin", ".package-lock.json", "edge-credits"]);
  for (const file of ["LICENSE", "dist/index_bg.wasm", "dist/edge_bg.wasm", "dist/worker/worker.js"]) {
    assert.ok((await readFile(join(installed, file))).length > 0, file);
  }
});

test("every entry can be imported, and a client made, without waiting", async () => {
  const directory = await inProject({
    files: {
      "main.mjs": `
        import * as root from "edge-credits";
        import * as engine from "edge-credits/credit-engine";
        const { CreditEngine, InsufficientCreditsError, isEdgeCreditsError } = root;
        if (engine.CreditEngine !== CreditEngine) throw new Error("two classes");
        new CreditEngine({ apiKey: "ce_test_x" });
        try { new CreditEngine({}); throw new Error("made without a key"); }
        catch (error) { if (error.code !== "invalid_config") throw error; }
        console.log(typeof InsufficientCreditsError, isEdgeCreditsError(new Error("x")));`,
      "main.cjs": `console.log(typeof require("edge-credits").CreditEngine);`,
    },
  });
  const { stdout } = await runTool("node", ["main.mjs"], { cwd: directory });
  assert.equal(stdout.trim(), "function false");
  const required = await runTool("node", ["main.cjs"], { cwd: directory });
  assert.equal(required.stdout.trim(), "function");
});

describe("wrangler deploy --dry-run", () => {
  for (const name of ["chat-reseller", "cloudflare-worker", "embedded-backend", "paid-endpoint"]) {
    test(`pkg/examples/${name}`, async () => {
      const directory = await inProject({ from: join(EXAMPLES, name) });
      const { main } = await bundleWorker(directory);
      assert.ok(main);
    });
  }

  test("the worker itself", async (t) => {
    const out = join(await inProject({}), "out");
    const { stdout } = await runTool("wrangler", ["deploy", "--dry-run", "--outdir", out]);
    assert.match(stdout, /LEDGER.*LedgerObject/);
    t.diagnostic(`figure: wrangler: ${/Total Upload:.*/.exec(stdout)?.[0] ?? "no size"}`);
  });
});

describe("TypeScript", () => {
  const SOURCE = `
    import { CreditEngine, CreditEngineError, InsufficientCreditsError, RateLimitError,
      AuthenticationError, isEdgeCreditsError, withCredits } from "edge-credits";
    import { credits, type CreditsVariables } from "edge-credits/hono";
    import { CreditEngine as Slim, init } from "edge-credits/slim";
    import { createTestLedger, type TestFault, type TestLedger } from "edge-credits/testing";
    import type { AddResponse, BalanceResponse, ConsumeOrFailResponse, ConsumeResponse,
      CreditEngineConfig, FlushResult, ObjectNamespace, Transaction, TransactionsResponse } from "edge-credits";
    import handler, { LedgerObject } from "edge-credits/worker";

    const config: CreditEngineConfig = { apiKey: "ce_test_x", baseUrl: "https://a.example",
      mode: "auto", syncIntervalMs: 30000, gracefulDegradation: true, timeoutMs: 10000,
      maxRetries: 2, onError: (error) => console.log(error.code) };

    export async function use(): Promise<number> {
      await using ce = new CreditEngine(config);
      const balance: BalanceResponse = await ce.getBalance("c", { includeBreakdown: true });
      const consumed: ConsumeResponse = await ce.consume("c", 5, "AI: chat",
        { idempotencyKey: "k", metadata: { model: "m" } });
      const added: AddResponse = await ce.add("c", "0.5", { type: "topup", expiresAt: new Date() });
      const page: TransactionsResponse = await ce.getTransactions("c", { limit: 20 });
      const first: Transaction | undefined = page.data[0];
      try {
        const passed: ConsumeOrFailResponse = await ce.consumeOrFail("c", 5);
        const left: number = passed.balance ?? 0;
        if (left > 5) return left;
      } catch (error) {
        if (error instanceof InsufficientCreditsError) return error.requested ?? 0;
        if (error instanceof RateLimitError) return error.retryAfter ?? 0;
        if (error instanceof AuthenticationError || error instanceof CreditEngineError) throw error;
        if (isEdgeCreditsError(error)) return error.attempts;
      }
      // @ts-expect-error an amount is not a boolean
      await ce.consume("c", true);
      // @ts-expect-error there is no such option
      await ce.add("c", 1, { expires: 5 });
      // @ts-expect-error while the API is away from the start, there is none
      const unread: number = consumed.balance;
      return balance.balance + (consumed.balance ?? 0) + unread + added.balance + (first?.amount ?? 0);
    }
    export async function persist(balanceCache: ObjectNamespace): Promise<string | undefined> {
      const ce = new CreditEngine({ balanceCache, environment: "test" });
      const { source, pending, degraded, notices } = await ce.consume("c", 1);
      const kinds: string[] | undefined = notices?.map(({ kind, idempotency_key: key }) => kind + key);
      const flushed: FlushResult = await ce.flush({ timeoutMs: 10 });
      const open: number = flushed.pending + (pending ?? 0) + ce.pendingOperations;
      return open > 0 || degraded ? kinds?.[0] : source;
    }
    interface Req { headers: { get(name: string): string | null } }
    interface Env { LEDGER: ObjectNamespace }
    interface Res { status: number }
    interface ExportedHandler { fetch(request: Req, env: Env, ctx: { passThroughOnException(): void }): Promise<Res> }
    export const readme = {
      fetch: withCredits(
        async (request, credits, env, ctx) => ({ status: credits.charge?.balance ?? 0 }),
        {
          client: (request, env) => new CreditEngine({ ledger: env.LEDGER }),
          customer: () => "cus_1",
          amount: 10,
          respond: ({ status, requested }) => status === 402 && { status: requested ?? 0 },
        },
      ),
    } satisfies ExportedHandler;
    export const bare = withCredits(async (request: Req, credits, env: Env) => ({ status: 1 }), {
      client: (request, env) => new CreditEngine({ ledger: env.LEDGER }),
      customer: (request) => request.headers.get("x-user"),
      amount: async (request) => Number(request.headers.get("x")),
    });
    export const paid: (request: Req, env: Env) => Promise<Res> = withCredits(
      async (request: Req, credits, env: Env): Promise<Res> => {
        const left: number | null | undefined = credits.charge?.balance;
        await credits.client.consume(credits.customerId, 1);
        return { status: left === null ? 1 : 2 };
      },
      {
        client: (request, env) => new CreditEngine({ ledger: env.LEDGER, waitUntil: "auto" }),
        customer: (request) => request.headers.get("x-user"),
        amount: (response) => response.status,
        consume: "after",
        refundOn: ({ response, error }) => error !== undefined || response?.status === 500,
        respond: (problem, request, env) => problem.status === 402 && { status: problem.status },
      },
    );
    // @ts-expect-error there is no such moment
    withCredits(async () => ({ status: 1 }), { client: new CreditEngine(config), customer: () => "c", amount: 1, consume: "later" });
    // @ts-expect-error the response comes first, and has no headers
    withCredits(async (request: Req) => ({ status: 1 }), { client: new CreditEngine(config), customer: () => "c", consume: "after", amount: (request) => Number(request.headers.get("x")) });
    export const middleware = credits({ client: new CreditEngine(config), customer: (c) => c.req.header("x"), amount: 1 });
    export const variables: CreditsVariables["credits"]["customerId"] = "c";
    export async function inTests(): Promise<number> {
      const ledger: TestLedger = createTestLedger({ now: new Date(), settings: { OVERDRAFT_LIMIT: "1" } });
      const fault: TestFault = { status: 429, retryAfter: 1, on: "consume" };
      ledger.fail.next(fault);
      // @ts-expect-error there is no such fault
      ledger.fail.next({ stat: 500 });
      await init(new ArrayBuffer(8));
      const ce = new Slim({ apiKey: ledger.key({ scopes: ["use"] }), fetcher: ledger });
      await using bound = new CreditEngine({ ledger: ledger.namespace });
      await ledger.clock.advance(1);
      const [first] = await ledger.entries("c", { env: "live" });
      return (await ce.getBalance("c")).balance + (first?.amount ?? 0) + bound.pendingOperations;
    }
    export { handler, LedgerObject };
    declare const console: { log(text: string): void };
  `;

  for (const [module, moduleResolution] of [["esnext", "bundler"], ["nodenext", "nodenext"]]) {
    test(`strict, ${moduleResolution}, with the libraries checked`, async () => {
      const directory = await inProject({
        files: {
          "main.ts": SOURCE,
          "tsconfig.json": JSON.stringify({
            compilerOptions: {
              strict: true,
              skipLibCheck: false,
              exactOptionalPropertyTypes: true,
              noEmit: true,
              target: "es2022",
              // No DOM and no host types: the declarations must stand on their own.
              lib: ["es2022"],
              types: [],
              module,
              moduleResolution,
            },
            files: ["main.ts"],
          }),
        },
      });
      await runTool("tsc", ["--project", directory]);
    });
  }
});
