// `--name value`, `--name=value` and `--switch`, checked: an unknown one is a mistake, never ignored.

import { Misuse } from "./trouble.js";

/**
 * @param {string[]} words
 * @param {Record<string, "value" | "switch" | "list">} known a list may be given more than once
 * @returns {Record<string, any>} what was given, by name
 */
export function parse(words, known) {
  const given = {};
  const rest = [...words];
  while (rest.length > 0) {
    const word = rest.shift();
    const [, name, inline] = /^--([a-z-]+)(?:=(.*))?$/s.exec(word) ?? [];
    if (name === undefined || !Object.hasOwn(known, name)) throw unknown(word, known);
    const kind = known[name];
    if (kind !== "list" && name in given) throw new Misuse(`--${name} is given twice`);
    if (kind === "switch") {
      if (inline !== undefined) throw new Misuse(`--${name} takes no value`);
      given[name] = true;
      continue;
    }
    const value = inline ?? rest.shift();
    if (value === undefined || (inline === undefined && value.startsWith("--"))) {
      throw new Misuse(`--${name} needs a value`);
    }
    given[name] = kind === "list" ? [...(given[name] ?? []), value] : value;
  }
  return given;
}

function unknown(word, known) {
  const names = Object.keys(known).map((name) => `--${name}`);
  return new Misuse(`\`${word}\` is not understood here; known: ${names.join(", ")}`);
}
