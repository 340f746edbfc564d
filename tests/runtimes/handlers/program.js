// The story as a program. Deno and Bun serve the apps by their own servers, Node calls them. Where the
// host offers no `waitUntil`, one stands as another host would set it: Next.js's in Node, Supabase's in
// Deno, none in Bun.

import { call, honoApp, plainApp } from "./app.js";
import { story } from "./story.mjs";

const { Deno, Bun } = globalThis;
const [settings] = (Deno?.args ?? process.argv.slice(2)).map((text) => JSON.parse(text));
const kept = [];
const waitUntil = (promise) => void kept.push(promise);
if (Deno) globalThis.EdgeRuntime = { waitUntil };
else if (!Bun) globalThis[Symbol.for("@next/request-context")] = { get: () => ({ waitUntil }) };

const report = {};
for (const [name, make] of Object.entries({ plain: plainApp, hono: honoApp })) {
  const app = make({ ...settings, mode: "stateless" });
  report[name] = await served(app, `${settings.unique}-${name}`);
}
const late = kept.length;
await Promise.all(kept);
console.log(JSON.stringify({ ...report, late }));

async function served(app, user) {
  if (!Deno && !Bun) return call(app, user);
  const server = Deno
    ? Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, app)
    : Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: app });
  const port = Deno ? server.addr.port : server.port;
  const send = (pathname, headers) => fetch(`http://127.0.0.1:${port}${pathname}`, { headers });
  const told = await story(send, user);
  await (Deno ? server.shutdown() : server.stop(true));
  return told;
}
