// The commands that the README names first: what they print is true, and works as printed.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { REPOSITORY, runTool } from "./project.mjs";

const run = promisify(execFile);
let scratch;
before(async () => {
  scratch = await mkdtemp(join(tmpdir(), "edge-credits-commands-"));
});
after(() => rm(scratch, { recursive: true, force: true }));

describe("demo", () => {
  test("the story comes out as it must", async (t) => {
    const { stdout } = await runTool("node", ["xtask/js/demo.mjs"]);
    assert.match(stdout, /402 out_of_credits/);
    assert.match(stdout, /all as it must be/);
    t.diagnostic(`figure: ${stdout.trim().split("\n").at(-1)}`);
  });

  test("a trace is replayed whole, and every ledger is right", async (t) => {
    const request = (n) => `${n},${2 + ((n * 37) % 900)},${7 + (n % 300)}`;
    const requests = Array.from({ length: 400 }, (_, n) => request(n));
    const file = join(scratch, "trace.csv");
    const columns = "arrived_at,num_prefill_tokens,num_decode_tokens";
    await writeFile(file, [columns, ...requests].join("\n"));
    const { stdout } = await runTool("node", ["xtask/js/trace.mjs", file]);
    assert.match(stdout, /recorded requests +400\n/);
    assert.match(stdout, /50 ledgers checked: every ledger is right to the minor unit/);
    for (const name of ["charges", "refusals", "replays", "refunds", "p50", "p99"]) {
      assert.match(stdout, new RegExp(`^${name}.* [1-9]`, "m"));
    }
    t.diagnostic(`figure: ${stdout.trim().split("\n").at(-1)}`);
  });

  test("a file that is no trace is refused", async () => {
    const file = join(scratch, "other.csv");
    await writeFile(file, "a,b\n1,2\n");
    const failed = runTool("node", ["xtask/js/trace.mjs", file]);
    await assert.rejects(failed, /must have the columns arrived_at,num_prefill_tokens/);
  });
});

describe("dev", () => {
  test("the curl line and the snippet work as printed, and the ledger stays", async () => {
    const home = join(scratch, "dev");
    const port = await freePort();
    await dev(port, home, async (printed) => {
      const granted = JSON.parse(await shell(paragraph(printed, "curl ")));
      assert.equal(granted.balance, 100);
      assert.match(await shell(paragraph(printed, "node ")), /balance: 95/);
    });
    // The runtime ends a moment after the command that started it.
    const health = () => fetch(`http://127.0.0.1:${port}/health`);
    while (await health().then(() => true, () => false)) await sleep(50);
    await dev(port, home, async (printed) => {
      assert.match(await shell(paragraph(printed, "node ")), /balance: 90/);
    });
  });

  test("a port that is taken is a sentence, not a trace", async () => {
    const server = createServer();
    await new Promise((done) => server.listen(0, "127.0.0.1", done));
    const { port } = server.address();
    try {
      const refused = dev(port, join(scratch, "taken"), () => {});
      await assert.rejects(refused, new RegExp(`error: port ${port} is taken: stop`));
    } finally {
      server.close();
    }
  });
});

/**
 * `cargo xtask dev` while `use` works with what it printed; then Ctrl+C, which ends it and with it
 * the runtime. Rejects with what it said when it ends before that.
 */
async function dev(port, home, use) {
  const args = ["xtask", "dev", "--port", String(port), "--data", home];
  const child = spawn("cargo", args, { cwd: REPOSITORY, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  let errors = "";
  child.stderr.on("data", (chunk) => (errors += chunk));
  const ended = new Promise((done) => child.once("exit", done));
  const printed = new Promise((done, fail) => {
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (text.includes("\nJS\n")) done(text);
    });
    ended.then(() => fail(new Error(`dev ended: ${errors}`)));
  });
  try {
    await use(await printed);
  } finally {
    child.kill("SIGINT");
    await ended;
  }
}

/** The lines from the one that starts so to the next empty one. */
function paragraph(text, start) {
  const lines = text.split("\n");
  const from = lines.findIndex((line) => line.startsWith(start));
  const length = lines.slice(from).indexOf("");
  return lines.slice(from, from + length).join("\n");
}

async function shell(command) {
  return (await run("bash", ["-c", command], { cwd: REPOSITORY })).stdout;
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
