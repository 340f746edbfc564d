// The snippets as a module for any runtime, with the changes that moving over takes: the import line, and
// where the backend is; and what the README leaves out, `…`, filled in.

const IMPORT = /^import \{[^}]*\} from "@clocknext\/sdk";\n/;
const CLIENT = `const cnk = new ClockNext({ apiKey });\n`;
const SIGNAL = `{ customerId, model: "llama-3.3-70b-versatile", key: "api_credit", tokens: { input: 1200, output: 340 } }`;

export function moduleOf(snippets) {
  const functions = snippets.map(
    (snippet) => `${JSON.stringify(snippet.name)}: ${functionOf(snippet)}`,
  );
  return `import { AllowanceError, AuthError, ClockNext, RateLimitError } from 'edge-credits/clocknext';

const snippets = {
${functions.join(",\n")}
};

/** Runs one, as if it were alone, and closes its client. */
export async function run({ name, url, apiKey, customerId }) {
  const logged = [];
  const console = { log: (...words) => logged.push(words.map((word) => JSON.stringify(word)).join(" ")) };
  const env = { CLOCKNEXT_API_KEY: apiKey };
  const { cnk, ...returned } = await snippets[name]({ url, console, logged, customerId, apiKey, process: { env } });
  await cnk.close();
  return returned;
}
`;
}

function functionOf({ code, returns, before = "" }) {
  const own = code
    .replace(IMPORT, "")
    .replace("process.env.CLOCKNEXT_API_KEY!", "process.env.CLOCKNEXT_API_KEY");
  const made = own.startsWith("new ClockNext") ? `const cnk = ${own}` : own;
  const whole = /new ClockNext/.test(made) ? made : CLIENT + before + made;
  const placed = whole
    .replace('baseUrl: "https://app.clocknext.com"', "baseUrl: url")
    .replace('apiKey: "cnk_…"', "apiKey")
    .replace(/new ClockNext\(\{ (apiKey[^,}]*?)(,| \})/, "new ClockNext({ baseUrl: url, $1$2");
  const filled = (text) => text.replaceAll("{ … }", SIGNAL);
  return `async ({ url, console, logged, customerId, apiKey, process }) => {
${filled(placed)}
return { cnk, ${filled(returns)} };
}`;
}
