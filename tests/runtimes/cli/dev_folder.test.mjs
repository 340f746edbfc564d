// What `edge-credits dev` leaves alone, keeps to itself, and never leaves behind.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { makeProject } from "../project.mjs";
import { bareMachine, bringRuntime, ended, whileDev } from "./machine.mjs";

const CLAIM = new URL("../../../pkg/cli/claim.js", import.meta.url);
const posix = { skip: process.platform === "win32" };

let machine;
let project;
let options;
before(async () => {
  machine = await bareMachine();
  project = await makeProject({});
  await bringRuntime(project.directory);
  options = { cwd: project.directory, env: machine.env };
});
after(async () => {
  await project?.remove();
  await machine?.remove();
});

const command = (...words) => [join(project.directory, "node_modules/.bin/edge-credits"), words];
const modeOf = async (path) => (await stat(path)).mode & 0o777;

describe("a folder of somebody else", () => {
  for (const [name, files] of Object.entries({
    "a project": { "run/precious": "1", "src/index.js": "2" },
    "one with a .gitignore": { ".gitignore": "dist\n" },
    "one with another key.json": { "key.json": '{ "key": "mine" }' },
  })) {
    test(`${name} is not taken, and nothing in it is touched`, async () => {
      const folder = await mkdtemp(join(tmpdir(), "edge-credits-theirs-"));
      for (const [path, text] of Object.entries(files)) {
        await mkdir(join(folder, path, ".."), { recursive: true });
        await writeFile(join(folder, path), text);
      }
      const there = (await readdir(folder, { recursive: true })).sort();
      const words = command("dev", "--port", "0", "--data", folder);
      const { status, stderr } = await ended(...words, { ...options, timeout: 30_000 });
      assert.equal(status, 1, stderr);
      assert.match(stderr, /holds other files and no key\.json of .*: nothing in it was touched/);
      assert.deepEqual((await readdir(folder, { recursive: true })).sort(), there);
      for (const [path, text] of Object.entries(files)) {
        assert.equal(await readFile(join(folder, path), "utf8"), text);
      }
      await rm(folder, { recursive: true });
    });
  }
});

describe("what is secret", posix, () => {
  test("the key and the settings are for this user only, and go when it ends", async () => {
    const vars = join(project.directory, ".dev.vars");
    await writeFile(vars, "API_KEYS='[]'\nUPSTREAM_KEY_LIVE=\"s3cret\" # of the upstream\n");
    const words = command("dev", "--port", "0", "--data", "mine", "--vars-file", vars);
    const folder = join(project.directory, "mine");
    await mkdir(folder);
    const temporary = machine.env.TMPDIR;
    await whileDev(...words, options, async () => {
      const [run, ...others] = await readdir(temporary);
      assert.deepEqual(others, []);
      assert.equal(await modeOf(join(temporary, run)), 0o700);
      const config = join(temporary, run, "config.capnp");
      assert.equal(await modeOf(config), 0o600);
      assert.match(await readFile(config, "utf8"), /"UPSTREAM_KEY_LIVE", text = "s3cret"/);
      assert.equal(await modeOf(join(folder, "key.json")), 0o600);
    });
    assert.deepEqual(await readdir(temporary), []);
    assert.deepEqual((await readdir(folder)).sort(), [".gitignore", "key.json", "state"]);
  });

  test("a key that others could read no longer is, and is kept", async () => {
    const file = join(project.directory, "mine", "key.json");
    await chmod(file, 0o644);
    const before = await readFile(file, "utf8");
    const words = command("dev", "--port", "0", "--data", "mine");
    await whileDev(...words, options, async (printed) => {
      assert.ok(printed.includes(JSON.parse(before).key));
    });
    assert.equal(await modeOf(file), 0o600);
  });

  test("a file of settings that is not one is refused, and not shown", async () => {
    const file = join(project.directory, "bad.vars");
    await writeFile(file, "A=1\ns3cret\n");
    for (const [path, sentence] of [
      [file, /line 2 of .*bad\.vars is not NAME=VALUE/],
      ["none.vars", /--vars-file none\.vars cannot be read/],
    ]) {
      const words = command("dev", "--port", "0", "--vars-file", path);
      const { status, stderr } = await ended(...words, options);
      assert.equal(status, 1);
      assert.match(stderr, sentence);
      assert.doesNotMatch(stderr, /s3cret/);
    }
  });
});

describe("while the runtime starts", posix, () => {
  let directory;
  let told;
  before(async () => {
    // A runtime that never answers, and does not end when it is told to.
    directory = join(project.directory, "slow");
    told = join(directory, "pid");
    await bringRuntime(directory, join(directory, "main.cjs"));
    const program = join(directory, "runtime.cjs");
    await writeFile(join(directory, "main.cjs"), `exports.default = ${JSON.stringify(program)};`);
    const script = `#!${process.execPath}
process.on("SIGTERM", () => {});
setInterval(() => {}, 1000);
require("node:fs").writeFileSync(${JSON.stringify(told)}, String(process.pid));\n`;
    await writeFile(program, script, { mode: 0o700 });
  });

  /** Starts `dev`; resolves when its runtime runs. */
  const starting = async () => {
    await rm(told, { force: true });
    const child = spawn(...command("dev", "--port", "0"), {
      ...options,
      cwd: directory,
      stdio: "ignore",
    });
    const exited = new Promise((done) => child.once("exit", (status) => done(status)));
    let runtime = 0;
    for (let tries = 0; runtime === 0 && tries < 500; tries += 1) {
      await sleep(20);
      runtime = Number(await readFile(told, "utf8").catch(() => ""));
    }
    assert.ok(runtime > 0, "the runtime runs");
    return { child, runtime, exited };
  };

  const runs = (pid) => {
    try {
      process.kill(pid, 0);
      return !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");
    } catch (error) {
      return error.code === "ENOENT";
    }
  };

  test("a signal ends both, and that is no failure", async () => {
    const { child, runtime, exited } = await starting();
    child.kill("SIGTERM");
    assert.equal(await exited, 0);
    assert.equal(runs(runtime), false);
  });

  test("a second signal ends both at once", async () => {
    const { child, runtime, exited } = await starting();
    child.kill("SIGINT");
    await sleep(200);
    child.kill("SIGINT");
    assert.equal(await exited, 1);
    await sleep(100);
    assert.equal(runs(runtime), false);
    assert.deepEqual(await readdir(machine.env.TMPDIR), []);
  });

  test("killed, it leaves a runtime that keeps its folder", async () => {
    const { child, runtime, exited } = await starting();
    child.kill("SIGKILL");
    await exited;
    assert.equal(runs(runtime), true);
    const words = command("dev", "--port", "0");
    const refused = await ended(...words, { ...options, cwd: directory, timeout: 30_000 });
    process.kill(runtime, "SIGKILL");
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, new RegExp(`process ${runtime} runs on .* already`));
  });
});

test("of many that start at once over what a dead one left, one has the folder", async () => {
  const folder = await mkdtemp(join(tmpdir(), "edge-credits-claims-"));
  const dead = await new Promise((done) => {
    const child = spawn(process.execPath, ["-e", ""]);
    child.once("exit", () => done(child.pid));
  });
  const script = `
    import { claim } from ${JSON.stringify(CLAIM.href)};
    const [folder, at] = process.argv.slice(1);
    while (Date.now() < Number(at));
    const got = await claim(folder).then(() => "claimed", (error) => error.message);
    console.log(got);
    // It holds what it has until all have tried.
    await new Promise((done) => setTimeout(done, 1500));`;
  for (let round = 0; round < 2; round += 1) {
    await writeFile(join(folder, `running.${dead}.00000000`), "");
    const at = String(Date.now() + 1500);
    const args = ["--input-type=module", "-e", script, folder, at];
    const all = await Promise.all(
      Array.from({ length: 6 }, () => ended(process.execPath, args, {})),
    );
    const claimed = all.filter(({ stdout }) => stdout === "claimed\n").length;
    assert.equal(claimed, 1, all.map(({ stdout, stderr }) => stdout + stderr).join(""));
    assert.equal((await readdir(folder)).length, 1, "what the dead left is gone");
  }
  await rm(folder, { recursive: true });
});
