// The Worker's main file: which classes it exports, and the export of those that it does not.
//
// Read by a lexer of modules, JavaScript and TypeScript. What that does not understand is not edited.

import { parseModule } from "../dist/cli.js";
import { behind } from "./appending.js";
import { Unsafe } from "./unsafe.js";

const MODULE = "edge-credits/worker";

/**
 * The source with every class exported.
 * @param {string} source
 * @param {string[]} classes
 * @returns {string} as given where all are exported already
 * @throws {Unsafe}
 */
export function exporting(source, classes) {
  const before = exportsOf(source);
  if (before.all.includes(MODULE)) return source;
  const missing = classes.filter((name) => !before.names.has(name));
  if (missing.length === 0) return source;
  if (before.names.size === 0) throw new Unsafe("it exports nothing, so it is not a module");
  const typed = missing.find((name) => before.types.has(name));
  if (typed) throw new Unsafe(`it exports ${typed} as a type only`);
  if (before.all.length > 0) {
    throw new Unsafe(`it may export ${missing.join(", ")} with all of "${before.all[0]}"`);
  }
  const edited = behind(source, `${exportLine(missing, source)}\n`);
  const after = exportsOf(edited);
  if (after.names.size !== before.names.size + missing.length) {
    throw new Unsafe("it cannot be read as a module");
  }
  return edited;
}

/** The export of classes, quoted as the source quotes. */
export function exportLine(classes, source = "") {
  const single = (source.match(/from '/g) ?? []).length > (source.match(/from "/g) ?? []).length;
  const quote = single ? "'" : '"';
  return `export { ${classes.join(", ")} } from ${quote}${MODULE}${quote};`;
}

/** Those of the classes that the source does not export, as far as it can be read. */
export function notExported(source, classes) {
  try {
    const { names } = exportsOf(source);
    return classes.filter((name) => !names.has(name));
  } catch {
    return classes;
  }
}

/** @returns {{names: Set<string>, types: Set<string>, all: string[]}} `all` of which modules */
function exportsOf(source) {
  let found;
  try {
    [, found] = parseModule(source);
  } catch {
    throw new Unsafe("it cannot be read as a module");
  }
  const named = found.filter(({ type }) => type !== "reexport-all");
  const pick = (typeOnly) => named.filter((each) => each.typeOnly === typeOnly);
  return {
    names: new Set(pick(false).map(({ name }) => name)),
    types: new Set(pick(true).map(({ name }) => name)),
    all: found
      .filter(({ type, typeOnly }) => type === "reexport-all" && !typeOnly)
      .map(({ from }) => from),
  };
}
