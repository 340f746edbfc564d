// The apps as a Worker: /plain/… with the context that the host passes, /auto/… without it, so that
// only `cloudflare:workers` can keep the request awake, /hono/….

import { honoApp, plainApp } from "./app.js";

const apps = {};

export default {
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    const [, name, pathname] = /^\/(\w+)(\/.*)$/.exec(url.pathname);
    const settings = { url: env.URL, key: env.KEY };
    // Made by the first request and used by all: a client belongs to none of them.
    apps[name] ??= name === "hono" ? honoApp(settings) : plainApp(settings);
    const inner = new Request(new URL(pathname, url), request);
    return name === "auto" ? apps.auto(inner) : apps[name](inner, env, ctx);
  },
};
