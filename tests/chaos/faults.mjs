// What may become of one exchange. Each fault takes the exchange and resolves to whether it was
// done: one that has nothing to work on (a body to spoil) leaves the exchange untouched.
//
// Spoiled bytes never read as another valid message: no checksum above TCP would notice a changed
// digit, and no protocol without one survives it.

import { pause } from "./random.mjs";

const SHORTEST_DELAY_MS = 10;
const LONGEST_DELAY_MS = 500;
/** How much later a stray copy of a request may arrive. */
const LATEST_COPY_MS = 2_000;
const PIECES = 5;
const HTML = Buffer.from("<html><body><h1>Bad gateway</h1></body></html>");

export const FAULTS = {
  /** Both ways are slow. */
  delay: async ({ random, pass, body, response }) => {
    await pause(random.between(SHORTEST_DELAY_MS, LONGEST_DELAY_MS));
    const reply = await pass(body);
    await pause(random.between(SHORTEST_DELAY_MS, LONGEST_DELAY_MS));
    answer(response, reply);
    return true;
  },

  /** The connection breaks before anything was passed on. */
  refuse: async ({ response }) => {
    reset(response);
    return true;
  },

  /** The connection breaks when all of the request, and nothing of the answer, has passed. */
  "cut after the request": async ({ pass, loose, body, response }) => {
    const passed = pass(body);
    loose(passed);
    await passed.sent;
    reset(response);
    return true;
  },

  /** The connection breaks in the middle of the answer. */
  "cut after the headers": async ({ random, pass, body, response }) => {
    const reply = await pass(body);
    response.writeHead(reply.status, { ...reply.headers, "content-length": reply.body.length });
    response.flushHeaders();
    const part = reply.body.subarray(0, random.between(0, reply.body.length - 1));
    if (part.length > 0) response.write(part);
    await pause(random.between(1, 20));
    reset(response);
    return true;
  },

  /** The request arrives twice: the second copy at once, or long after the answer. */
  duplicate: async ({ random, pass, loose, body, response, lateCopies }) => {
    const first = await pass(body);
    if (lateCopies && random.chance(0.5)) {
      answer(response, first);
      loose(pause(random.between(50, LATEST_COPY_MS)).then(() => pass(body)));
    } else {
      // The later answer is the one that says how things stand.
      answer(response, await pass(body));
    }
    return true;
  },

  "corrupt request": async ({ random, pass, body, response }) => {
    if (body.length === 0) return false;
    answer(response, await pass(spoil(body, random)));
    return true;
  },

  "corrupt answer": async ({ random, pass, body, response }) => {
    const reply = await pass(body);
    answer(response, { ...reply, body: random.chance(0.2) ? HTML : spoil(reply.body, random) });
    return true;
  },

  /** No answer ever, on a connection that looks alive; the request may have passed. */
  "half-open": async ({ random, pass, loose, hold, body }) => {
    if (random.chance(0.5)) loose(pass(body));
    hold();
    return true;
  },

  /** A gateway's own words, before or after it has passed the request on. */
  gateway: async ({ random, pass, loose, body, response }) => {
    if (random.chance(0.5)) await loose(pass(body));
    const status = random.pick([429, 500, 502, 503, 504, 520]);
    const headers = { "content-type": "text/html" };
    if (random.chance(0.5)) headers["retry-after"] = "1";
    answer(response, { status, headers, body: HTML });
    return true;
  },

  /** The answer comes in drops. */
  trickle: async ({ random, pass, body, response }) => {
    const reply = await pass(body);
    response.writeHead(reply.status, { ...reply.headers, "content-length": reply.body.length });
    const size = Math.ceil(reply.body.length / PIECES);
    for (let start = 0; start < reply.body.length; start += size) {
      response.write(reply.body.subarray(start, start + size));
      await pause(random.between(1, 40));
    }
    response.end();
    return true;
  },
};

export const KINDS = Object.keys(FAULTS);

/** The same number of bytes, or fewer, that are no JSON. */
function spoil(body, random) {
  if (random.chance(0.5)) return body.subarray(0, random.between(0, body.length - 1));
  const spoiled = Buffer.from(body);
  spoiled[0] = 0x23;
  return spoiled;
}

/** Hands an answer to the caller as it is. */
export function answer(response, { status, headers, body }) {
  response.writeHead(status, { ...headers, "content-length": body.length });
  response.end(body);
}

/** Breaks the caller's connection. */
export function reset(response) {
  response.socket?.resetAndDestroy();
}
