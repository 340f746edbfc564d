// As a program: Node, Deno and Bun.

import { run } from "./start.js";

console.log(JSON.stringify(await run()));
