import { run } from "./snippets.js";

export default {
  fetch: async (request) => Response.json(await run(await request.json())),
};
