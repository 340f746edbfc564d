// Recorded model requests, as messages of customers.

import { readFile } from "node:fs/promises";

import { inputCost, outputCost } from "./books.mjs";

const COLUMNS = "arrived_at,num_prefill_tokens,num_decode_tokens";
const CUSTOMERS = 50;
/**
 * Every so many messages is sent twice, and every so many meets a model that fails. Both share no
 * factor with the number of customers, so that every customer gets its share.
 */
const TWICE_EVERY = 21;
const FAIL_EVERY = 97;

/**
 * Reads a trace, in its order; the times are not kept, it is replayed as fast as it goes.
 * @returns {Promise<{customer: string, id: string, input: number, output: number, fails: boolean,
 *   copies: number}[]>}
 */
export async function readTrace(file) {
  const [header, ...lines] = (await readFile(file, "utf8")).trim().split(/\r?\n/);
  if (header !== COLUMNS) throw new Error(`${file} must have the columns ${COLUMNS}`);
  return lines.map((line, index) => {
    const [, input, output] = line.split(",").map(Number);
    // A prompt of one token has no room for what the stand-in model is to do.
    if (!(Number.isInteger(input) && input > 1 && Number.isInteger(output) && output > 0)) {
      throw new Error(`${file}, line ${index + 2} is not a request: ${line}`);
    }
    return {
      customer: `customer-${index % CUSTOMERS}`,
      id: `message-${index}`,
      input,
      output,
      fails: index % FAIL_EVERY === FAIL_EVERY - 1,
      copies: index % TWICE_EVERY === TWICE_EVERY - 1 ? 2 : 1,
    };
  });
}

/** What each customer's messages will cost when all of them are answered, in minor units. */
export function needs(messages) {
  const needs = new Map();
  for (const message of messages) {
    const cost = message.fails ? 0 : inputCost(message) + outputCost(message);
    needs.set(message.customer, (needs.get(message.customer) ?? 0) + cost);
  }
  return needs;
}
