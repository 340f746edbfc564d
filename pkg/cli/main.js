#!/usr/bin/env node
// `npx edge-credits COMMAND`: runs the ledger on this machine, puts it into a project, makes keys.
//
// Ends with 0 when it did what was asked, 1 when it could not, and 2 when it did not understand.

import { readFile } from "node:fs/promises";

import { Misuse, Trouble } from "./trouble.js";

/** Loaded only when asked for: a key needs nothing of the runtime. */
const COMMANDS = {
  dev: { purpose: "run the ledger on this machine", load: () => import("./dev.js") },
  init: {
    purpose: "put the ledger into a project, as a Cloudflare Worker",
    load: () => import("./init.js"),
  },
  key: { purpose: "make an API key and its entry for API_KEYS", load: () => import("./key.js") },
};

const OLDEST_NODE = 20;

async function main([name, ...rest]) {
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    return say(usage());
  }
  if (name === "--version") return say(await version());
  if (!Object.hasOwn(COMMANDS, name)) {
    throw new Misuse(
      `there is no command \`${name}\`; there are: ${Object.keys(COMMANDS).join(", ")}`,
    );
  }
  const { run, help } = await COMMANDS[name].load();
  if (rest.includes("--help") || rest.includes("-h")) return say(help);
  return run(rest);
}

function usage() {
  const lines = Object.entries(COMMANDS).map(
    ([name, { purpose }]) => `  ${name.padEnd(6)} ${purpose}`,
  );
  return `edge-credits: AI credits at the edge

usage: npx edge-credits COMMAND [OPTIONS]

${lines.join("\n")}

\`npx edge-credits COMMAND --help\` says more.`;
}

async function version() {
  const manifest = await readFile(new URL("../package.json", import.meta.url), "utf8");
  return JSON.parse(manifest).version;
}

function say(text) {
  console.log(text);
}

function requireNode() {
  const [major] = process.versions.node.split(".");
  if (Number(major) < OLDEST_NODE) {
    throw new Trouble(`Node ${major} is too old: edge-credits needs Node ${OLDEST_NODE} or newer`);
  }
}

try {
  requireNode();
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof Trouble)) throw error;
  console.error(`edge-credits: ${error.message}`);
  if (error instanceof Misuse) console.error("`npx edge-credits --help` says what there is.");
  process.exitCode = error instanceof Misuse ? 2 : 1;
}
