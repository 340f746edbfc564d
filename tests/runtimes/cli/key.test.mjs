// Keys: of `edge-credits key`, which `cargo xtask key` calls.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";

import { checksum, makeKey } from "../../../pkg/cli/key.js";
import { ALL_OBJECTS, COMPATIBILITY_DATE, WORKERD } from "../../../pkg/cli/objects.js";
import { REPOSITORY } from "../project.mjs";
import { COMPATIBILITY_DATE as TESTED } from "../workerd.mjs";
import { ended } from "./machine.mjs";

const CLI = join(REPOSITORY, "pkg", "cli", "main.js");
const cli = (...words) => ended(process.execPath, [CLI, ...words]);

test("a key has the form, the checksum and the entry that the worker reads", () => {
  // Written down once: keys of every version have the same checksum.
  assert.equal(checksum("ce_test_00000000000000000000000000000000"), "d2NE9T");
  for (const env of ["live", "test"]) {
    const { key, entry } = makeKey(env, ["use", "grant", "use"]);
    assert.match(key, new RegExp(`^ce_${env}_[0-9A-Za-z]{38}$`));
    assert.equal(checksum(key.slice(0, -6)), key.slice(-6));
    const sha256 = createHash("sha256").update(key).digest("hex");
    assert.deepEqual(entry, {
      id: `key_${sha256.slice(0, 8)}`,
      env,
      scopes: ["use", "grant"],
      sha256,
    });
  }
  assert.notEqual(makeKey("live", ["use"]).key, makeKey("live", ["use"]).key);
});

test("the key is printed once, its digest is what is kept", async () => {
  const { status, stdout } = await cli("key", "--env", "live", "--scopes=use,grant");
  assert.equal(status, 0);
  const [key] = /ce_live_\w+/.exec(stdout);
  assert.equal(stdout.split(key).length, 2);
  const entries = JSON.parse(/^ {2}(\[.*\])$/m.exec(stdout)[1]);
  assert.deepEqual(entries[0].scopes, ["use", "grant"]);
  assert.equal(entries[0].sha256, createHash("sha256").update(key).digest("hex"));
  const machine = JSON.parse((await cli("key", "--env", "test", "--json")).stdout);
  assert.deepEqual(Object.keys(machine), ["key", "entry"]);
});

test("what is not understood ends with 2 and a sentence", async () => {
  const wrong = [
    [["key"], /--env live or --env test/],
    [["key", "--env", "prod"], /not `prod`/],
    [["key", "--env", "live", "--scopes", "root"], /no scope `root`/],
    [["key", "--env"], /--env needs a value/],
    [["key", "--env", "live", "--env", "test"], /given twice/],
    [["key", "live"], /`live` is not understood here; known: --env, --scopes, --json/],
    [["keys"], /no command `keys`; there are: dev, init, key/],
  ];
  for (const [words, sentence] of wrong) {
    const { status, stderr, stdout } = await cli(...words);
    assert.deepEqual([status, stdout], [2, ""], words.join(" "));
    assert.match(stderr, sentence);
  }
});

test("every command says what it does", async () => {
  for (const words of [[], ["--help"], ["dev", "--help"], ["init", "-h"], ["key", "--help"]]) {
    const { status, stdout } = await cli(...words);
    assert.equal(status, 0);
    assert.match(stdout, /usage: npx edge-credits/);
  }
  const { version } = JSON.parse(await readFile(join(REPOSITORY, "pkg", "package.json"), "utf8"));
  assert.equal((await cli("--version")).stdout.trim(), version);
});

test("what `dev` and `init` know of the worker is what the repository deploys and tests", async () => {
  const wrangler = await readFile(join(REPOSITORY, "wrangler.toml"), "utf8");
  for (const { binding, className } of ALL_OBJECTS) {
    assert.ok(wrangler.includes(`name = "${binding}"\nclass_name = "${className}"`), binding);
  }
  const deployed = [...wrangler.matchAll(/^class_name = "(\w+)"/gm)].map(([, name]) => name);
  assert.deepEqual(
    deployed,
    ALL_OBJECTS.map(({ className }) => className),
  );
  assert.equal(COMPATIBILITY_DATE, TESTED);
  const manifest = join(REPOSITORY, "node_modules", "workerd", "package.json");
  assert.equal(WORKERD, JSON.parse(await readFile(manifest, "utf8")).version);
});
