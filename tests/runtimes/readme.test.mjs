// What the READMEs show, run: their Workers on workerd with their bindings, the other code in Node.

import assert from "node:assert/strict";
import { readFile, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";

import { REFERENCE, reference } from "../../xtask/js/reference.mjs";
import { ledgerApi } from "./api.mjs";
import { clocknextApi } from "./clocknext/api.mjs";
import { makeKey, makeKeys } from "./keys.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { codeBlocks } from "./readme.mjs";
import { COMPATIBILITY_DATE, ledgerWorker, startWorkerd } from "./workerd.mjs";

const projects = [];
const inProject = async (contents) => {
  const project = await makeProject(contents);
  projects.push(project);
  return project.directory;
};
after(() => Promise.all(projects.map((project) => project.remove())));

const keys = makeKeys();
/** Who keeps the catalog, in both environments. */
const owners = { live: keys.admin, test: makeKey("test", ["admin"]) };
const API_KEYS = JSON.stringify([...JSON.parse(keys.secret), owners.test.entry]);
const ledger = ledgerWorker({ API_KEYS });
const ROOT_README = await readFile(join(REPOSITORY, "README.md"), "utf8");
const GUIDES = ["handlers", "metering", "moving", "outages", "signals"].map((name) => `docs/${name}.md`);

for (const page of ["README.md", "pkg/README.md", "pkg/docs/handlers.md"]) {
  test(`${page}: its Workers, with its wrangler.toml, charge and refuse`, async () => {
    const readme = await readFile(join(REPOSITORY, page), "utf8");
    const code = codeBlocks(readme, "js").filter(({ code }) => isPaidWorker(code));
    assert.ok(code.length > 0, "it shows a Worker");
    const [{ code: bindings }] = codeBlocks(page.includes("docs/") ? ROOT_README : readme, "toml");
    const settings = `name = "readme"\nmain = "main.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`;
    for (const { code: main } of code) {
      const directory = await inProject({
        files: { "main.js": main, "wrangler.toml": settings + bindings },
      });
      const LEDGER = { className: "LedgerObject", worker: "ledger" };
      const worker = { name: "readme", ...(await bundleWorker(directory)), objects: { LEDGER } };
      await withRuntime([ledger, worker], async ({ urls }) => {
        const refused = await fetch(urls.readme);
        assert.deepEqual([refused.status, await refused.json()], [402, { need: 10, have: 0 }]);
        await ledgerApi(urls.ledger, keys.live.text).grant("cus_1", 25);
        const charged = await fetch(urls.readme);
        assert.deepEqual([charged.status, await charged.json()], [200, { credits_left: 15 }]);
      });
    }
  });
}

for (const page of ["pkg/docs/signals.md", "pkg/docs/api.md"]) {
  test(`${page}: its Workers that report usage do so behind their responses`, async () => {
    const text = await readFile(join(REPOSITORY, page), "utf8");
    const blocks = codeBlocks(text, "js").filter(({ code }) => isReportingWorker(code));
    assert.ok(blocks.length > 0, "it shows a Worker");
    const settings = `name = "readme"\nmain = "main.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`;
    for (const { code: main } of blocks) {
      const directory = await inProject({ files: { "main.js": main, "wrangler.toml": settings } });
      await withRuntime([ledger], async ({ urls: { ledger: url } }) => {
        const key = keys.admin.text;
        await provide(url, "cus_1");
        const bindings = { CREDITS_URL: url, CREDITS_API_KEY: key, CLOCKNEXT_API_KEY: key };
        const worker = { name: "readme", ...(await bundleWorker(directory)), bindings };
        await withRuntime([worker], async ({ urls }) => {
          assert.equal(await (await fetch(urls.readme)).text(), "ok");
          const usage = () => clocknextApi(url, key).request("GET", "/usage?customerId=cus_1");
          let logs = [];
          for (let tries = 0; logs.length === 0 && tries < 200; tries += 1) {
            ({ logs } = (await usage()).json.result);
            await new Promise((done) => setTimeout(done, 25));
          }
          assert.deepEqual(logs.map(({ model }) => model), ["gpt-4o"]);
        });
      });
    }
  });
}

describe("snippets run in Node against the worker, and print what they say", () => {
  let directory;
  before(async () => {
    directory = await inProject({ files: { "run.mjs": RUN } });
    const hono = join("node_modules", "hono");
    await symlink(join(REPOSITORY, hono), join(directory, hono));
  });

  const guides = ["api", "metering", "moving", "signals"].map((name) => `pkg/docs/${name}.md`);
  for (const page of ["README.md", "pkg/README.md", ...guides]) {
    test(page, async (t) => {
      const text = await readFile(join(REPOSITORY, page), "utf8");
      const blocks = codeBlocks(text, "js").filter(({ code }) => !isWorker(code));
      assert.ok(blocks.length > 0, "it shows code");
      await withRuntime([ledger], async ({ urls }) => {
        for (const { line, code } of blocks) {
          const customer = `cus_${page.replaceAll(/\W/g, "_")}_${line}`;
          if (page.endsWith("api.md") || /ClockNext/.test(code)) await provide(urls.ledger, customer);
          const place = { key: owners.test.text, url: urls.ledger, customer };
          const { stdout } = await runSnippet(directory, code, place).catch((error) => {
            throw new Error(`${page}:${line}: ${error.message}`);
          });
          const expected = printed(code).map((text) => text.replaceAll("cus_1", customer));
          if (expected.length > 0)
            assert.deepEqual(stdout.trim().split("\n"), expected, `${page}:${line}`);
        }
      });
      t.diagnostic(`figure: ${page}: ${blocks.length} snippets run`);
    });
  }
});

/** What is run as a Worker: by the tests above, or with an example. */
const isWorker = (code) => /LedgerObject/.test(code) || isReportingWorker(code);
const isReportingWorker = (code) => /export default/.test(code) && /ClockNext/.test(code);
const isPaidWorker = (code) => /export default/.test(code) && !isReportingWorker(code);

/** What examples take for granted: a customer who has something, in both environments, and a credit to meter. */
async function provide(url, customer) {
  const credit = { name: "API credits", agentKey: "api_credit", pricePerCredit: 0.01 };
  for (const { text } of Object.values(owners)) {
    const { status } = await clocknextApi(url, text).request("POST", "/credit-types", credit);
    assert.equal(status, 200);
    for (const unit of ["credits", "usd", "api_credit"])
      await ledgerApi(url, text).grant(customer, 1000, { unit });
  }
}

/** Snippets that assume a client, or a ledger of the tests', get one. */
const PRELUDE = `import * as everything from 'edge-credits';
const ce = new everything.CreditEngine({ apiKey: KEY, baseUrl: URL, mode: 'stateless' });
const cnk = new everything.ClockNext({ apiKey: KEY, baseUrl: URL });
`;

/** Imports a snippet, and where it is a consumer of a queue, gives it a message. */
const RUN = `const { default: worker } = await import("./snippet.mjs");
const message = { id: "m1", body: { customer: process.env.CUSTOMER } };
await worker?.queue({ messages: [message] }, {}, { waitUntil() {} });
`;

/** A snippet as its reader would run it: with a key and an address of one's own. */
async function runSnippet(directory, code, { key, url, customer }) {
  const whole = /new (CreditEngine|ClockNext)|createTestLedger/.test(code) ? code : PRELUDE + code;
  const text = whole
    .replaceAll(/\bKEY\b|'ce_test_xxx'/g, JSON.stringify(key))
    .replaceAll(/\bURL\b(?! ?\()|'http:\/\/127\.0\.0\.1:8787'/g, JSON.stringify(url))
    .replaceAll("'cus_1'", JSON.stringify(customer));
  await writeFile(join(directory, "snippet.mjs"), text);
  const env = {
    CREDITS_API_KEY: key,
    CLOCKNEXT_API_KEY: key,
    CREDITS_URL: url,
    CUSTOMER: customer,
  };
  return runTool("node", ["run.mjs"], { cwd: directory, env });
}

/** What the code says that it prints: after `console.log(…);`, or on a line of its own. */
function printed(code) {
  const comments = code.matchAll(/^(?:.*console\.log\(.*\); \/\/|\/\/ >) (.+)$/gm);
  return [...comments].map(([, text]) => text);
}

describe("what the package carries", () => {
  test("its README, and links that lead somewhere in it", async () => {
    const directory = join(await inProject({}), "node_modules", "edge-credits");
    const readme = await readFile(join(directory, "README.md"), "utf8");
    assert.equal(readme, await readFile(join(REPOSITORY, "pkg", "README.md"), "utf8"));
    for (const page of ["README.md", "docs/api.md", "examples/README.md", ...GUIDES]) {
      await linksLead(directory, page);
    }
  });

  test("the repository's pages lead somewhere too", async () => {
    for (const page of ["README.md", "worker/README.md", "src/core/README.md"])
      await linksLead(REPOSITORY, page);
    const guides = await readdir(join(REPOSITORY, "worker", "docs"));
    assert.ok(guides.length > 0);
    for (const page of guides) await linksLead(REPOSITORY, `worker/docs/${page}`);
  });

  test("the API reference is that of the declarations", async () => {
    const found = await readFile(REFERENCE, "utf8");
    assert.equal(found, reference(), "run: node xtask/js/reference.mjs --write");
  });
});

/** Every relative link of a page names a file that is there, and a heading where it names one. */
async function linksLead(root, page) {
  const text = await readFile(join(root, page), "utf8");
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link);
  for (const link of links.filter((each) => !/^[a-z]+:/.test(each))) {
    const [path, heading] = link.split("#");
    const target = path === "" ? join(root, page) : join(root, dirname(page), path);
    assert.ok(
      target.startsWith(root) && (await stat(target).catch(() => null)),
      `${page}: ${link}`,
    );
    if (heading === undefined) continue;
    const headings = (await readFile(target, "utf8")).matchAll(/^#+ (.+)$/gm);
    const slugs = [...headings].map(([, words]) =>
      words
        .toLowerCase()
        .replace(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
    assert.ok(slugs.includes(heading), `${page}: ${link}`);
  }
}

async function withRuntime(workers, use) {
  const runtime = await startWorkerd({ workers });
  try {
    await use(runtime);
  } finally {
    await runtime.stop();
  }
}
