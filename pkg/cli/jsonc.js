// JSON with comments and trailing commas, as wrangler reads it: read with positions, so that a member
// can be inserted and every other byte stays as it is.

/**
 * @typedef {object} Node
 * @property {number} start
 * @property {number} end one past its last character
 * @property {any} value
 * @property {{key?: string, node: Node}[]} [members] of an object or a list
 */

/**
 * @param {string} text
 * @returns {Node}
 * @throws {SyntaxError}
 */
export function read(text) {
  const cursor = new Cursor(text);
  const node = cursor.node();
  cursor.skip();
  if (cursor.at < text.length) cursor.fail("there is more after the end");
  return node;
}

/** The node of a member by its key, or nothing. */
export function member(node, key) {
  return node.members?.find((each) => each.key === key)?.node;
}

/**
 * The text with one more member, the last of an object or a list.
 * @param {string} text
 * @param {Node} node which object or list
 * @param {string} addition a value, after `"key": ` in an object
 */
export function insert(text, node, addition) {
  const unit = /\n([ \t]+)"/.exec(text)?.[1] ?? "  ";
  const outer = /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", node.start) + 1))[0];
  const indented = addition.replaceAll("\t", unit).replaceAll("\n", `\n${outer}${unit}`);
  const last = node.members.at(-1);
  if (!last) {
    const rest = text.slice(node.start + 1);
    const closing = /^\s*[\]}]/.test(rest) ? `\n${outer}${rest.trimStart()}` : rest;
    return `${text.slice(0, node.start + 1)}\n${outer}${unit}${indented}${closing}`;
  }
  const { end } = last.node;
  const comma = commaAfter(text, end);
  const before = comma < 0 ? `${text.slice(0, end)},` : text.slice(0, comma + 1);
  const after = text.slice(comma < 0 ? end : comma + 1);
  // A comment on the line of the last member belongs to that member.
  const [remark] = /^[ \t]*(?:\/\/[^\n]*|\/\*[^\n]*?\*\/[ \t]*)?(?=\r?\n)/.exec(after) ?? [""];
  const own = `\n${outer}${unit}${indented}${comma < 0 ? "" : ","}`;
  const rest = after.slice(remark.length);
  const closing = /^[ \t]*[\]}]/.test(rest) ? `\n${outer}${rest.trimStart()}` : rest;
  return `${before}${remark}${own}${closing}`;
}

/** Where the trailing comma after a member stands, or -1. */
function commaAfter(text, end) {
  const cursor = new Cursor(text, end);
  cursor.skip();
  return text[cursor.at] === "," ? cursor.at : -1;
}

class Cursor {
  constructor(text, at = 0) {
    this.text = text;
    this.at = at;
  }

  fail(why) {
    const line = this.text.slice(0, this.at).split("\n").length;
    throw new SyntaxError(`${why} (line ${line})`);
  }

  /** Past white space and comments. */
  skip() {
    const blank = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/|\uFEFF)*/y;
    blank.lastIndex = this.at;
    this.at += blank.exec(this.text)[0].length;
  }

  node() {
    this.skip();
    const start = this.at;
    const first = this.text[start];
    if (first === "{") return this.members(start, "}", {});
    if (first === "[") return this.members(start, "]", []);
    const word = /"(?:[^"\\\n]|\\.)*"|[^\s,\]}/"]+/y;
    word.lastIndex = start;
    const found = word.exec(this.text)?.[0];
    if (found === undefined) this.fail("a value is missing");
    this.at += found.length;
    try {
      return { start, end: this.at, value: JSON.parse(found) };
    } catch {
      return this.fail(`\`${found}\` is no value`);
    }
  }

  members(start, close, value) {
    const members = [];
    this.at += 1;
    for (;;) {
      this.skip();
      if (this.text[this.at] === close) break;
      let key;
      if (close === "}") {
        key = this.node().value;
        if (typeof key !== "string") this.fail("a name must be text");
        this.skip();
        if (this.text[this.at] !== ":") this.fail("a colon is missing");
        this.at += 1;
      }
      const node = this.node();
      members.push({ key, node });
      if (key === undefined) value.push(node.value);
      else
        Object.defineProperty(value, key, {
          value: node.value,
          enumerable: true,
          configurable: true,
        });
      this.skip();
      if (this.text[this.at] === ",") this.at += 1;
      else if (this.text[this.at] !== close) this.fail("a comma is missing");
    }
    this.at += 1;
    return { start, end: this.at, value, members };
  }
}
