// The app as a Worker.

import { handle } from "./app.js";

let settings;

export default {
  fetch(request, env, ctx) {
    settings ??= { url: env.URL, key: env.KEY, provider: env.PROVIDER };
    return handle(settings, request, env, ctx);
  },
};
