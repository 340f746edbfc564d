// One snippet as a program: Node, Deno and Bun.

import { run } from "./snippets.js";

const [text] = globalThis.Deno?.args ?? process.argv.slice(2);
console.log(JSON.stringify(await run(JSON.parse(text))));
