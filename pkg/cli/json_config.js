// A wrangler.json or wrangler.jsonc: read as wrangler reads it, and added to in place. The library's own
// editing moves comments from one member to the next, so that only its reading is used.

import { createScanner, getNodeValue, parseTree, printParseErrorCode } from "../dist/cli.js";
import { newlineOf } from "./appending.js";
import { Unsafe } from "./unsafe.js";

/** What its scanner tells apart, as far as it matters here. */
const COMMA = 5;
const LINE_BREAK = 14;
const COMMENTS = [12, 13];
const BLANK = 15;

/** @returns {any} @throws {Unsafe} */
export function read(text) {
  return getNodeValue(tree(text));
}

/** @param {import("./wrangler_config.js").Addition} addition */
export function add(text, { bindings, migration }) {
  const unit = /\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
  const additions = bindings.map((each) => [["durable_objects", "bindings"], each]);
  if (migration) additions.push([["migrations"], migration]);
  return additions.reduce((all, [path, item]) => appended(all, path, item, unit), text);
}

function tree(text) {
  const errors = [];
  let root;
  try {
    // A mark of the byte order is no JSON; blank, it leaves every place as it is.
    root = parseTree(text.replace(/^\uFEFF/, " "), errors, { allowTrailingComma: true });
  } catch {
    throw new Unsafe("it is nested too deeply");
  }
  if (errors.length > 0 || !root) {
    const [{ error, offset } = { error: 4, offset: 0 }] = errors;
    const line = text.slice(0, offset).split("\n").length;
    throw new Unsafe(`it cannot be read (line ${line}): ${printParseErrorCode(error)}`);
  }
  return root;
}

/** The text with one more item in the list at a path, which is made where it is not there. */
function appended(text, path, item, unit) {
  let node = tree(text);
  for (const [depth, key] of path.entries()) {
    const next = node.children?.find(({ children }) => children?.[0].value === key)?.children[1];
    if (!next) {
      const inner = path.slice(depth + 1).reduceRight((value, name) => ({ [name]: value }), [item]);
      return insert(text, node, `"${key}": ${pretty(inner, unit)}`, unit);
    }
    node = next;
  }
  return insert(text, node, pretty(item, unit), unit);
}

function pretty(value, unit) {
  return JSON.stringify(value, null, unit);
}

/** The text with one more member, the last of an object or a list, on lines of its own. */
function insert(text, node, addition, unit) {
  const newline = newlineOf(text);
  const outer = /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", node.offset) + 1))[0];
  const lines = addition.replaceAll("\n", `${newline}${outer}${unit}`);
  const last = node.children.at(-1);
  const end = last ? last.offset + last.length : node.offset + 1;
  const { at, comma } = endOfMember(text, end);
  const before = text.slice(0, end) + (last && !comma ? "," : "") + text.slice(end, at);
  const rest = text.slice(at);
  const closing = /^[ \t]*[\]}]/.test(rest) ? `${newline}${outer}` : "";
  return `${before}${newline}${outer}${unit}${lines}${comma ? "," : ""}${closing}${rest}`;
}

/** Behind the comma of the member that ends there, if it has one, and the remark on its line. */
function endOfMember(text, end) {
  const scanner = createScanner(text);
  scanner.setPosition(end);
  let at = end;
  let comma = false;
  let lineOver = false;
  for (;;) {
    const kind = scanner.scan();
    if (kind === COMMA) {
      comma = true;
      lineOver = false;
    } else if (kind === LINE_BREAK) {
      lineOver = true;
    } else if (kind !== BLANK && !COMMENTS.includes(kind)) {
      return { at, comma };
    }
    if (!lineOver && kind !== BLANK) at = scanner.getTokenOffset() + scanner.getTokenLength();
  }
}
