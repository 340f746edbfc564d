// The operator's view of one customer's outbox.

/** What of it is open: neither applied nor refused for good. */
const OPEN = ["pending", "in_flight"];

/** @returns {Promise<{counts: Record<string, number>, open: number}>} */
export async function operatorOf({ port, key }, customer) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/customers/${customer}/outbox`, {
    headers: { authorization: `Bearer ${key}` },
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`the outbox's view: ${response.status} ${text}`);
  const { counts } = JSON.parse(text);
  return { counts, open: OPEN.reduce((sum, state) => sum + counts[state], 0) };
}
