// The calls that are measured, as the bytes that go over the wire. Every contestant gets the same
// bytes; the floor reads of them what it needs.

import { randomUUID } from "node:crypto";

/** What each call is, by the client's method names. */
export const CALLS = {
  getBalance,
  consume: (customer, key) => consume(customer, key, ""),
  consumeOrFail: (customer, key) => consume(customer, key, `,"on_insufficient":"reject"`),
};

export function getBalance(customer, key) {
  return get(`/v1/customers/${customer}/balance`, key);
}

function consume(customer, key, rest) {
  // A key of its own for each charge, as the client makes them.
  const body = `{"amount":1,"idempotency_key":"${randomUUID()}"${rest}}`;
  return post(`/v1/customers/${customer}/consume`, key, body);
}

/** A grant of so many credits. */
export function grant(customer, key, amount) {
  const body = `{"amount":${amount},"type":"topup","idempotency_key":"${randomUUID()}"}`;
  return post(`/v1/customers/${customer}/add`, key, body);
}

export function get(path, key) {
  return `GET ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${key}\r\n\r\n`;
}

function post(path, key, body) {
  return (
    `POST ${path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer ${key}\r\n` +
    `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

/** The customers of a run: one that is hot, or many. */
export function customers(count) {
  if (count === 1) return ["hot"];
  return Array.from({ length: count }, (_, index) => `cus_${index}`);
}
