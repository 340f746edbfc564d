// All customers, as an owner's script goes through them: by the client's `iterate`.

import { ClockNext } from "../../../pkg/js/clocknext.js";

/** @returns {Promise<{ids: Set<string>, pages: number[]}>} who came, and the milliseconds of each page, in order */
export async function walkCustomers(baseUrl, apiKey) {
  const begins = [];
  const fetcher = {
    fetch: (...call) => {
      begins.push(performance.now());
      return fetch(...call);
    },
  };
  const cnk = new ClockNext({ apiKey, baseUrl, fetcher });
  const ids = new Set();
  for await (const { id } of cnk.customers.iterate()) ids.add(id);
  const ends = [...begins.slice(1), performance.now()];
  return { ids, pages: begins.map((begin, index) => ends[index] - begin) };
}

export const median = (times) => [...times].sort((a, b) => a - b)[Math.floor(times.length / 2)];
