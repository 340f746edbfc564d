// `npx edge-credits init`: the ledger in a project. Into the Worker that is there, or as a Worker of
// its own.
//
// Everything is worked out before anything is written, and nothing that exists is overwritten.

import { randomBytes } from "node:crypto";
import { access, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";

import { parse } from "./arguments.js";
import { makeKey } from "./key.js";
import { exportLine, exporting, notExported } from "./main_file.js";
import { OBJECTS } from "./objects.js";
import { Misuse, Trouble } from "./trouble.js";
import { Unsafe } from "./unsafe.js";
import { CONFIG_FILES, addLedger, snippet } from "./wrangler_config.js";

export const help = `usage: npx edge-credits init [--embedded | --standalone] [--dir DIR] [--dry-run] [--force]

Puts the ledger into the project of this directory.

Where there is a wrangler.json, wrangler.jsonc or wrangler.toml: the ledger becomes part of that Worker
(--embedded). Its binding and migration are added to the configuration, and the export of its class to
the Worker's main file. Nothing else is changed, comments stay, and running it again changes nothing.
What cannot be added safely is printed instead, and the exit status is 1.

Where there is none: the directory becomes a Worker that is the credits API, with wrangler.toml,
src/index.js, package.json and, for \`wrangler dev\`, a sandbox key in .dev.vars. Where there is a
package.json already, only with --standalone.

  --embedded, --standalone   which of the two; an error where it cannot be
  --dir DIR                  another directory
  --dry-run                  only say what would be written
  --force                    with --standalone: overwrite files that are there`;

const SWITCHES = {
  embedded: "switch",
  standalone: "switch",
  dir: "value",
  "dry-run": "switch",
  force: "switch",
};
const TEMPLATE = new URL("../examples/embedded-backend/", import.meta.url);
const CLASSES = OBJECTS.map(({ className }) => className);
/** Directories that tools write: a main file there is no source. */
const BUILT = /(?:^|\/)(?:dist|build|out|\.(?!\.?\/)[^/]+)\//;

export async function run(words) {
  const given = parse(words, SWITCHES);
  if (given.embedded && given.standalone)
    throw new Misuse("--embedded and --standalone exclude each other");
  const directory = resolve(given.dir ?? ".");
  const config = await firstOf(directory, CONFIG_FILES);
  if (given.embedded && !config) {
    throw new Trouble(
      `there is no ${CONFIG_FILES.join(", ")} in ${directory} for the ledger to become part of`,
    );
  }
  const embedded = given.embedded ?? (!given.standalone && config !== undefined);
  if (!embedded && !given.standalone && (await firstOf(directory, ["package.json"]))) {
    throw new Trouble(
      `${directory} is a project without a wrangler configuration: say --standalone to make it a ` +
        "Worker that is the credits API, or --dir DIR to make one elsewhere",
    );
  }
  const plan = embedded
    ? await becomePart(directory, config)
    : await ownWorker(directory, given.force);
  await carryOut(directory, plan, given["dry-run"]);
}

/** @returns {Promise<Plan>} see `carryOut` */
async function becomePart(directory, config) {
  const text = await readFile(join(directory, config), "utf8");
  const added = addLedger(config, text);
  const plan = { files: [], byHand: [], next: [] };
  if (added.refused) {
    plan.byHand.push([`${config}, which was left alone: ${added.refused}`, snippet(config)]);
    plan.byHand.push(["the Worker's main file", exportLine(CLASSES)]);
  } else {
    if (added.text !== text) plan.files.push({ name: config, text: added.text });
    await exportFrom(directory, added, plan);
  }
  if (added.environments.length > 0) {
    const names = added.environments.join(", ");
    plan.next.push(
      `Bindings are not inherited: repeat the binding under each environment (${names}).`,
    );
  }
  plan.next.push(
    ...(await installation(directory)),
    `In the Worker: new CreditEngine({ ledger: env.${added.ledger}, waitUntil: ctx })`,
  );
  return plan;
}

/** The export of the classes, in the main file that was found or by hand. */
async function exportFrom(directory, { main, noBundle }, plan) {
  if (main === undefined) {
    const where = "the Worker's main file: the configuration names none";
    plan.byHand.push([where, exportLine(CLASSES)]);
    return;
  }
  const name = relative(directory, resolve(directory, main)).replaceAll("\\", "/");
  let source;
  try {
    if (!/\.[cm]?[jt]sx?$/.test(name)) throw new Unsafe("it is not JavaScript or TypeScript");
    source = await readFile(join(directory, name), "utf8").catch(() => undefined);
    if (source === undefined) throw new Unsafe("it is not there");
    const edited = exporting(source, CLASSES);
    if (edited === source) return;
    if (BUILT.test(name)) throw new Unsafe("it is built from a source");
    if (noBundle) throw new Unsafe("no_bundle is set, so your own build has to bundle this");
    plan.files.push({ name, text: edited });
  } catch (error) {
    if (!(error instanceof Unsafe)) throw error;
    const missing = notExported(source ?? "", CLASSES);
    plan.byHand.push([`${name}: ${error.message}`, exportLine(missing, source)]);
  }
}

/** @returns {Promise<Plan>} */
async function ownWorker(directory, force = false) {
  const plan = { files: [], byHand: [], next: [] };
  for (const name of ["wrangler.toml", "src/index.js", "package.json"]) {
    plan.files.push({ name, text: await readFile(new URL(name, TEMPLATE), "utf8") });
  }
  // It may do everything, in a sandbox on this machine.
  const { key, entry } = makeKey("test", ["admin"]);
  const secrets = [
    `API_KEYS='${JSON.stringify([entry])}'`,
    `PORTAL_SECRET='${randomBytes(32).toString("hex")}'`,
  ];
  plan.files.push({ name: ".dev.vars", text: `${secrets.join("\n")}\n` });
  const there = [];
  for (const { name, text } of [...plan.files]) {
    const present = await readFile(join(directory, name), "utf8").catch(() => undefined);
    if (present === undefined) continue;
    const keep = present === text || name === "package.json" || name === ".dev.vars";
    if (keep) plan.files = plan.files.filter((file) => file.name !== name);
    else there.push(name);
  }
  const config = await firstOf(
    directory,
    CONFIG_FILES.filter((name) => name !== "wrangler.toml"),
  );
  if (config) there.push(config);
  if (config || (there.length > 0 && !force)) {
    const advice = config
      ? "choose another --dir"
      : "choose another --dir, or overwrite with --force";
    throw new Trouble(`${there.join(" and ")} would be in the way in ${directory}: ${advice}`);
  }
  if (plan.files.some(({ name }) => name === ".dev.vars"))
    plan.next.push(`The sandbox key for \`wrangler dev\`: ${key}`);
  const manifest = await readFile(new URL("package.json", TEMPLATE), "utf8");
  plan.next.push(
    ...(await installation(directory, manifest)),
    "npx wrangler dev",
    "To deploy: npx edge-credits key --env live --scopes use,grant, then npx wrangler secret put API_KEYS, then npx wrangler deploy",
  );
  return plan;
}

/** What is left to install; `fallback` is the manifest that there will be where there is none. */
async function installation(directory, fallback = "") {
  const manifest = await readFile(join(directory, "package.json"), "utf8").catch(() => undefined);
  const named = (manifest ?? fallback).includes('"edge-credits"');
  if (!named) return ["npm install edge-credits"];
  return manifest === undefined ? ["npm install"] : [];
}

/**
 * Writes and tells.
 * @typedef {{files: {name: string, text: string}[], byHand: [string, string][], next: string[]}} Plan
 */
async function carryOut(directory, { files, byHand, next }, dryRun = false) {
  for (const { name, text } of files) {
    console.log(`${dryRun ? "would write" : "wrote"} ${name}`);
    if (dryRun) continue;
    const path = join(directory, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  if (files.length === 0 && byHand.length === 0) console.log("everything is there already");
  for (const [where, text] of byHand) console.log(`\nAdd this yourself to ${where}\n\n${text}`);
  console.log(`\nThen:\n${next.map((step) => `  ${step}`).join("\n")}`);
  if (byHand.length > 0) process.exitCode = 1;
}

async function firstOf(directory, names) {
  for (const name of names) {
    const found = await access(join(directory, name)).then(
      () => true,
      () => false,
    );
    if (found) return name;
  }
  return undefined;
}
