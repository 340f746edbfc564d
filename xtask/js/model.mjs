// A stand-in for a language model: answers over HTTP on this machine, and fails when told to.
//
// The first word of the prompt says what it is to do: a number is the length of the answer in
// tokens, `fail` is a failure.

import { createServer } from "node:http";

/** @returns {Promise<{url: string, calls(): number, stop(): Promise<void>}>} */
export async function startModel() {
  let calls = 0;
  const server = createServer(async (request, response) => {
    calls += 1;
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { prompt } = JSON.parse(Buffer.concat(chunks).toString());
    const [wish] = prompt.split(" ", 1);
    if (!/^\d+$/.test(wish)) return void response.writeHead(500).end("overloaded");
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ answer: "An answer.", usage: { output_tokens: Number(wish) } }));
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    calls: () => calls,
    stop: () => new Promise((done) => server.close(done).closeAllConnections()),
  };
}

/** A prompt of so many tokens, as the example counts them: four characters each. */
export function promptOf(tokens, wish) {
  return `${wish} `.padEnd(tokens * 4, "word ");
}
