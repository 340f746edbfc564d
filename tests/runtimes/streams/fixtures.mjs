// Answers of models as their providers document them, and what each of them uses: written by hand from
// the public formats, one with every trap that we know of it.

import { readFile } from "node:fs/promises";

const SSE = "text/event-stream; charset=utf-8";
const JSON_TYPE = "application/json";

/** Tokens in the order of the price's kinds: input, cache read, cache write, output, reasoning. */
const EXPECTED = {
  // No usage is asked for: the input is what the caller presumes (10), 52 bytes of text are 13 tokens.
  "openai-chat.sse": [SSE, [10, 0, 0, 13, 0], "estimated"],
  "openai-chat-usage.sse": [SSE, [216, 1024, 0, 32, 64]],
  // A name and arguments, 6 and 17 bytes.
  "openai-chat-tools.sse": [SSE, [10, 0, 0, 6, 0], "estimated"],
  "openai-chat.json": [JSON_TYPE, [216, 1024, 0, 32, 64]],
  "openai-responses.sse": [SSE, [200, 128, 0, 20, 180]],
  "openai-responses.json": [JSON_TYPE, [200, 128, 0, 20, 180]],
  // The cache is beside the input; the output is told twice, the later one counts.
  "anthropic.sse": [SSE, [25, 2000, 300, 89, 0]],
  "anthropic.json": [JSON_TYPE, [12, 500, 0, 6, 0]],
  // Thoughts are beside the output, cached input within the prompt.
  "google.sse": [SSE, [80, 40, 0, 13, 60]],
  "google-array.json": [JSON_TYPE, [80, 40, 0, 13, 60]],
  "google.json": [JSON_TYPE, [80, 40, 0, 13, 60]],
  // Usage with every chunk, and reasoning that only the total has.
  "compatible-cumulative.sse": [SSE, [70, 0, 0, 7, 40]],
  "compatible-groq.sse": [SSE, [18, 0, 0, 5, 0]],
  "compatible-deepseek.sse": [SSE, [16, 48, 0, 8, 4]],
  "compatible.ndjson": ["application/x-ndjson", [26, 0, 0, 282, 0]],
};

/** What the caller says of the input, for answers that do not tell. */
export const PRESUMED_INPUT = 10;

const read = (name) => readFile(new URL(`./fixtures/${name}`, import.meta.url));

/** @returns {Promise<{name: string, type: string, bytes: Buffer, tokens: object, estimated: boolean}[]>} */
export async function fixtures() {
  return Promise.all(
    Object.entries(EXPECTED).map(async ([name, [type, counts, estimated]]) => {
      const [input, cacheRead, cacheWrite, output, reasoning] = counts;
      const tokens = { input, cacheRead, cacheWrite, output, reasoning };
      return { name, type, bytes: await read(name), tokens, estimated: estimated !== undefined };
    }),
  );
}

/** One of them, and events that mean that there was nothing to pay for. */
export const fixture = async (name) => (await fixtures()).find((one) => one.name === name);
export const errorFirst = () => read("error-first.sse");

/** The bytes in pieces of these sizes, in turn; a size may cut a character or a line. */
export function pieces(bytes, sizes) {
  const found = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length];
    found.push(new Uint8Array(bytes.subarray(at, at + size)));
    at += size;
  }
  return found;
}
