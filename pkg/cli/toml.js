// As much of TOML as it takes to know what a wrangler.toml says of Durable Objects, and whether tables
// can be appended to it. It is never rewritten: additions go behind the last line.

/**
 * @typedef {object} Statement
 * @property {string} table the header it stands under, without brackets; "" before the first
 * @property {number} block counts headers: what stands under the same one has the same number
 * @property {string} key
 * @property {string} value as it is written
 */

/**
 * @param {string} text
 * @returns {{statements: Statement[], headers: {name: string, list: boolean}[]}}
 * @throws {SyntaxError} on what this cannot read
 */
export function read(text) {
  const statements = [];
  const headers = [];
  let at = 0;
  const blank = /(?:\s+|#[^\n]*|\uFEFF)*/y;
  const header = /\[(\[)?\s*([^\]\n]+?)\s*\](\])?[ \t]*(?=#|\r?\n|$)/y;
  const key = /((?:"[^"\n]*"|'[^'\n]*'|[A-Za-z0-9_-]+|[ \t]*\.[ \t]*)+)[ \t]*=[ \t]*/y;
  const take = (pattern) => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found) at += found[0].length;
    return found;
  };
  for (;;) {
    take(blank);
    if (at >= text.length) return { statements, headers };
    const headed = take(header);
    if (headed) {
      if (Boolean(headed[1]) !== Boolean(headed[3])) throw fault(text, at);
      headers.push({ name: plain(headed[2]), list: Boolean(headed[1]) });
      continue;
    }
    const named = take(key);
    if (!named) throw fault(text, at);
    const end = valueEnd(text, at);
    const table = headers.at(-1)?.name ?? "";
    const value = text.slice(at, end).trim();
    statements.push({ table, block: headers.length, key: plain(named[1]), value });
    at = end;
  }
}

/** The text of a simple string value, or nothing. */
export function stringOf(value) {
  return /^"([^"\\]*)"$/.exec(value)?.[1] ?? /^'([^']*)'$/.exec(value)?.[1];
}

/** One past the last character of the value that starts at `at`. */
function valueEnd(text, start) {
  const piece =
    /"""[^]*?"""+|'''[^]*?'''+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[[\]{}]|\r?\n|[^"'#[\]{}\r\n]+|\r/y;
  let depth = 0;
  let at = start;
  while (at < text.length) {
    piece.lastIndex = at;
    const found = piece.exec(text)?.[0];
    if (found === undefined) throw fault(text, at);
    if (depth === 0 && (found.startsWith("#") || (found.endsWith("\n") && found.trim() === "")))
      break;
    if (found === "[" || found === "{") depth += 1;
    if (found === "]" || found === "}") depth -= 1;
    if (depth < 0) throw fault(text, at);
    at += found.length;
  }
  if (depth !== 0 || text.slice(start, at).trim() === "") throw fault(text, start);
  return at;
}

function plain(name) {
  return name
    .replace(/["']/g, "")
    .replace(/\s*\.\s*/g, ".")
    .trim();
}

function fault(text, at) {
  return new SyntaxError(`line ${text.slice(0, at).split("\n").length} cannot be read`);
}
