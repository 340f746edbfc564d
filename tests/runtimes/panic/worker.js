// The stories as a Worker.

import { faceStory } from "./face.js";
import { story } from "./story.js";

export default {
  async fetch(request) {
    const settings = await request.json();
    return Response.json(await (settings.face ? faceStory : story)(settings));
  },
};
