// The calls for the Vercel edge VM.

import { run } from "./calls.js";

globalThis.makeCalls = async (text) => JSON.stringify(await run(JSON.parse(text)));
