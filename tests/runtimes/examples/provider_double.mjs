// A double of a provider of chat completions, for tests: no model answers here. It speaks the shape of
// OpenAI's API, says the same words every time, and counts tokens as it is told to.

import { createServer } from "node:http";

/** What it says, word by word. */
export const WORDS = Array.from({ length: 40 }, (_, index) => `word${index} `);
export const USAGE = {
  prompt_tokens: 1000,
  completion_tokens: 500,
  total_tokens: 1500,
  prompt_tokens_details: { cached_tokens: 400 },
};

/** Starts it. `asked` are the requests that it got; `mode` is what it does with the next ones. */
export async function startProviderDouble() {
  const double = { asked: [], mode: "answers", hungUp: 0 };
  const server = createServer(async (request, response) => {
    let text = "";
    for await (const piece of request) text += piece;
    const body = JSON.parse(text);
    double.asked.push({ body, authorization: request.headers.authorization });
    response.on("close", () => (double.hungUp += Number(!response.writableFinished)));
    if (double.mode === "refuses") return void response.writeHead(429).end('{"error":{}}');
    if (!body.stream) {
      const message = { role: "assistant", content: WORDS.join("") };
      response.writeHead(200, { "content-type": "application/json" });
      return void response.end(JSON.stringify({ choices: [{ message }], usage: USAGE }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (const line of lines(body)) {
      if (response.destroyed) return;
      response.write(line);
      if (double.mode === "is slow") await new Promise((done) => setTimeout(done, 20));
    }
    response.end();
  });
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const url = `http://127.0.0.1:${server.address().port}/v1/chat/completions`;
  const stop = () => {
    server.closeAllConnections();
    return new Promise((done) => server.close(done));
  };
  return Object.assign(double, { url, stop });
}

/** The lines of a stream, which tells its usage if it was asked to. */
export function lines({ stream_options: options }) {
  const event = (data) => `data: ${JSON.stringify(data)}\n\n`;
  const said = WORDS.map((content) => event({ choices: [{ delta: { content } }] }));
  const usage = options?.include_usage ? [event({ choices: [], usage: USAGE })] : [];
  return [...said, ...usage, "data: [DONE]\n\n"];
}
