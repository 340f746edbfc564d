// What the client has to know of its host to choose a mode: is this the edge, or a platform whose
// processes end at will? Looked up when a client is made, never at import; the core decides.

// Set by platforms whose processes end, or are frozen, once a response has been sent.
const VARIABLES = [
  "VERCEL",
  "AWS_LAMBDA_FUNCTION_NAME",
  "NETLIFY",
  "CLOUDFLARE_WORKER",
  "DENO_DEPLOYMENT_ID",
];

export function hostFacts() {
  const edgeHost = isEdge();
  // An edge host has the answer already, and some refuse to be asked for the environment.
  const platformVariable = edgeHost ? undefined : VARIABLES.find(isSet);
  return { edgeHost, platformVariable };
}

function isEdge() {
  const { navigator, EdgeRuntime, Netlify } = globalThis;
  // `EdgeRuntime` is a string on Vercel and an object on Supabase; `navigator` is missing in Node 20.
  return (
    navigator?.userAgent === "Cloudflare-Workers" ||
    EdgeRuntime !== undefined ||
    Netlify !== undefined
  );
}

// A page: whoever visits it can read what is in it.
export function isBrowser() {
  const { window, document } = globalThis;
  return window === globalThis && typeof document === "object";
}

function isSet(name) {
  try {
    const { Deno, process } = globalThis;
    if (Deno === undefined) return Boolean(process?.env?.[name]);
    // Asked first: reading without the permission throws, or asks whoever sits at the terminal.
    // Where nobody can be asked, as on some of Deno's platforms, reading throws at worst.
    const query = { name: "env", variable: name };
    const state = Deno.permissions?.querySync?.(query).state ?? "granted";
    return state === "granted" && Boolean(Deno.env.get(name));
  } catch {
    return false;
  }
}
