// The objects in a body, however its lines end and wherever its chunks do.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Frames } from "../../../pkg/js/frames.js";
import { pieces } from "../streams/fixtures.mjs";

const SSE = "text/event-stream";
const TABLE = [
  ["lines that end with LF", SSE, 'data: {"a":1}\n\ndata: {"a":2}\n\n', [1, 2]],
  ["with CRLF, two lines of one event", SSE, 'data: {"a":\r\ndata: 1}\r\n\r\n', [1]],
  ["with CR alone", SSE, 'data: {"a":\rdata: 1}\r\rdata: {"a":2}\r\r', [1, 2]],
  ["names, ids, comments, no space", SSE, ': hi\nevent: x\nid: 7\nretry: 5\ndata:{"a":1}\n\n', [1]],
  ["a byte order mark", SSE, '\ufeffdata: {"a":1}\n\n', [1]],
  ["no line break at the end", SSE, 'data: {"a":1}\n\ndata: {"a":2}', [1, 2]],
  ["no object", SSE, 'data: [DONE]\n\ndata: 7\n\ndata: {"a":\n\ndata: {"a":2}\n\n', [2]],
  ["a field whose name only begins so", SSE, 'database: {"a":1}\n\ndata: {"a":2}\n\n', [2]],
  ["events called JSON", "application/json", 'event: x\ndata: {"a":1}\n\n', [1]],
  ["lines of JSON", "application/x-ndjson", '{"a":1}\n{"a":2}\r\n\n{"a":3}', [1, 2, 3]],
  ["an array", "application/json", '[{"a":1}\n,\r\n{"a":2}]', [1, 2]],
  ["braces and quotes in text", "application/json", '{"t":"}{\\"\\\\","a":1}{"a":2}', [1, 2]],
  ["objects within", "application/json", '{"o":{"p":{}},"a":1}', [1]],
  ["an array called events", SSE, '[{"a":1}]', []],
  ["text that looks like JSON", "text/plain", '{"a":1}', []],
  ["text that looks like events", "text/markdown", 'data: {"a":1}\n\n', []],
  ["JSON called nothing", "", '  {"a":1}', [1]],
];

for (const [name, type, text, expected] of TABLE) {
  test(name, () => {
    const bytes = new TextEncoder().encode(text);
    for (let size = 1; size <= bytes.length; size += 1) {
      const found = [];
      const frames = new Frames(type, ({ a }) => found.push(a), () => {});
      for (const piece of pieces(bytes, [size])) {
        frames.push(piece);
        // Whoever reads on may take the chunk away.
        piece.fill(0);
      }
      frames.end();
      assert.deepEqual(found, expected, `in pieces of ${size}`);
    }
  });
}

test("of an object that is too long its usage is found, and those after it are read", () => {
  const usage = '"usage":{"prompt_tokens":7,"details":{"cached_tokens":3}}';
  const long = `{"a":1,"t":"${"x".repeat(5e6)}","s":"\\"usage\\":{}",${usage},"z":[]}`;
  assert.equal(JSON.parse(long).usage.prompt_tokens, 7);
  for (const [type, text] of [
    [SSE, `data: ${long}\n\ndata: {"a":2}\n\n`],
    ["application/json", `[${long},{"a":2}]`],
  ]) {
    for (const size of [777, 65_536, 1e8]) {
      const found = [];
      const frames = new Frames(type, (object) => found.push(object), () => {});
      for (const piece of pieces(new TextEncoder().encode(text), [size])) frames.push(piece);
      frames.end();
      const expected = [{ usage: { prompt_tokens: 7, details: { cached_tokens: 3 } } }, { a: 2 }];
      assert.deepEqual(found, expected, `${type} in pieces of ${size}`);
    }
  }
});

test("what is neither is text; pictures are nothing", () => {
  let bytes = 0;
  const onText = (piece) => (bytes += piece.length);
  for (const type of ["text/plain", "image/png"]) {
    const frames = new Frames(type, () => assert.fail(), onText);
    frames.push(new TextEncoder().encode(" Once upon a time"));
    frames.push(new TextEncoder().encode(" {"));
    frames.end();
  }
  assert.equal(bytes, 19);
});
