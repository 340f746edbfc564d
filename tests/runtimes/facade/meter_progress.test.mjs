// How far the ledger may be behind a metered stream: no part of it is passed on that is more than a step
// ahead of what the ledger has acknowledged, and a ledger that does not answer stops nobody.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { setUp, settledOf, streamed } from "../streams/world.mjs";

const text = (count) => {
  const chunk = { choices: [{ delta: { content: "four".repeat(count) } }] };
  return new TextEncoder().encode(`data: ${JSON.stringify(chunk)}\n\n`);
};
/** Long enough for everything that waits for no timer. */
const turn = async () => {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((done) => setImmediate(done));
};
/** Reads until nothing comes. Gives what came. */
async function readOn(reader, read = []) {
  let isOpen = true;
  while (isOpen) {
    const next = reader.read().then(({ done, value }) => {
      isOpen = !done;
      if (!done) read.push(value);
      return true;
    });
    if (!(await Promise.race([next, turn()]))) return { read, next };
  }
  return { read, next: null };
}
const told = (world) => world.books.calls.filter(([what]) => what === "progress").map(([, { used }]) => used);
/** Reports are not answered until `answer` is called, and again from then on. */
function gate(world) {
  let answer;
  world.books.gates.progress = new Promise((resolve) => (answer = resolve));
  return () => {
    delete world.books.gates.progress;
    answer();
  };
}

describe("a ledger that is slow to hear of it", () => {
  test("is a step behind what is passed on, and no more", async () => {
    const world = setUp({ options: { progressEvery: 100 } });
    const chunks = Array.from({ length: 20 }, () => text(20));
    const response = await world.meter(streamed(chunks));
    const answer = gate(world);
    const reader = response.body.getReader();
    const { read, next } = await readOn(reader);
    assert.deepEqual(told(world), [11, 70], "a report is on its way");
    assert.equal(read.length, 5, "111 used with the fifth, and 11 acknowledged");
    answer();
    await next;
    await readOn(reader);
    assert.equal((await settledOf(world)).used, 10 + 400);
  });

  test("passes on a part that is more than a step, behind what it has heard of", async () => {
    const world = setUp({ options: { progressEvery: 100 } });
    const response = await world.meter(streamed([text(500), text(500)]));
    const answer = gate(world);
    const reader = response.body.getReader();
    const { read, next } = await readOn(reader);
    assert.deepEqual([read.length, told(world)], [1, [11, 510]]);
    answer();
    await next;
    await reader.cancel();
  });

  test("gets what came together part by part, byte for byte, and event by event", async () => {
    for (const [type, parts, ends] of [
      ["text/event-stream", Array.from({ length: 20 }, () => text(20)), /\n\n$/],
      ["application/x-ndjson", Array.from({ length: 20 }, () => text(20).slice(6, -1)), /[^\n]\n$/],
    ]) {
      const world = setUp({ options: { progressEvery: 100 } });
      const bytes = Buffer.concat(parts);
      const response = await world.meter(streamed([new Uint8Array(bytes)], {}, type));
      const answer = gate(world);
      const reader = response.body.getReader();
      const { read, next } = await readOn(reader);
      const first = Buffer.concat(read);
      assert.ok(first.length > 0 && first.length <= parts[0].length * 5, `${first.length} bytes: a step`);
      for (const part of read) assert.match(Buffer.from(part).toString(), ends);
      answer();
      await next;
      await readOn(reader, read);
      assert.deepEqual(Buffer.concat(read), bytes);
      assert.equal((await settledOf(world)).used, 410);
    }
  });

  test("holds nobody up who hangs up", async () => {
    const world = setUp({ options: { progressEvery: 100 } });
    const cancelled = {};
    const response = await world.meter(streamed([text(500), text(500)], { cancelled }));
    gate(world);
    const reader = response.body.getReader();
    await readOn(reader);
    await reader.cancel("enough");
    assert.deepEqual(cancelled, { reason: "enough", at: 2 });
    assert.deepEqual(await settledOf(world).then(({ reason, used }) => [reason, used]), ["cancelled", 1010]);
  });

  test("is waited for some seconds, once, and told of", async (t) => {
    const errors = [];
    const world = setUp({ options: { progressEvery: 100 }, config: { onError: (error) => errors.push(error) } });
    const response = await world.meter(streamed(Array.from({ length: 8 }, () => text(100))));
    const answer = gate(world);
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const reader = response.body.getReader();
    const { read, next } = await readOn(reader);
    assert.equal(read.length, 1);
    t.mock.timers.tick(2900);
    assert.equal(await Promise.race([next, turn()]), undefined);
    assert.deepEqual(errors, []);
    t.mock.timers.tick(200);
    await next;
    assert.equal((await readOn(reader)).next, null, "the rest of it waits for nothing");
    const [{ code, details }] = errors;
    assert.deepEqual([code, errors.length], ["progress_unacknowledged", 1]);
    assert.deepEqual([details.customer_id, details.used], ["c", 210]);
    answer();
    t.mock.timers.reset();
    assert.equal((await settledOf(world)).used, 810, "and all of it is charged");
  });

  test("is waited for again when it has answered again", async () => {
    const errors = [];
    const config = { maxRetries: 0, onError: (error) => errors.push(error) };
    const world = setUp({ options: { progressEvery: 100 }, config });
    const chunks = Array.from({ length: 9 }, () => text(100));
    const response = await world.meter(streamed(chunks));
    world.books.refusals.progress = [new TypeError("away"), new TypeError("away")];
    const reader = response.body.getReader();
    for (let read = 0; read < 4; read += 1) {
      await reader.read();
      await turn();
    }
    assert.deepEqual(errors.map(({ code, cause }) => [code, cause.code]), [["progress_unacknowledged", "network_error"]]);
    const answer = gate(world);
    assert.equal((await readOn(reader)).read.length, 1);
    answer();
    await turn();
    await reader.cancel();
  });
});

describe("a pause", () => {
  const paused = async (t, end) => {
    const world = setUp();
    t.mock.timers.enable({ apis: ["setTimeout"] });
    await end(world);
    for (let seconds = 0; seconds < 2; seconds += 1) {
      await turn();
      t.mock.timers.tick(1000);
    }
    await turn();
    return world;
  };

  test("of who reads: the ledger is told of all that was passed on", async (t) => {
    const world = await paused(t, async ({ meter }) => {
      const reader = (await meter(streamed([text(7), text(8)]))).body.getReader();
      await reader.read();
    });
    assert.deepEqual(told(world), [11, 17]);
    t.mock.timers.tick(10_000);
    await turn();
    assert.deepEqual(told(world), [11, 17], "once");
  });

  test("of the provider: likewise", async (t) => {
    const never = new ReadableStream({
      start: (controller) => controller.enqueue(text(7)),
    });
    const world = await paused(t, async ({ meter }) => {
      const headers = { "content-type": "text/event-stream" };
      const reader = (await meter(new Response(never, { headers }))).body.getReader();
      await reader.read();
      reader.read();
    });
    assert.deepEqual(told(world), [11, 17]);
    world.books.expire();
    assert.equal(world.books.taken, 17, "and the hold's expiry takes just that");
  });

  test("of a meter that is fed by hand", async (t) => {
    const world = await paused(t, async ({ ce }) => {
      const meter = await ce.meter({ customerId: "c", price: { input: 1e6, output: 1e6 }, hold: 1000 });
      await meter.begin();
      meter.add({ input: 40, output: 2 });
    });
    assert.deepEqual(told(world), [1, 42]);
  });

  test("leaves no timer behind the end", async (t) => {
    const world = await paused(t, async ({ meter }) => (await meter(streamed([text(7)]))).text());
    assert.deepEqual(told(world), [11]);
    assert.equal((await settledOf(world)).used, 17);
  });
});

test("a body that nobody reads is settled by what was told before", async () => {
  const world = setUp();
  await world.meter(streamed([text(1)]));
  world.books.expire();
  assert.equal(world.books.taken, 11);
});
