// What a customer's recent calls have cost, so that a hold can be sized by them. Of this isolate alone:
// what it has forgotten, or another has seen, costs nothing but a hold that is larger than it need be.

/** Calls that are remembered of one customer at one price. */
const MAX_CALLS = 16;
/** Customers and prices; the one that has been away longest is forgotten first. */
const MAX_NAMES = 1000;

const calls = new Map();

/** The costs, in minor units. */
export function recentCosts(name) {
  return calls.get(name) ?? [];
}

export function rememberCost(name, cost) {
  const known = calls.get(name) ?? [];
  calls.delete(name);
  calls.set(name, [...known, cost].slice(-MAX_CALLS));
  if (calls.size > MAX_NAMES) calls.delete(calls.keys().next().value);
}
