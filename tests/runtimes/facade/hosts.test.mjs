// What a host may answer that is no answer of the API, and the ledger's own binding as a host.

import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { charged, client, inVirtualTime, json, namespace, rejection, scripted } from "./scripted.mjs";

describe("answers that are none", () => {
  const stream = (chunk) => ({
    start: (controller) => (controller.enqueue(chunk), controller.close()),
  });
  const answers = {
    "a redirect": () =>
      new Response(null, { status: 302, headers: { location: "https://x.example" } }),
    HTML: () => new Response("<html>hello</html>"),
    "an empty body": () => new Response(null, { status: 204 }),
    "an array": () => json(200, []),
    "half an object": () => new Response('{"balance":1'),
    "bytes that are no text": () => new Response(new Uint8Array([0x7b, 0xff, 0x7d])),
    "more than 4 MB": () => new Response(`{"a":"${"x".repeat(4_200_000)}"}`),
    "status 0, as browsers hide redirects": () => ({
      status: 0,
      headers: new Headers(),
      body: null,
    }),
  };
  for (const [name, answer] of Object.entries(answers)) {
    test(`${name}: protocol_error, effect unknown, no retry`, async () => {
      const fetcher = scripted(answer);
      const error = await rejection(client(fetcher).consume("cus_1", 5));
      assert.deepEqual(
        [error.code, error.effect, error.attempts],
        ["protocol_error", "unknown", 1],
      );
    });
  }

  const hostile = {
    "no response at all": () => undefined,
    "a response without headers": () => ({ status: 200, body: null }),
    "a status that throws": () =>
      Object.defineProperty(new Response("{}"), "status", {
        get() {
          throw new Error("gotcha");
        },
      }),
    "a body that is text": () => ({ status: 200, headers: new Headers(), body: "{}" }),
    "a body of strings": () => new Response(new ReadableStream(stream("x"))),
    "a body that breaks": () =>
      new Response(
        new ReadableStream({
          start: (controller) => controller.error(new Error("reset")),
        }),
      ),
    "a body that is being read": () => {
      const response = new Response("{}");
      response.body.getReader();
      return response;
    },
  };
  for (const [name, answer] of Object.entries(hostile)) {
    test(`${name}: network_error with its cause`, async () => {
      const options = { maxRetries: 0 };
      const error = await rejection(client(scripted(answer), options).consume("cus_1", 5));
      assert.deepEqual([error.code, error.effect], ["network_error", "unknown"]);
      assert.ok(error.cause instanceof Error, `${error.cause}`);
    });
  }

  test("a fetch that throws at once, or answers without a promise", async () => {
    const thrower = {
      fetch() {
        throw new Error("sync");
      },
    };
    const error = await rejection(client(thrower, { maxRetries: 0 }).consume("cus_1", 5));
    assert.deepEqual([error.code, error.cause.message], ["network_error", "sync"]);
    const plain = { fetch: () => charged() };
    assert.equal((await client(plain).consume("cus_1", 5)).balance, 95);
  });
});

describe("through the ledger's own binding", () => {
  test("the customer's object is named, no API key is sent, the environment is", async () => {
    const { objects: ledger, seen } = namespace(charged());
    await client(undefined, { apiKey: undefined, ledger, environment: "test" }).consume("cus:1", 5);
    assert.deepEqual(seen.names, ["4:test5:cus:1"]);
    const { headers, url } = seen.calls[0];
    assert.equal(new URL(url).pathname, "/v1/customers/cus%3A1/consume");
    assert.deepEqual(
      [headers.authorization, headers["x-edge-credits-environment"]],
      [undefined, "test"],
    );
  });

  test("every attempt has a stub of its own", async (t) => {
    const retryable = Object.assign(new Error("reset"), { retryable: true });
    const { objects: ledger, seen } = namespace(retryable, charged());
    const start = () => client(undefined, { apiKey: undefined, ledger }).consume("c", 5);
    assert.equal((await inVirtualTime(t, start)).balance, 95);
    assert.deepEqual([seen.stubs, seen.names[0]], [2, "4:live1:c"]);
    assert.equal(seen.calls[0].body, seen.calls[1].body);
  });

  test("an object that is overloaded is left alone", async () => {
    const overloaded = Object.assign(new Error("too many"), { overloaded: true, retryable: true });
    const { objects: ledger, seen } = namespace(overloaded);
    const error = await rejection(client(undefined, { apiKey: undefined, ledger }).consume("c", 5));
    assert.deepEqual([error.code, error.attempts, seen.calls.length], ["overloaded", 1, 1]);
    assert.equal(error.cause, overloaded);
  });
});
