// For the Vercel edge VM, which runs a bundle that can only leave something behind.

import { run } from "./start.js";

globalThis.runTesting = async () => JSON.stringify(await run());
