// The story as a Worker.

import { story } from "./story.js";

export default {
  async fetch(request) {
    return Response.json(await story(await request.json()));
  },
};
