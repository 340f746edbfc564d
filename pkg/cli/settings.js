// Settings of the worker as `dev` takes them: one by one, and, for secrets, from a file like .dev.vars.

import { readFile } from "node:fs/promises";

import { Misuse, Trouble } from "./trouble.js";

/** The pieces of such a file, as `wrangler dev` reads it: what is not quoted ends at a remark. */
const BETWEEN = /(?:\s+|#[^\n]*)*/y;
const NAME = /(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*/y;
const VALUE = /'([^']*)'|`([^`]*)`|"((?:[^"\\]|\\[^])*)"|([^#\n]*)/y;
const END = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;

/**
 * @param {{var?: string[], "vars-file"?: string}} given `--var` goes before what the file says
 * @returns {Promise<Record<string, string>>}
 */
export async function settingsOf(given) {
  const file = given["vars-file"];
  const fromFile = file === undefined ? {} : inFile(file, await contents(file));
  return { ...fromFile, ...Object.fromEntries((given.var ?? []).map(variable)) };
}

function variable(text) {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(text) ?? [];
  if (name === undefined) throw new Misuse(`--var takes NAME=VALUE, not \`${text}\``);
  if (name === "API_KEYS")
    throw new Misuse("API_KEYS is made by `dev` itself, for its sandbox key");
  return [name, value];
}

async function contents(file) {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new Trouble(`--vars-file ${file} cannot be read (${error.code})`);
  }
}

/** What a file like .dev.vars says. API_KEYS is left out: `dev` makes its own. */
function inFile(file, contents) {
  const text = contents.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n");
  const settings = {};
  let at = 0;
  const take = (piece) => {
    piece.lastIndex = at;
    const found = piece.exec(text);
    if (!found) {
      const line = text.slice(0, at).split("\n").length;
      // The line itself is not shown: it may hold a secret.
      throw new Trouble(`line ${line} of ${file} is not NAME=VALUE`);
    }
    at += found[0].length;
    return found;
  };
  for (take(BETWEEN); at < text.length; take(BETWEEN)) {
    const [, name] = take(NAME);
    const [, single, back, double, bare] = take(VALUE);
    take(END);
    const value = single ?? back ?? double?.replaceAll("\\n", "\n") ?? bare.trim();
    if (name !== "API_KEYS") settings[name] = value;
  }
  return settings;
}
