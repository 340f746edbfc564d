// Stands between the worker and its objects, for tests: a directory that stops answering when it is told
// to, and ledgers, of which one then does as well, and whose every request is seen as the platform's log of
// its calls would have it.

let slow = false;
const seen = [];

/** @param {DurableObjectState} ctx @param {DurableObjectNamespace} objects @param {Request} request */
const passOn = (ctx, objects, request) => objects.get(objects.idFromName(ctx.id.name)).fetch(request);

export class SlowDirectory {
  constructor(ctx, env) {
    Object.assign(this, { ctx, env });
  }

  async fetch(request) {
    // Not for ever: the platform ends requests of whom nothing can come any more.
    if (slow) await scheduler.wait(120_000);
    return passOn(this.ctx, this.env.DIRECTORIES, request);
  }
}

export class WatchedLedger {
  constructor(ctx, env) {
    Object.assign(this, { ctx, env });
  }

  async fetch(request) {
    seen.push(request.url);
    if (slow && this.ctx.id.name.endsWith(":stuck")) await scheduler.wait(120_000);
    return passOn(this.ctx, this.env.LEDGERS, request);
  }
}

export default {
  fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/slow") slow = true;
    if (pathname === "/quick") slow = false;
    return Response.json(seen);
  },
};
