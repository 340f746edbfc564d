import { run } from "./program.js";

globalThis.runProgram = async () => JSON.stringify(await run());
