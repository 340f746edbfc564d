// The snippets as a module for any runtime, with the two changes that moving over takes: the import
// line, and where the backend is.

const IMPORT = /^import \{[^}]*\} from '@credit-engine\/sdk';\n/;
const CLIENT = `const ce = new CreditEngine({ apiKey: 'ce_live_xxx' });\n`;

/** @param {{name: string, code: string, returns: string, sandbox?: boolean}[]} snippets */
export function moduleOf(snippets) {
  const functions = snippets.map(
    (snippet) => `${JSON.stringify(snippet.name)}: ${functionOf(snippet)}`,
  );
  return `import {
  CreditEngine, CreditEngineError, InsufficientCreditsError, RateLimitError, AuthenticationError,
} from 'edge-credits/credit-engine';

const snippets = {
${functions.join(",\n")}
};

export const methods = Object.getOwnPropertyNames(CreditEngine.prototype);

/** Runs one, as if it were alone, and waits for what its client has in hand. */
export async function run({ name, url }) {
  const logged = [];
  const console = { log: (...words) => logged.push(words.join(" ")) };
  const given = { url, console, logged, log: console.log, userId: 7, actionId: 9 };
  const { ce, ...returned } = await snippets[name](given);
  await ce.destroy();
  return returned;
}
`;
}

function functionOf({ code, returns, sandbox }) {
  const own = code.replace(IMPORT, "");
  let whole = /new CreditEngine/.test(own) ? own : CLIENT + own;
  if (sandbox) whole = whole.replace("ce_live_xxx", "ce_test_xxx");
  const placed = /baseUrl/.test(whole)
    ? whole.replace("baseUrl: 'https://...'", "baseUrl: url")
    : whole.replace(/apiKey: '(\w+)'/, "apiKey: '$1', baseUrl: url");
  return `async ({ url, console, logged, log, userId, actionId }) => {
${placed}
return { ce, ${returns} };
}`;
}
