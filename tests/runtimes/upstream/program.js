// The calls as a program: Node, Deno and Bun.

import { run } from "./calls.js";

const [settings] = (globalThis.Deno?.args ?? process.argv.slice(2)).map((text) => JSON.parse(text));
console.log(JSON.stringify(await run(settings)));
