// A client with a ledger of the tests' own, and responses whose chunks come when they are asked for.

import assert from "node:assert/strict";

import { client } from "../facade/scripted.mjs";
import { Books } from "./books.mjs";
import { PRESUMED_INPUT } from "./fixtures.mjs";

/** A credit for each token, so that credits can be read as tokens. */
export const PRICE = { input: 1e6, output: 1e6 };

/** What a provider sends, chunk by chunk; `cut` breaks it off before that chunk. */
export function body(chunks, { cut, pulled = { count: 0 }, cancelled = {} } = {}) {
  let at = 0;
  const pull = (controller) => {
    pulled.count += 1;
    if (at === cut) return controller.error(new TypeError("the connection broke"));
    if (at === chunks.length) return controller.close();
    controller.enqueue(chunks[at]);
    at += 1;
  };
  const cancel = (reason) => void Object.assign(cancelled, { reason, at });
  return new ReadableStream({ pull, cancel }, { highWaterMark: 0 });
}

export function setUp({ balance = 1e6, options = {}, config = {} } = {}) {
  const books = new Books(balance);
  const settled = [];
  const ce = client(books.fetcher, config);
  const meter = (source, rest = {}) =>
    ce.meterStream(source, {
      customerId: "c",
      price: PRICE,
      hold: 10_000,
      inputTokens: PRESUMED_INPUT,
      onSettled: (settlement) => settled.push(settlement),
      ...options,
      ...rest,
    });
  return { books, ce, meter, settled };
}

export const streamed = (chunks, rest = {}, type = "text/event-stream") =>
  new Response(body(chunks, rest), { headers: { "content-type": type } });
export const sum = (tokens) => Object.values(tokens).reduce((total, count) => total + count, 0);
export const settledOf = async ({ settled, ce }) => {
  await ce.flush();
  assert.equal(settled.length, 1, "it is settled once");
  return settled[0];
};
