// The scenarios for the Vercel edge VM, which runs a bundle that can only leave something behind.

import { run } from "./start.js";

globalThis.runConformance = async (text) => {
  const settings = JSON.parse(text);
  return JSON.stringify(await run(settings, { baseUrl: settings.url }));
};
