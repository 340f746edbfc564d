// The calls as a Worker: all that one request asks for.

import { run } from "./calls.js";

export default {
  async fetch(request) {
    return Response.json(await run(await request.json()));
  },
};
