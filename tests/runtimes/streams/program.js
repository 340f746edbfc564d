// The app as a program: Node, Deno and Bun. Takes the settings as JSON, prints its port.

import { handle } from "./app.js";

const { Deno, Bun } = globalThis;
const [settings] = (Deno?.args ?? process.argv.slice(2)).map((text) => JSON.parse(text));
const answer = (request) => handle(settings, request);
if (Deno) {
  Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: ({ port }) => console.log(port) }, answer);
} else if (Bun) {
  console.log(Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: answer }).port);
} else {
  const { serve } = await import("./serve.mjs");
  serve((url) => answer(new Request(url)));
}
