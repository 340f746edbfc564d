// What `edge-credits init` makes of configurations in odd forms: nothing that was there is changed, what
// cannot be proven is refused with a sentence, and never with a stack trace.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { addLedger } from "../../../pkg/cli/wrangler_config.js";
import { exporting } from "../../../pkg/cli/main_file.js";
import { parse as parseToml } from "smol-toml";
import { parse as parseJson } from "jsonc-parser";

const CLASSES = ["LedgerObject", "DirectoryObject"];
const bound = (name, rest = "") =>
  `[[durable_objects.bindings]]\nname = "${name}"\nclass_name = "LedgerObject"\n${rest}`;
const created = (list) => `[[migrations]]\ntag = "v1"\n${list}\n`;

const added = (file, text) => {
  const outcome = addLedger(file, text);
  assert.equal(outcome.refused, undefined, text);
  const parse = file.endsWith(".toml") ? (all) => parseToml(all) : (all) => parseJson(all);
  return { ...outcome, value: parse(outcome.text.replace(/^\uFEFF/, "")) };
};

const complete = ({ value }) => {
  const classes = value.durable_objects.bindings.map((each) => each.class_name);
  const made = value.migrations.flatMap((each) => each.new_sqlite_classes ?? []);
  for (const name of CLASSES) {
    assert.equal(classes.filter((each) => each === name).length, 1, `${name} is bound once`);
    assert.equal(made.filter((each) => each === name).length, 1, `${name} is made once`);
  }
};

describe("a wrangler.toml", () => {
  const taken = {
    "with tables in strings": `d = '''\n${bound("LEDGER")}'''\n`,
    "with line ends in a string that are not its own": 'T = """\nline one\r\nline two\n"""\n',
    "with empty lines first and no line end last": "\n\n# head\n[vars] # [x]\nA = '#'",
    "with a mark of the byte order": '\uFEFFmain = "a.js"\n',
    "with \\r\\n": '\r\nmain = "a.js"\r\n[vars]\r\nA = 1 # x\r\n\r\n',
    "with quoted names and escapes":
      '[["durable_objects"."bindings"]]\nname = "LEDGER"\nclass_name = "\\u004cedgerObject"\n',
    "with the class in a comment of the list": created(
      'new_sqlite_classes = [\n  # "LedgerObject",\n  "Other", # not "DirectoryObject" yet\n]',
    ),
    "with a date and a large number": "d = 2026-01-02T03:04:05Z\nn = 9007199254740993\n",
    "with nothing in it": "",
  };
  for (const [name, text] of Object.entries(taken)) {
    test(name, () => {
      const outcome = addLedger("wrangler.toml", text);
      assert.equal(outcome.refused, undefined);
      assert.ok(outcome.text.startsWith(text), "not a byte is changed");
      complete({ value: parseToml(outcome.text.replace(/^\uFEFF/, ""), { integersAsBigInt: true }) });
      if (text.startsWith("\r\n")) assert.doesNotMatch(outcome.text, /[^\r]\n/, "its line ends");
      assert.equal(addLedger("wrangler.toml", outcome.text).text, outcome.text, "once only");
    });
  }

  test("its main file is found in any spelling", () => {
    for (const main of ['"""a.js"""', "'a.js'", '"\\u0061.js"']) {
      assert.equal(added("wrangler.toml", `"main" = ${main}\n`).main, "a.js");
    }
  });

  const refused = {
    "[durable_objects.bindings]\nname = 'A'\nclass_name = 'B'\n": /no list of tables/,
    "durable_objects = { bindings = [] }\n": /a form that cannot be added to/,
    "main=a.js\n": /cannot be read \(line 1\)/,
    'a = "x" b = "y"\n': /cannot be read \(line 1\)/,
  };
  for (const [text, why] of Object.entries(refused)) {
    test(`is left alone: ${JSON.stringify(text)}`, () => {
      const outcome = addLedger("wrangler.toml", text);
      assert.equal(outcome.text, text);
      assert.match(outcome.refused, why);
    });
  }
});

describe("a wrangler.jsonc", () => {
  const odd = {
    '{ "migrations": null }': /`migrations` is no list/,
    '{ "durable_objects": null }': /not as wrangler has it/,
    '{ "durable_objects": "x" }': /not as wrangler has it/,
    '{ "durable_objects": { "bindings": [null] } }': /no list of tables/,
    '{ "migrations": [{ "tag": "v1", "new_sqlite_classes": "LedgerObject" }] }': /is no list/,
    '{ "migrations": [], "migrations": [{ "tag": "v1" }] }': /a form that cannot be added to/,
    "{,}": /cannot be read \(line 1\)/,
    "": /cannot be read/,
    "[]": /no object/,
    ["[".repeat(20_000)]: /nested too deeply/,
  };
  for (const [text, why] of Object.entries(odd)) {
    test(`is left alone: ${text.slice(0, 80)}`, () => {
      const outcome = addLedger("wrangler.jsonc", text);
      assert.equal(outcome.text, text);
      assert.match(outcome.refused, why);
    });
  }

  test("keeps its line ends and its mark of the byte order", () => {
    const outcome = added("wrangler.jsonc", '\uFEFF{\r\n  "main": "a.js"\r\n}\r\n');
    assert.doesNotMatch(outcome.text, /[^\r]\n/);
    assert.ok(outcome.text.startsWith('\uFEFF{\r\n  "main": "a.js"'));
    complete(outcome);
  });

  test("a comment stays with its member", () => {
    for (const [text, kept] of [
      ['{ "migrations": [{ "tag": "v1" } /* x */] }', '{ "tag": "v1" }, /* x */\n'],
      ['{\n  "main": "a.js" // m\n  , // c\n}', '"a.js" // m\n  , // c\n  "durable'],
      ['{\n  "migrations": [\n    // none yet\n  ]\n}', "    // none yet\n  ]"],
      ['{ "main": "a.js" /* m */ }', '"a.js", /* m */\n'],
    ]) {
      const outcome = added("wrangler.jsonc", text);
      assert.ok(outcome.text.includes(kept), outcome.text);
      complete(outcome);
    }
  });
});

describe("what the configuration says of the classes", () => {
  const judged = {
    "the class is another Worker's": [
      bound("LEDGER", 'script_name = "credits"\n'),
      /another Worker, credits/,
    ],
    "made with other storage": [created('new_classes = ["LedgerObject"]'), /`new_classes`/],
    "deleted again": [
      created('new_sqlite_classes = ["LedgerObject"]\ndeleted_classes = ["LedgerObject"]'),
      /`deleted_classes`/,
    ],
    renamed: [
      created('renamed_classes = [{ from = "Old", to = "LedgerObject" }]'),
      /`renamed_classes`/,
    ],
    "another Worker's before": [
      created('transferred_classes = [{ from = "A", from_script = "w", to = "DirectoryObject" }]'),
      /DirectoryObject stands in `transferred_classes`/,
    ],
    "its name is a variable": ['[vars]\nLEDGER = "x"\n', /`LEDGER` is something else here/],
    "its name is a bucket": [
      '[[r2_buckets]]\nbinding = "DIRECTORY"\n',
      /`DIRECTORY` is something else/,
    ],
  };
  for (const [name, [text, why]] of Object.entries(judged)) {
    test(`${name}: told, not edited`, () => {
      const outcome = addLedger("wrangler.toml", text);
      assert.equal(outcome.text, text);
      assert.match(outcome.refused, why);
    });
  }

  test("a ledger of another name keeps it, and that name is told", () => {
    const outcome = added("wrangler.toml", bound("CREDITS"));
    assert.equal(outcome.ledger, "CREDITS");
    complete(outcome);
    assert.deepEqual(outcome.value.durable_objects.bindings[1].name, "DIRECTORY");
  });

  test("environments that lack nothing are not told of", () => {
    const bindings = CLASSES.map((class_name) => ({ name: class_name, class_name }));
    const env = { whole: { durable_objects: { bindings } }, bare: {} };
    assert.deepEqual(added("wrangler.json", JSON.stringify({ env })).environments, ["bare"]);
  });
});

describe("the main file", () => {
  const worker = "export default {};\n";
  const all = `export { ${CLASSES.join(", ")} } from "edge-credits/worker";\n`;

  test("a class that is only mentioned is not exported", () => {
    for (const source of [
      `// TODO: LedgerObject, DirectoryObject\n${worker}`,
      `import { LedgerObject, DirectoryObject } from "edge-credits/worker";\n${worker}`,
      `const text = "export { LedgerObject }";\n${worker}`,
    ]) {
      assert.equal(exporting(source, CLASSES), `${source}\n${all}`);
    }
  });

  test("what is exported already is not exported again", () => {
    for (const source of [
      `${worker}${all}`,
      `${worker}export * from 'edge-credits/worker'`,
      `import * as all from "./x";
export class LedgerObject extends all.LedgerObject<Env> {}
export { Mine as DirectoryObject } from "./mine";\n`,
    ]) {
      assert.equal(exporting(source, CLASSES), source);
    }
    const one = `${worker}export { LedgerObject } from 'edge-credits/worker';\n`;
    const other = "export { DirectoryObject } from 'edge-credits/worker';\n";
    assert.equal(exporting(one, CLASSES), `${one}\n${other}`);
  });

  test("TypeScript is understood, and line ends stay", () => {
    const source = [
      "interface Env { A: string }",
      "export default {",
      "  async fetch<T>(r: Request, env: Env) { return new Response(<string>env.A); },",
      "} satisfies ExportedHandler<Env>;",
      "",
    ].join("\r\n");
    assert.equal(exporting(source, CLASSES), `${source}\r\n${all.trim()}\r\n`);
  });

  test("what cannot be told is not edited", () => {
    const refused = {
      "addEventListener('fetch', f);\n": /exports nothing/,
      "export {": /cannot be read as a module/,
      [`${worker}export * from "./ledger.js";\n`]: /it may export LedgerObject, DirectoryObject/,
      [`${worker}export type { LedgerObject } from "edge-credits/worker";\n`]: /as a type only/,
      [`${worker}/* open`]: /cannot be read as a module/,
    };
    for (const [source, why] of Object.entries(refused)) {
      assert.throws(() => exporting(source, CLASSES), { name: "Error", message: why }, source);
    }
  });
});
