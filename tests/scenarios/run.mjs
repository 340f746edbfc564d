// Runs the scenarios: transcripts of calls on the client and what each must answer.
//
// The same file runs on every runtime that the package supports, so it uses the language and
// nothing of any host. It knows nothing about credits; what must hold stands in the *.json files.
//
// A scenario is `{name, steps}`. A step is one call:
//
//   {"call": "consume", "args": ["$customer", 5], "result": {"balance": 95}}
//
//   as       which client calls: a name of `clients` (default "live"). A scenario that needs a
//            client which is null here (a binding knows no API keys) is skipped, and counted
//   args     may hold "$customer" (a customer of this scenario alone), "$key:NAME" (an idempotency
//            key of this scenario alone), "$NAME" (saved earlier), {"$js": NAME} (see VALUES)
//   on       something saved, which is called instead of a client
//   times    the call is made so often at once; `tally` counts the outcomes
//   collect  take so many items of the async iterator that the call returns
//   result   what it resolves to, at least: fields that are not named may hold anything
//   error    what it rejects with, at least; `name` is compared with the error's class
//   save     names for fields of the result, for later steps; "." is the result itself
//   within   milliseconds within which the call, repeated, resolves to `result`: for what is told late
//
// Inside `result` and `error`: {"$match": REGEXP}, {"$absent": true}, {"$length": N}, {"$has": ITEM} (of
// a list, one at least is like that), {"$last": ITEM}.

/** Values that JSON cannot hold. */
const VALUES = {
  NaN: NaN,
  Infinity: Infinity,
  "-Infinity": -Infinity,
  "-0": -0,
  "5n": 5n,
  undefined,
  "lone surrogate": "user_\ud800",
  "Number object": new Number(5),
  "object with valueOf": { valueOf: () => 5 },
};

/**
 * Runs every scenario and resolves to one report for each, in order.
 * @param {{scenarios: {name: string, steps: object[]}[], clients: Record<string, object>,
 *   unique: string}} world `unique` keeps two runs on one backend apart.
 * @returns {Promise<{name: string, steps: number, failure?: string, skipped?: boolean}[]>}
 */
export async function runScenarios({ scenarios, clients, unique }) {
  const reports = [];
  for (const [index, scenario] of scenarios.entries()) {
    const values = new Map([["$customer", `${unique}-${index}`]]);
    const name = scenario.name;
    let steps = 0;
    if (scenario.steps.some(({ as = "live" }) => clients[as] === null)) {
      reports.push({ name, steps, skipped: true });
      continue;
    }
    try {
      for (const step of scenario.steps) {
        await runStep(step, { clients, values, unique: `${unique}-${index}` });
        steps += 1;
      }
      reports.push({ name, steps });
    } catch (error) {
      const where = JSON.stringify(scenario.steps[steps]);
      reports.push({ name, steps, failure: `step ${steps + 1}, ${where}: ${error?.message}` });
    }
  }
  return reports;
}

async function runStep(step, { clients, values, unique }) {
  const client = step.on ? values.get(step.on) : clients[step.as ?? "live"];
  if (!client) throw new Error(`there is no client "${step.on ?? step.as}"`);
  const fill = (value) => substitute(value, values, unique);
  const call = async () => {
    const answer = client[step.call](...fill(step.args ?? []));
    return step.collect === undefined ? answer : take(answer, step.collect);
  };
  if (step.times !== undefined) {
    const outcomes = await Promise.allSettled(Array.from({ length: step.times }, call));
    const tally = {};
    for (const { status, reason } of outcomes) {
      const outcome = status === "fulfilled" ? "resolved" : reason.code;
      tally[outcome] = (tally[outcome] ?? 0) + 1;
    }
    return compare(tally, step.tally, "tally");
  }
  if (step.within !== undefined) return repeat(call, fill(step.result), step.within);
  const outcome = await settle(call);
  if ("error" in step) {
    if (!("error" in outcome)) throw new Error(`resolved to ${show(outcome.result)}`);
    return compare(outcome.error, fill(step.error), "error");
  }
  if ("error" in outcome) throw new Error(`rejected with ${show(outcome.error)}`);
  if ("result" in step) compare(outcome.result, fill(step.result), "result");
  for (const [name, field] of Object.entries(step.save ?? {})) {
    values.set(`$${name}`, field === "." ? outcome.result : outcome.result[field]);
  }
}

async function repeat(call, expected, limit) {
  for (const end = Date.now() + limit; ; await new Promise((done) => setTimeout(done, 20))) {
    try {
      return compare(await call(), expected, "result");
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

async function settle(call) {
  try {
    return { result: await call() };
  } catch (error) {
    return { error };
  }
}

async function take(iterable, count) {
  const items = [];
  for await (const item of iterable) {
    items.push(item);
    if (items.length === count) break;
  }
  return items;
}

function substitute(value, values, unique) {
  if (typeof value === "string") {
    if (value.startsWith("$key:")) return `${unique}-${value.slice("$key:".length)}`;
    if (!value.startsWith("$")) return value;
    if (!values.has(value)) throw new Error(`nothing was saved as ${value}`);
    return values.get(value);
  }
  if (Array.isArray(value)) return value.map((item) => substitute(item, values, unique));
  if (value === null || typeof value !== "object") return value;
  if ("$js" in value) return VALUES[value.$js];
  // Not by assignment: a scenario may name a field "__proto__".
  const filled = ([key, item]) => [key, substitute(item, values, unique)];
  return Object.fromEntries(Object.entries(value).map(filled));
}

/** Throws unless `actual` holds at least what `expected` says. */
function compare(actual, expected, path) {
  const refuse = (wanted) => {
    throw new Error(`${path} is ${show(actual)}, expected ${wanted}`);
  };
  if (expected === null || typeof expected !== "object") {
    if (!Object.is(actual, expected)) refuse(show(expected));
    return;
  }
  if ("$match" in expected) {
    const matches = typeof actual === "string" && new RegExp(expected.$match, "u").test(actual);
    return matches || refuse(`text like ${expected.$match}`);
  }
  if ("$absent" in expected) return actual === undefined || refuse("nothing");
  if ("$length" in expected) return actual?.length === expected.$length || refuse(show(expected));
  if ("$last" in expected) return compare(actual?.at?.(-1), expected.$last, `${path}.at(-1)`);
  if ("$has" in expected) {
    const like = (item) => {
      try {
        compare(item, expected.$has, path);
        return true;
      } catch {
        return false;
      }
    };
    return (Array.isArray(actual) && actual.some(like)) || refuse(`a list with ${show(expected.$has)}`);
  }
  if (actual === null || typeof actual !== "object") refuse(show(expected));
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual) || actual.length !== expected.length) refuse(show(expected));
  }
  for (const key of Object.keys(expected)) {
    // A field called "toString" or "__proto__" must be data, not what every object inherits.
    const inherited = key in Object.prototype && !Object.hasOwn(actual, key);
    compare(inherited ? undefined : actual[key], expected[key], `${path}.${key}`);
  }
}

function show(value) {
  if (value instanceof Error) {
    const { name, code, effect, message } = value;
    return `${name} ${JSON.stringify({ code, effect, message })}`;
  }
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
