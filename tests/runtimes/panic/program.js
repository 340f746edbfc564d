// The story as a program, which ends with everything that reached the process.

import { faceStory } from "./face.js";
import { BROKEN, story } from "./story.js";

const [settings] = (globalThis.Deno?.args ?? process.argv.slice(2)).map((text) => JSON.parse(text));
const uncaught = [];
process.on("uncaughtException", ({ message }) => uncaught.push(message));
process.on("unhandledRejection", (reason) => uncaught.push(String(reason?.message ?? reason)));
const reports = await (settings.face ? faceStory : story)(settings);
console.log(JSON.stringify({ ...reports, uncaught: uncaught.filter((text) => text !== BROKEN) }));
