// What a project's wrangler configuration needs for the ledger, added to it: nothing is taken away,
// nothing is reordered, comments stay. What cannot be added safely is left alone and told.

import { isDeepStrictEqual } from "node:util";

import * as jsonc from "./jsonc.js";
import { OBJECTS } from "./objects.js";
import * as toml from "./toml.js";

/** What tags of ours begin with; the first that the project does not have yet is taken. */
const TAG = "edge-credits-v";

/** In the order in which wrangler looks for them. */
export const CONFIG_FILES = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/**
 * @param {string} name one of CONFIG_FILES
 * @param {string} text
 * @returns {{text: string, main?: string, environments: string[], noBundle: boolean, refused?: string}}
 *   `text` is as given where there is nothing to add, or with `refused`, the reason why it cannot be
 */
export function addLedger(name, text) {
  try {
    return name.endsWith(".toml") ? inToml(text) : inJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { text, environments: [], noBundle: false, refused: error.message };
  }
}

/** All that there is to add, in the syntax of the file: for by hand. */
export function snippet(name) {
  const missing = wanted([], []);
  if (name.endsWith(".toml")) return tomlTables(missing, []);
  const bindings = missing.bindings.map(jsonBinding);
  const whole = { durable_objects: { bindings }, migrations: [migration(missing.classes, [])] };
  return JSON.stringify(whole, null, 2).replace(/^\{\n|\n\}$/g, "");
}

function newTag(tags) {
  for (let version = 1; ; version += 1) {
    if (!tags.includes(`${TAG}${version}`)) return `${TAG}${version}`;
  }
}

/** What is not there yet, of the bindings `{name, class_name}` and the migrated classes found. */
function wanted(found, migrated) {
  const missing = OBJECTS.filter(
    ({ className }) => !found.some((each) => each.class_name === className),
  );
  for (const { binding, className } of missing) {
    const other = found.find(({ name }) => name === binding);
    if (other) {
      const names = `\`${binding}\` is the binding of ${other.class_name} here`;
      throw new SyntaxError(`${names}, and ${className} needs that name`);
    }
  }
  const classes = OBJECTS.map(({ className }) => className).filter(
    (name) => !migrated.includes(name),
  );
  return { bindings: missing, classes };
}

function inJson(text) {
  const { value } = jsonc.read(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new SyntaxError("it is no object");
  }
  const bindings = value.durable_objects?.bindings ?? [];
  const migrations = value.migrations ?? [];
  if (!Array.isArray(bindings) || !Array.isArray(migrations))
    throw new SyntaxError("a list is missing");
  const migrated = migrations.flatMap((each) => each.new_sqlite_classes ?? []);
  const missing = wanted(bindings, migrated);
  const facts = {
    main: value.main,
    environments: Object.keys(value.env ?? {}),
    noBundle: value.no_bundle === true,
  };
  let edited = text;
  const expected = structuredClone(value);
  if (missing.bindings.length > 0) {
    const added = missing.bindings.map(jsonBinding);
    edited = added.reduce(
      (all, each) => appended(all, ["durable_objects", "bindings"], each),
      edited,
    );
    expected.durable_objects = { ...expected.durable_objects, bindings: [...bindings, ...added] };
  }
  if (missing.classes.length > 0) {
    const added = migration(
      missing.classes,
      migrations.map(({ tag }) => tag),
    );
    edited = appended(edited, ["migrations"], added);
    expected.migrations = [...migrations, added];
  }
  // The one thing that must never happen is that something else has changed.
  if (!isDeepStrictEqual(structuredClone(jsonc.read(edited).value), expected)) {
    throw new SyntaxError("its form is unusual");
  }
  return { text: edited, ...facts };
}

/** The text with one more item in the list at a path, which is made where it is not there. */
function appended(text, path, item) {
  let node = jsonc.read(text);
  for (const [depth, key] of path.entries()) {
    const next = jsonc.member(node, key);
    if (!next) {
      const inner = path.slice(depth + 1).reduceRight((value, name) => ({ [name]: value }), [item]);
      return jsonc.insert(text, node, `"${key}": ${pretty(inner)}`);
    }
    node = next;
  }
  return jsonc.insert(text, node, pretty(item));
}

/** Indented by tabs, which stand for the file's own indentation. */
function pretty(value) {
  return JSON.stringify(value, null, "\t");
}

function jsonBinding({ binding, className }) {
  return { name: binding, class_name: className };
}

function migration(classes, tags) {
  return { tag: newTag(tags), new_sqlite_classes: classes };
}

function inToml(text) {
  const { statements, headers } = toml.read(text);
  const top = (key) => statements.find((each) => each.table === "" && each.key === key)?.value;
  const isList = (name) => headers.some((each) => each.name === name && each.list);
  const closed = statements.find(
    ({ table, key }) =>
      (table === "" && /^(?:durable_objects|migrations)(?:\.|$)/.test(key)) ||
      (table === "durable_objects" && key === "bindings"),
  );
  if (closed)
    throw new SyntaxError(`\`${closed.key}\` is written as one value, which cannot be appended to`);
  if (headers.some(({ name, list }) => name === "migrations" && !list)) {
    throw new SyntaxError("[migrations] is one table, which cannot be appended to");
  }
  const blocks = new Map();
  for (const { table, block, key, value } of statements) {
    if (table !== "durable_objects.bindings" || !isList(table)) continue;
    blocks.set(block, { ...blocks.get(block), [key]: toml.stringOf(value) });
  }
  const inMigrations = (name) =>
    statements
      .filter(({ table, key }) => table === "migrations" && key === name)
      .flatMap(({ value }) => [...value.matchAll(/["']([^"']*)["']/g)].map(([, text]) => text));
  const missing = wanted([...blocks.values()], inMigrations("new_sqlite_classes"));
  const environments = headers.map(({ name }) => /^env\.([^.]+)/.exec(name)?.[1]).filter(Boolean);
  const added = tomlTables(missing, inMigrations("tag"));
  return {
    text: added === "" ? text : behind(text, added),
    main: toml.stringOf(top("main") ?? ""),
    environments: [...new Set(environments)],
    noBundle: top("no_bundle") === "true",
  };
}

/** The text with more at its end, in its own kind of lines. */
function behind(text, added) {
  const whole = `${text.trimEnd()}\n\n${added}`.trimStart();
  return text.includes("\r\n") ? whole.replace(/\r?\n/g, "\r\n") : whole;
}

function tomlTables({ bindings, classes }, tags) {
  const tables = bindings.map(
    ({ binding, className }) =>
      `[[durable_objects.bindings]]\nname = "${binding}"\nclass_name = "${className}"\n`,
  );
  if (classes.length > 0) {
    const names = classes.map((name) => `"${name}"`).join(", ");
    tables.push(`[[migrations]]\ntag = "${newTag(tags)}"\nnew_sqlite_classes = [${names}]\n`);
  }
  return tables.join("\n");
}
