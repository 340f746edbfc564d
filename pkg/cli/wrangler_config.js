// What a project's wrangler configuration needs for the ledger, added to it: nothing is taken away,
// nothing is reordered, comments stay. What cannot be added safely is left alone and told.

import { isDeepStrictEqual } from "node:util";

import * as jsonc from "./jsonc.js";
import { OBJECTS } from "./objects.js";
import * as toml from "./toml.js";

/** The tag of our migration; tags are unique within a project. */
const TAG = "edge-credits-v1";

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

/** What to add by hand, in the syntax of the file. */
export function snippet(name, missing = wanted([], [])) {
  const { bindings, classes } = missing;
  if (name.endsWith(".toml")) return tomlTables(bindings, classes);
  return JSON.stringify(
    {
      ...(bindings.length > 0 && { durable_objects: { bindings: bindings.map(jsonBinding) } }),
      ...(classes.length > 0 && { migrations: [migration(classes)] }),
    },
    null,
    2,
  ).replace(/^\{\n|\n\}$/g, "");
}

/** What is not there yet, of the bindings `{name, class_name}` and the migrated classes found. */
function wanted(found, migrated) {
  const missing = OBJECTS.filter(({ className }) => !found.some((each) => each.class_name === className));
  for (const { binding, className } of missing) {
    const other = found.find(({ name }) => name === binding);
    if (other) {
      const names = `\`${binding}\` is the binding of ${other.class_name} here`;
      throw new SyntaxError(`${names}, and ${className} needs that name`);
    }
  }
  const classes = OBJECTS.map(({ className }) => className).filter((name) => !migrated.includes(name));
  return { bindings: missing, classes };
}

function inJson(text) {
  const { value } = jsonc.read(text);
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new SyntaxError("it is no object");
  }
  const bindings = value.durable_objects?.bindings ?? [];
  const migrations = value.migrations ?? [];
  if (!Array.isArray(bindings) || !Array.isArray(migrations)) throw new SyntaxError("a list is missing");
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
    edited = added.reduce((all, each) => appended(all, ["durable_objects", "bindings"], each), edited);
    expected.durable_objects = { ...expected.durable_objects, bindings: [...bindings, ...added] };
  }
  if (missing.classes.length > 0) {
    edited = appended(edited, ["migrations"], migration(missing.classes));
    expected.migrations = [...migrations, migration(missing.classes)];
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

function migration(classes) {
  return { tag: TAG, new_sqlite_classes: classes };
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
  if (closed) throw new SyntaxError(`\`${closed.key}\` is written as one value, which cannot be appended to`);
  if (headers.some(({ name, list }) => name === "migrations" && !list)) {
    throw new SyntaxError("[migrations] is one table, which cannot be appended to");
  }
  const blocks = new Map();
  for (const { table, block, key, value } of statements) {
    if (table !== "durable_objects.bindings" || !isList(table)) continue;
    blocks.set(block, { ...blocks.get(block), [key]: toml.stringOf(value) });
  }
  const migrated = statements
    .filter(({ table, key }) => table === "migrations" && key === "new_sqlite_classes")
    .flatMap(({ value }) => [...value.matchAll(/["']([^"']*)["']/g)].map(([, name]) => name));
  const missing = wanted([...blocks.values()], migrated);
  const environments = headers.map(({ name }) => /^env\.([^.]+)/.exec(name)?.[1]).filter(Boolean);
  const added = tomlTables(missing.bindings, missing.classes);
  const lines = /\r\n/.test(text) ? added.replaceAll("\n", "\r\n") : added;
  return {
    text: added === "" ? text : `${text.trimEnd()}${text.trim() === "" ? "" : lines.includes("\r\n") ? "\r\n\r\n" : "\n\n"}${lines}`,
    main: toml.stringOf(top("main") ?? ""),
    environments: [...new Set(environments)],
    noBundle: top("no_bundle") === "true",
  };
}

function tomlTables(bindings, classes) {
  const tables = bindings.map(
    ({ binding, className }) =>
      `[[durable_objects.bindings]]\nname = "${binding}"\nclass_name = "${className}"\n`,
  );
  if (classes.length > 0) {
    const names = classes.map((name) => `"${name}"`).join(", ");
    tables.push(`[[migrations]]\ntag = "${TAG}"\nnew_sqlite_classes = [${names}]\n`);
  }
  return tables.join("\n");
}
