// `edge-credits init`: what it makes of a project is taken by wrangler, and nothing else is changed.

import assert from "node:assert/strict";
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, describe, test } from "node:test";

import { addLedger } from "../../../pkg/cli/wrangler_config.js";
import { bundleWorker, makeProject } from "../project.mjs";
import { COMPATIBILITY_DATE } from "../workerd.mjs";
import { ended } from "./machine.mjs";

const projects = [];
after(() => Promise.all(projects.map((project) => project.remove())));

async function inProject(files) {
  const project = await makeProject({ files });
  projects.push(project);
  return project.directory;
}

const init = (cwd, ...words) =>
  ended(join(cwd, "node_modules/.bin/edge-credits"), ["init", ...words], { cwd });

const DATE = `"compatibility_date": "${COMPATIBILITY_DATE}"`;
const MAIN = `// my worker\nexport default { fetch: () => new Response('hello') };\n`;

/** Configurations as people have them: by name, the file and its text. */
const CONFIGS = {
  "a wrangler.toml": [
    "wrangler.toml",
    `name = "w" # mine\nmain = "src/index.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`,
  ],
  "a wrangler.toml with objects and environments": [
    "wrangler.toml",
    `name = "w"
main = 'src/index.js'
compatibility_date = "${COMPATIBILITY_DATE}"
vars = { TEXT = """
[[migrations]] # not one
""", LIST = [
  "a", # ]
  'b]',
] }

[[durable_objects.bindings]]
name = "ROOM"
class_name = "Room"

[[migrations]]
tag = "v1"
new_sqlite_classes = [
  "Room", # first
]

[env.staging]
name = "w-staging"`,
  ],
  "a wrangler.jsonc with comments": [
    "wrangler.jsonc",
    `// mine\n{\n\t"name": "w", // its name\n\t"main": "src/index.js",\n\t${DATE},\n\t/* last */\n}\n`,
  ],
  "a wrangler.jsonc with objects": [
    "wrangler.jsonc",
    `{
  "name": "w",
  "main": "./src/index.js",
  ${DATE},
  "vars": { "URL": "https://a.example//b", "QUOTE": "\\"/*" },
  "durable_objects": { "bindings": [{ "name": "ROOM", "class_name": "Room" }] },
  "migrations": [
    { "tag": "v1", "new_sqlite_classes": ["Room"] }, // first
  ],
}`,
  ],
  "a wrangler.json on one line": [
    "wrangler.json",
    `{"name":"w","main":"src/index.js",${DATE},"migrations":[]}`,
  ],
};

describe("into the Worker that is there", () => {
  for (const [name, [file, text]] of Object.entries(CONFIGS)) {
    test(name, async () => {
      const main = text.includes("Room")
        ? `${MAIN}\nimport { DurableObject } from 'cloudflare:workers';\nexport class Room extends DurableObject {}\n`
        : MAIN;
      const directory = await inProject({ [file]: text, "src/index.js": main });
      const { status, stdout, stderr } = await init(directory);
      assert.equal(status, 0, stdout + stderr);
      const { main: bundled } = await bundleWorker(directory);
      assert.ok(bundled);

      const after = await readFile(join(directory, file), "utf8");
      const kept = text.split("\n").map((line) => line.replace(/[\s,\]}]*(?:\/\/.*)?$/, "").trim());
      for (const line of file.endsWith(".json") ? [] : kept) assert.ok(after.includes(line), line);
      for (const [comment] of text.matchAll(/(?:\/\/ |# |\/\* )\w.*/g))
        assert.ok(after.includes(comment));
      assert.equal(after.split("LedgerObject").length, 3, "one binding, one migration");
      const source = await readFile(join(directory, "src/index.js"), "utf8");
      assert.ok(source.startsWith(main));
      assert.match(source, /export \{ LedgerObject, DirectoryObject \} from ['"]edge-credits\/worker['"];\n$/);

      const again = await init(directory);
      assert.deepEqual(
        [again.status, /^everything is there already/.test(again.stdout)],
        [0, true],
      );
      assert.equal(await readFile(join(directory, file), "utf8"), after);
    });
  }

  test("what an older version has added is added to, under a tag of its own", () => {
    const binding = (name) =>
      `[[durable_objects.bindings]]\r\nname = "${name}"\r\nclass_name = "${name}"\r\n`;
    const tag = '[[migrations]]\r\ntag = "edge-credits-v1"\r\nnew_sqlite_classes = ["Other"]\r\n';
    const { text } = addLedger("wrangler.toml", `${binding("Other")}${tag}`);
    assert.match(text, /tag = "edge-credits-v2"\r\nnew_sqlite_classes = \["LedgerObject"/);
    assert.doesNotMatch(text, /[^\r]\n/, "its kind of lines");
    const json =
      '{ "migrations": [{ "tag": "edge-credits-v1", "new_sqlite_classes": ["Other"] }] }';
    assert.match(addLedger("wrangler.json", json).text, /"tag": "edge-credits-v2"/);
  });

  test("a dry run writes nothing, and an environment is told of", async () => {
    const [file, text] = CONFIGS["a wrangler.toml with objects and environments"];
    const directory = await inProject({ [file]: text, "src/index.js": MAIN });
    const { status, stdout } = await init(directory, "--dry-run");
    assert.equal(status, 0);
    assert.match(stdout, /^would write wrangler.toml\nwould write src\/index.js/);
    assert.match(stdout, /repeat the binding under each environment \(staging\)/);
    assert.equal(await readFile(join(directory, file), "utf8"), text);
    assert.equal(await readFile(join(directory, "src/index.js"), "utf8"), MAIN);
  });

  test("what is not safe is left alone, and told in full", async () => {
    const form = /it is written in a form that cannot be added to/;
    const table = [
      [`migrations = [{ tag = "v1", new_classes = ["A"] }]\n`, form],
      [`durable_objects.bindings = []\n`, form],
      [`[durable_objects]\nbindings = []\n`, form],
      [
        `[[durable_objects.bindings]]\nname = "LEDGER"\nclass_name = "Books"\n`,
        /`LEDGER` is the binding of Books/,
      ],
      [`x = "open\n`, /it cannot be read \(line 3\)/],
    ];
    const directory = await inProject({ "src/index.js": MAIN, "wrangler.toml": "" });
    for (const [text, why] of table) {
      const whole = `name = "w"\nmain = "src/index.js"\n${text}`;
      await writeFile(join(directory, "wrangler.toml"), whole);
      const { status, stdout } = await init(directory);
      assert.equal(status, 1, text);
      assert.match(stdout, why);
      assert.match(
        stdout,
        /\[\[migrations\]\]\ntag = "edge-credits-v1"\nnew_sqlite_classes = \["LedgerObject", "DirectoryObject"\]/,
      );
      assert.equal(await readFile(join(directory, "wrangler.toml"), "utf8"), whole);
    }
    const refused = addLedger("wrangler.jsonc", '{ "migrations": {} }');
    assert.deepEqual([refused.text, typeof refused.refused], ['{ "migrations": {} }', "string"]);
  });

  test("a main file that is no source is not written to", async () => {
    const toml = (main) => `name = "w"\nmain = "${main}"\n`;
    const cases = {
      "dist/index.js": MAIN,
      "src/index.py": "pass\n",
      "src/old.js": "addEventListener('fetch', f)\n",
      "src/none.js": undefined,
    };
    const directory = await inProject({ "wrangler.toml": "" });
    for (const [main, text] of Object.entries(cases)) {
      await mkdir(dirname(join(directory, main)), { recursive: true });
      if (text !== undefined) await writeFile(join(directory, main), text);
      await writeFile(join(directory, "wrangler.toml"), toml(main));
      const { status, stdout } = await init(directory);
      assert.equal(status, 1, main);
      assert.match(
        stdout,
        /Add this yourself to .*\n\nexport \{ LedgerObject, DirectoryObject \} from "edge-credits\/worker";/,
      );
      const left = await readFile(join(directory, main), "utf8").catch(() => undefined);
      assert.equal(left, text);
    }
  });
});

test("a ledger of another name, and a class that is only mentioned", async () => {
  const text = `name = "w"\nmain = "src/index.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"

[[durable_objects.bindings]]\nname = "CREDITS"\nclass_name = "LedgerObject"\n`;
  const main = `// TODO: LedgerObject\n${MAIN}`;
  const directory = await inProject({ "wrangler.toml": text, "src/index.js": main });
  const { status, stdout } = await init(directory);
  assert.equal(status, 0);
  assert.match(stdout, /new CreditEngine\(\{ ledger: env\.CREDITS, waitUntil: ctx \}\)/);
  const source = await readFile(join(directory, "src/index.js"), "utf8");
  assert.ok(source.startsWith(main));
  assert.match(source, /\nexport \{ LedgerObject, DirectoryObject \} from /);
  assert.ok((await bundleWorker(directory)).main);
});

test("a main file beside the project's directory is a source", async () => {
  const toml = 'name = "w"\nmain = "../src/index.js"\n';
  const directory = await inProject({ "worker/wrangler.toml": toml, "src/index.js": MAIN });
  assert.equal((await init(directory, "--dir", "worker")).status, 0);
  assert.match(await readFile(join(directory, "src/index.js"), "utf8"), /LedgerObject/);
});

describe("as a Worker of its own", () => {
  test("a project that is something else is not turned into one unasked", async () => {
    const directory = await inProject({});
    const before = await readdir(directory);
    const { status, stderr } = await init(directory);
    assert.equal(status, 1);
    assert.match(stderr, /a project without a wrangler configuration: say --standalone/);
    assert.deepEqual(await readdir(directory), before);
    assert.equal((await init(directory, "--standalone")).status, 0);
  });

  test("an empty directory becomes the credits API, and wrangler takes it", async () => {
    const directory = await inProject({});
    assert.equal((await init(directory, "--dir", "credits")).status, 0);
    const made = await readdir(join(directory, "credits"));
    assert.deepEqual(made.sort(), [".dev.vars", "package.json", "src", "wrangler.toml"]);
    // Its package is found in the project around it.
    assert.ok((await bundleWorker(join(directory, "credits"))).main);
    const secrets = await readFile(join(directory, "credits/.dev.vars"), "utf8");
    const [entry] = JSON.parse(/^API_KEYS='(.*)'$/m.exec(secrets)[1]);
    assert.deepEqual([entry.env, entry.scopes], ["test", ["admin"]]);
    assert.match(secrets, /^PORTAL_SECRET='[0-9a-f]{64}'$/m);
  });

  test("what is there is not overwritten, unless told so", async () => {
    const directory = await inProject({ "src/index.js": "mine", "wrangler.toml": "" });
    const refused = await init(directory, "--standalone");
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /wrangler.toml and src\/index.js would be in the way/);
    assert.equal(await readFile(join(directory, "src/index.js"), "utf8"), "mine");
    assert.equal((await init(directory, "--standalone", "--force")).status, 0);
    assert.match(await readFile(join(directory, "src/index.js"), "utf8"), /edge-credits\/worker/);
    const again = await init(directory, "--standalone");
    assert.match(again.stdout, /^everything is there already/);
  });

  test("contradictions are refused", async () => {
    const directory = await inProject({});
    assert.equal((await init(directory, "--embedded", "--standalone")).status, 2);
    const refused = await init(directory, "--embedded");
    assert.deepEqual([refused.status, /there is no wrangler.json/.test(refused.stderr)], [1, true]);
    assert.deepEqual(await readdir(directory).then((names) => names.includes("src")), false);
  });
});
