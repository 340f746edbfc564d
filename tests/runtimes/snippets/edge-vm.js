import { run } from "./snippets.js";

globalThis.runSnippet = async (text) => JSON.stringify(await run(JSON.parse(text)));
