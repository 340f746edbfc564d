// The scenarios as a program: Node, Deno and Bun. Takes the settings as JSON, prints the reports.

import { run } from "./start.js";

const [settings] = (globalThis.Deno?.args ?? process.argv.slice(2)).map((text) => JSON.parse(text));
console.log(JSON.stringify(await run(settings, { baseUrl: settings.url, mode: "stateless" })));
