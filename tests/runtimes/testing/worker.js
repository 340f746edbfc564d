import { run } from "./start.js";

export default {
  async fetch() {
    return Response.json(await run());
  },
};
