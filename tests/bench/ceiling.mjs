// How much load the generator can make: a figure near it would say more about the generator than
// about what is measured.

import { startPlain } from "./contestants.mjs";
import { fixed, median, table } from "./figures.mjs";

export async function ceiling({ load, plan, say }) {
  const plain = await startPlain();
  const rows = [["clients", "req/s", "p50 ms", "p99 ms", "generator's core"]];
  try {
    for (const clients of plan.clients) {
      const results = [];
      for (let round = 0; round < plan.rounds; round += 1) {
        const { port, key } = plain;
        const job = { call: "consume", customers: 1, clients, seconds: plan.seconds, port, key };
        results.push(await load.run(job));
      }
      const of = (figure) => median(results.map(figure));
      rows.push([
        `${clients}`,
        fixed(of(({ count, seconds }) => count / seconds), 0),
        fixed(of(({ p50 }) => p50), 2),
        fixed(of(({ p99 }) => p99), 2),
        `${fixed(of(({ generator }) => generator) * 100, 0)} %`,
      ]);
    }
  } finally {
    await plain.stop();
  }
  say('\nthe load generator\'s ceiling, against `return new Response("ok")`');
  for (const line of table(rows)) say(line);
}
