// A provider of models for the tests: an answer in the shape of OpenAI's, chunk by chunk, which can break
// off at any of them, and the truth about what it has used by then.

import { createServer } from "node:http";

/** Chunks of text, each five tokens by the estimate; then one that reports what it was in all. */
const CHUNKS = 14;
export const TOKENS_PER_CHUNK = 5;
/** What the whole answer reports: not what an estimate comes to. */
const REPORTED = { prompt_tokens: 12, completion_tokens: 67, total_tokens: 79 };
/** What the caller presumes of the input. */
export const PRESUMED_INPUT = 10;
/** Between two chunks, where the query does not say. */
const PACE_MS = 90;

const TEXT = "€".repeat(6) + "12";
const events = [
  ...Array.from({ length: CHUNKS }, () => ({ choices: [{ index: 0, delta: { content: TEXT } }] })),
  { choices: [], usage: REPORTED },
];
export const BODY = events.map((event) => Buffer.from(`data: ${JSON.stringify(event)}\n\n`));

/** Tokens that have been used once so many chunks have gone by. */
export function truth(chunks) {
  if (chunks > CHUNKS) return REPORTED.total_tokens;
  return PRESUMED_INPUT + Math.max(1, chunks * TOKENS_PER_CHUNK);
}

/** Bytes of so many chunks. */
export const bytesOf = (chunks) => Buffer.concat(BODY.slice(0, chunks));

/** How many whole chunks so many bytes are. */
export const chunksOf = (bytes) => BODY.filter((_, last) => bytesOf(last + 1).length <= bytes).length;

/**
 * Answers `/?name=NAME&cut=CHUNKS&pace=MS`: breaks the connection after so many chunks, if they are named.
 * `left` tells of each name how many chunks were sent when the connection ended.
 */
export async function startProvider() {
  const left = new Map();
  const server = createServer(async (request, response) => {
    const url = new URL(request.url, "http://provider");
    const name = url.searchParams.get("name");
    const cut = url.searchParams.has("cut") ? Number(url.searchParams.get("cut")) : Infinity;
    const pace = Number(url.searchParams.get("pace") ?? PACE_MS);
    const pause = () => new Promise((done) => setTimeout(done, pace));
    let sent = 0;
    response.on("close", () => left.set(name, sent));
    response.writeHead(200, { "content-type": "text/event-stream", "x-provider": "yes" });
    response.flushHeaders();
    await pause();
    for (const chunk of BODY) {
      if (sent === cut) return response.destroy();
      if (response.destroyed) return;
      response.write(chunk);
      sent += 1;
      await pause();
    }
    if (cut <= BODY.length) return response.destroy();
    response.end();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const close = () => (server.closeAllConnections(), server.close());
  return { url: `http://127.0.0.1:${server.address().port}/`, left, close };
}
