// What a project's wrangler configuration needs for the ledger, added to it: nothing is taken away,
// nothing is reordered, comments stay. Decided on what the file says when parsed, and proven: the result
// is parsed again, and must be what was there and the additions. Else the file is left alone, and told.

import { isDeepStrictEqual } from "node:util";

import * as json from "./json_config.js";
import { OBJECTS } from "./objects.js";
import * as toml from "./toml_config.js";
import { Unsafe } from "./unsafe.js";

/** What tags of ours begin with; the first that the project does not have yet is taken. */
const TAG = "edge-credits-v";

/** In the order in which wrangler looks for them. */
export const CONFIG_FILES = ["wrangler.json", "wrangler.jsonc", "wrangler.toml"];

/** Kinds of migrations that make, move or end a class in a way that `init` does not judge. */
const OTHER_MIGRATIONS = [
  "new_classes",
  "renamed_classes",
  "deleted_classes",
  "transferred_classes",
];

/**
 * @typedef {object} Addition
 * @property {{name: string, class_name: string}[]} bindings
 * @property {{tag: string, new_sqlite_classes: string[]} | undefined} migration
 */

/**
 * @typedef {object} Outcome
 * @property {string} text as given where there is nothing to add, or with `refused`
 * @property {string} [refused] why nothing can be added safely
 * @property {string} [main] the Worker's main file
 * @property {string} ledger what the ledger is bound as
 * @property {string[]} environments those that lack a binding
 * @property {boolean} noBundle
 */

/**
 * @param {string} name one of CONFIG_FILES
 * @param {string} text
 * @returns {Outcome}
 */
export function addLedger(name, text) {
  const format = name.endsWith(".toml") ? toml : json;
  try {
    const value = format.read(text);
    const { addition, ledger } = missingIn(value);
    const facts = {
      ledger,
      main: typeof value.main === "string" ? value.main : undefined,
      environments: lacking(value.env),
      noBundle: value.no_bundle === true,
    };
    if (addition.bindings.length === 0 && !addition.migration) return { text, ...facts };
    const edited = format.add(text, addition);
    requireProof(format, edited, grown(value, addition));
    return { text: edited, ...facts };
  } catch (error) {
    if (!(error instanceof Unsafe)) throw error;
    const [{ binding }] = OBJECTS;
    return { text, ledger: binding, environments: [], noBundle: false, refused: error.message };
  }
}

/** All that there is to add, in the syntax of the file: for by hand. */
export function snippet(name) {
  const bindings = OBJECTS.map(asBinding);
  const migration = creating(
    OBJECTS.map(({ className }) => className),
    [],
  );
  if (name.endsWith(".toml")) return toml.tables({ bindings, migration });
  const whole = { durable_objects: { bindings }, migrations: [migration] };
  return JSON.stringify(whole, null, 2).replace(/^\{\n|\n\}$/g, "");
}

/** @returns {{addition: Addition, ledger: string}} */
function missingIn(value) {
  if (!isTable(value)) throw new Unsafe("it is no object");
  if (value.durable_objects !== undefined && !isTable(value.durable_objects)) {
    throw new Unsafe("its `durable_objects` is not as wrangler has it");
  }
  const bound = listOf(value.durable_objects?.bindings, "durable_objects.bindings");
  const migrations = listOf(value.migrations, "migrations");
  const created = migrations.flatMap((each) => classesOf(each, "new_sqlite_classes"));
  const addition = { bindings: [], migration: undefined };
  for (const object of OBJECTS) {
    refuseOthers(object.className, bound, migrations);
    if (boundAs(object, bound) !== undefined) continue;
    requireFree(object, value, bound);
    addition.bindings.push(asBinding(object));
  }
  const all = OBJECTS.map(({ className }) => className);
  const classes = all.filter((name) => !created.includes(name));
  const tags = migrations.map(({ tag }) => tag);
  if (classes.length > 0) addition.migration = creating(classes, tags);
  return { addition, ledger: boundAs(OBJECTS[0], bound) ?? OBJECTS[0].binding };
}

/** Refuses a class that another Worker has, or that another kind of migration names. */
function refuseOthers(className, bound, migrations) {
  const foreign = bound.find((each) => each.class_name === className && each.script_name);
  if (foreign) {
    throw new Unsafe(
      `\`${foreign.name}\` binds the ${className} of another Worker, ${foreign.script_name}: ` +
        "nothing is to be added for that one. For a ledger in this Worker, take that binding out",
    );
  }
  for (const kind of OTHER_MIGRATIONS) {
    if (!migrations.some((each) => classesOf(each, kind).includes(className))) continue;
    throw new Unsafe(
      `${className} stands in \`${kind}\` of a migration: what follows from that is yours to say`,
    );
  }
}

function boundAs({ className, binding, fixedName }, bound) {
  const found = bound.filter((each) => each.class_name === className);
  return (found.find(({ name }) => name === binding) ?? (fixedName ? undefined : found[0]))?.name;
}

/** Refuses a binding's name that something else of the Worker has. */
function requireFree({ binding, className }, value, bound) {
  const other = bound.find(({ name }) => name === binding);
  const lists = Object.values(value).flatMap((each) => (Array.isArray(each) ? each : []));
  const named = lists.some((each) => each?.binding === binding);
  if (!other && !named && !Object.hasOwn(value.vars ?? {}, binding)) return;
  const whose = other ? `the binding of ${other.class_name}` : "something else";
  throw new Unsafe(`\`${binding}\` is ${whose} here, and ${className} needs that name`);
}

function asBinding({ binding, className }) {
  return { name: binding, class_name: className };
}

function creating(classes, tags) {
  let version = 1;
  while (tags.includes(`${TAG}${version}`)) version += 1;
  return { tag: `${TAG}${version}`, new_sqlite_classes: classes };
}

/** The names of classes that one kind of a migration's entries mentions. */
function classesOf(migration, kind) {
  const named = migration[kind] ?? [];
  if (!Array.isArray(named)) throw new Unsafe(`\`${kind}\` of a migration is no list`);
  return named.flatMap((each) => (isTable(each) ? [each.from, each.to] : [each]));
}

/** A list of tables, or of nothing where it is not there. */
function listOf(value, name) {
  if (value === undefined) return [];
  if (Array.isArray(value) && value.every(isTable)) return value;
  throw new Unsafe(`its \`${name}\` is no list of tables`);
}

function isTable(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The environments without a binding of each class: bindings are not inherited. */
function lacking(environments) {
  const bindingsOf = (each) => [each?.durable_objects?.bindings ?? []].flat();
  const complete = (each) =>
    OBJECTS.every(({ className }) => bindingsOf(each).some((one) => one?.class_name === className));
  return Object.entries(isTable(environments) ? environments : {})
    .filter(([, each]) => !complete(each))
    .map(([name]) => name);
}

/** What the file must say afterwards. */
function grown(value, { bindings, migration }) {
  const expected = { ...value };
  if (bindings.length > 0) {
    const there = value.durable_objects?.bindings ?? [];
    expected.durable_objects = { ...value.durable_objects, bindings: [...there, ...bindings] };
  }
  if (migration) expected.migrations = [...(value.migrations ?? []), migration];
  return expected;
}

/** The one thing that must never happen is that something else has changed. */
function requireProof(format, edited, expected) {
  let found;
  try {
    found = format.read(edited);
  } catch (error) {
    if (!(error instanceof Unsafe)) throw error;
  }
  // Cloned, since the readers' objects have prototypes of their own.
  const [result, wanted] = structuredClone([found, expected]);
  if (!isDeepStrictEqual(result, wanted)) {
    throw new Unsafe("it is written in a form that cannot be added to");
  }
}
