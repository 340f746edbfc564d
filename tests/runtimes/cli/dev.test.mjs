// `npx edge-credits dev` as its users start it: from the packed tarball, where there is no Rust.

import assert from "node:assert/strict";
import { readdir, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { makeProject, tarball, tool } from "../project.mjs";
import { bareMachine, bringRuntime, ended, freePort, paragraph, whileDev } from "./machine.mjs";

let machine;
before(async () => {
  machine = await bareMachine();
});
after(() => machine?.remove());

/** A call with the key that `dev` has printed. */
async function request({ url, key }, method, path, body) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  return { status: response.status, body: await response.json() };
}

const shell = (command, options) => ended("bash", ["-c", command], options);

describe("from nothing", () => {
  test("npx, no Rust, an empty directory: to the first charge", async (t) => {
    const options = { cwd: machine.directory, env: machine.env };
    const args = [
      "--yes",
      "--package",
      await tarball(),
      "--",
      "edge-credits",
      "dev",
      "--port",
      String(await freePort()),
    ];
    const started = performance.now();
    let charged;
    await whileDev("npx", args, options, async (printed) => {
      const granted = await shell(paragraph(printed, "curl "), options);
      assert.equal(JSON.parse(granted.stdout).balance, 100, granted.stderr);
      const { stdout, stderr } = await shell(paragraph(printed, "node "), options);
      charged = performance.now();
      assert.match(stdout, /balance: 95/, stderr);
    });
    const seconds = ((charged - started) / 1000).toFixed(1);
    t.diagnostic(
      `figure: npx edge-credits dev, nothing installed: ${seconds} s to the first charge`,
    );
    assert.deepEqual(await readdir(machine.directory), [".edge-credits"], "nothing else is left");
  });
});

describe("in a project", () => {
  let project;
  let options;
  before(async () => {
    project = await makeProject({});
    options = { cwd: project.directory, env: machine.env };
    await bringRuntime(project.directory);
  });
  after(() => project?.remove());

  const command = (...words) => [join(project.directory, "node_modules/.bin/edge-credits"), words];
  const dev = (port, use, signal) =>
    whileDev(...command("dev", "--port", String(port)), options, use, signal);

  test("the ledger and the key stay, and either signal ends it cleanly", async () => {
    const port = await freePort();
    const keys = new Set();
    for (const [signal, balance] of [
      ["SIGINT", 95],
      ["SIGTERM", 90],
    ]) {
      const status = await dev(
        port,
        async (printed) => {
          keys.add(/ce_test_\w+/.exec(printed)[0]);
          assert.match(
            printed,
            /import \{ CreditEngine \} from "edge-credits";/,
            "by name, as it is installed",
          );
          if (balance === 95) await shell(paragraph(printed, "curl "), options);
          const { stdout } = await shell(paragraph(printed, "node "), options);
          assert.match(stdout, new RegExp(`balance: ${balance}`));
        },
        signal,
      );
      assert.equal(status, 0, signal);
      // The port is free, so that the next can have it.
      await assert.rejects(fetch(`http://127.0.0.1:${port}/health`));
    }
    assert.equal(keys.size, 1);
    const left = await readdir(join(project.directory, ".edge-credits"));
    assert.deepEqual(left.sort(), [".gitignore", "key.json", "state"]);
  });

  test("what the README shows next works with its key: catalog, portal, analytics", async () => {
    await dev(await freePort(), async (printed) => {
      const api = { url: /http:\S+(?=\. Its)/.exec(printed)[0], key: /ce_test_\w+/.exec(printed)[0] };
      const post = (path, body) => request(api, "POST", path, body);
      const type = { name: "Pages", agentKey: "pages", marginPercent: 0, pricePerCredit: 0.01 };
      assert.equal((await post("/api/v1/credit-types", type)).status, 200);
      await post("/v1/customers/cus_9/add", { amount: 7, type: "topup" });
      const { token } = (await post("/api/v1/portal/token", { customerId: "cus_9" })).body;
      const page = await fetch(`${api.url}/portal/embed?token=${token}`);
      assert.equal(page.status, 200, await page.text());
      const added = async () => {
        const { body } = await request(api, "GET", "/v1/analytics/usage?period=last_7_days");
        return body.data.at(-1).added;
      };
      const end = performance.now() + 5_000;
      while ((await added()) < 7 && performance.now() < end) await sleep(100);
      assert.ok((await added()) >= 7, "reports are not kept waiting for ten seconds");
    });
  });

  test("a second one on the same folder is refused, also while only its runtime is left", async () => {
    const port = await freePort();
    const refusal = /process (\d+) runs on .* already: end it, or choose another folder/;
    let runtime;
    await dev(port, async (_, child) => {
      const refused = await ended(...command("dev", "--port", "0"), options);
      assert.equal(refused.status, 1);
      assert.match(refused.stderr, refusal);
      process.kill(child.pid, "SIGKILL");
      await sleep(200);
      const orphaned = await ended(...command("dev", "--port", "0"), options);
      assert.match(orphaned.stderr, refusal);
      runtime = Number(refusal.exec(orphaned.stderr)[1]);
      process.kill(runtime, "SIGKILL");
      await sleep(200);
    });
    // What they have left is not in the way.
    await dev(await freePort(), async (printed) => assert.match(printed, /listening/));
  });

  test("a port that is taken, and a setting that makes no sense, are sentences", async () => {
    const server = createServer();
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address();
    const refused = await ended(...command("dev", "--port", String(port)), options);
    server.close();
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, new RegExp(`^edge-credits: port ${port} is taken: stop`));
    for (const words of [
      ["--port", "x"],
      ["--port", "65536"],
      ["--var", "A"],
      ["--var", "API_KEYS=[]"],
      ["--prot", "1"],
    ]) {
      const { status, stderr } = await ended(...command("dev", ...words), options);
      assert.equal(status, 2, words.join(" "));
      assert.doesNotMatch(stderr, /\n +at /, "no stack trace");
    }
  });

  test("settings reach the worker", async () => {
    const words = ["dev", "--port", "0", "--var", "OVERDRAFT_LIMIT=10"];
    await whileDev(...command(...words), options, async (printed) => {
      const snippet = paragraph(printed, "node ")
        .replace("consumeOrFail", "consume")
        .replace('", 5,', '", 500,');
      const { stdout, stderr } = await shell(snippet, options);
      // Accepted in memory, and refused by the ledger, which `onError` is told.
      assert.match(stdout + stderr, /reason given: insufficient_credits/);
    });
  });

  test("with the address of another API, it is the cache in front of that", async () => {
    const asked = [];
    const upstream = createHttpServer((request, response) => {
      asked.push(request.headers.authorization);
      response.setHeader("content-type", "application/json");
      response.end(JSON.stringify({ customer_id: "cus_1", balance: 7 }));
    });
    await new Promise((done) => upstream.listen(0, "127.0.0.1", done));
    const secret = "ce_test_0123456789abcdef";
    await writeFile(join(project.directory, "cache.vars"), `UPSTREAM_KEY_TEST=${secret}\n`);
    const address = `UPSTREAM_URL=http://127.0.0.1:${upstream.address().port}`;
    const port = await freePort();
    const words = ["dev", "--port", String(port), "--var", address, "--vars-file", "cache.vars"];
    try {
      await whileDev(...command(...words), options, async (printed) => {
        const [key] = /ce_test_\w+/.exec(printed);
        const url = `http://127.0.0.1:${port}/v1/customers/cus_1/balance`;
        const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
        const { balance, source } = await response.json();
        assert.deepEqual([balance, source], [7, "upstream"]);
      });
    } finally {
      upstream.close();
    }
    assert.deepEqual(new Set(asked), new Set([`Bearer ${secret}`]));
  });

  for (const [runtime, flags] of [
    ["bun", ["--bun"]],
    ["deno", ["run", "-A", "--node-modules-dir=manual"]],
  ]) {
    test(`by ${runtime}`, async () => {
      const main = join(project.directory, "node_modules/edge-credits/cli/main.js");
      const args = [...flags, main, "dev", "--port", "0"];
      const status = await whileDev(tool(runtime), args, options, async (printed) => {
        const { stdout, stderr } = await shell(paragraph(printed, "node "), options);
        assert.match(stdout, /balance: \d+/, stderr);
      });
      assert.equal(status, 0);
      const made = await ended(
        tool(runtime),
        [...flags, main, "key", "--env", "test", "--json"],
        options,
      );
      assert.match(JSON.parse(made.stdout).key, /^ce_test_/);
    });
  }
});
