// What an object of a provider's answer says of tokens: the numbers of its usage, under whatever names
// the provider has for them, and how much text it brings.
//
// Only reads. What the numbers come to, which of them contain which, is the core's to say.

/** How deep text may lie: `choices[].delta.tool_calls[].function.arguments` is six. */
const MAX_DEPTH = 8;
/** Members whose strings are what the model has put out. */
const OUTPUT = new Set(["content", "text", "refusal", "arguments", "name", "partial_json", "args", "response"]);
/** Those that are its thinking. */
const REASONING = new Set(["thinking", "reasoning", "reasoning_content"]);
/** Events of the Responses API that bring text; sound comes by such events, too. */
const TEXT_EVENT = /(text|arguments|refusal|transcript|code|input)\.delta$/;
/** What is too long for a word is a file, or a signature. */
const FILE = /^(data:[^,\s]*,)?[\w+/=-]{100,}$/;
/** Members that may lead to such. */
const WITHIN = new Set([
  "choices", "delta", "message", "candidates", "parts", "tool_calls", "function", "functionCall",
  "output", "summary", "result",
]);

/**
 * The usage of the whole call so far, as the core reads it: input, cache read, cache write, output,
 * reasoning, total, cache beside the input, reasoning beside the output; NaN is not told. Null where
 * the object has none.
 */
export function usageIn(object) {
  const { usage, message, response, usageMetadata, result, x_groq: groq } = object;
  const found = [
    usage,
    usageMetadata,
    message?.usage,
    response?.usage,
    response?.usageMetadata,
    groq?.usage,
    result?.usage,
    object,
  ].find(hasCounts);
  return found === undefined ? null : countsOf(found);
}

function hasCounts(usage) {
  if (usage === null || typeof usage !== "object") return false;
  const names = ["prompt_tokens", "input_tokens", "output_tokens", "promptTokenCount", "eval_count"];
  return names.some((name) => isCount(usage[name]));
}

function countsOf(usage) {
  const inputDetails = usage.prompt_tokens_details ?? usage.input_tokens_details;
  const outputDetails = usage.completion_tokens_details ?? usage.output_tokens_details;
  const {
    prompt_tokens: prompt,
    input_tokens: input,
    promptTokenCount,
    toolUsePromptTokenCount: toolUse,
  } = usage;
  const googleInput = isCount(promptTokenCount) ? promptTokenCount + (toolUse || 0) : undefined;
  // Anthropic's input is what the cache did not have. Gateways that translate its names keep the other
  // meaning where they say `prompt_tokens`.
  const ownNames = [input, usage.cache_read_input_tokens, usage.cache_creation_input_tokens];
  const isBeside = ownNames.some(isCount) && !isCount(prompt) && inputDetails === undefined;
  return [
    first(prompt, input, googleInput, usage.prompt_eval_count),
    first(
      inputDetails?.cached_tokens,
      usage.cache_read_input_tokens,
      usage.prompt_cache_hit_tokens,
      usage.cachedContentTokenCount,
    ),
    first(inputDetails?.cache_write_tokens, usage.cache_creation_input_tokens),
    first(usage.completion_tokens, usage.output_tokens, usage.candidatesTokenCount, usage.eval_count),
    first(outputDetails?.reasoning_tokens, usage.thoughtsTokenCount),
    first(usage.total_tokens, usage.totalTokenCount),
    Number(isBeside),
    Number(isCount(usage.thoughtsTokenCount)),
  ];
}

function first(...counts) {
  return counts.find(isCount) ?? NaN;
}

function isCount(value) {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Bytes of text that the object brings: `{output, reasoning}`. */
export function textIn(object) {
  const found = { output: 0, reasoning: 0 };
  const { type, delta } = object;
  if (typeof type === "string" && type.startsWith("response.")) {
    // The Responses API tells everything again when a part is done.
    if (typeof delta === "string" && TEXT_EVENT.test(type)) {
      found[type.startsWith("response.reasoning") ? "reasoning" : "output"] = byteLength(delta);
    }
  } else if (typeof delta === "string") {
    found[String(type).startsWith("reasoning") ? "reasoning" : "output"] = byteLength(delta);
  } else {
    walk(object, found, "output", MAX_DEPTH);
  }
  return found;
}

function walk(value, found, kind, depth) {
  if (value === null || typeof value !== "object" || depth === 0) return;
  if (Array.isArray(value)) {
    for (const item of value) walk(item, found, kind, depth - 1);
    return;
  }
  // Google marks a part as thought.
  const own = value.thought === true ? "reasoning" : kind;
  let hasReasoning = false;
  for (const [name, member] of Object.entries(value)) {
    const isReasoning = REASONING.has(name) && typeof member === "string";
    // Some say it twice, under both names.
    if (isReasoning && hasReasoning) continue;
    hasReasoning ||= isReasoning && member !== "";
    if (isReasoning || OUTPUT.has(name)) {
      if (typeof member === "string") found[isReasoning ? "reasoning" : own] += byteLength(member);
      else if (name === "args") found[own] += byteLength(JSON.stringify(member));
      else walk(member, found, own, depth - 1);
    } else if (WITHIN.has(name) && !(name === "message" && "delta" in value)) {
      // Some repeat all of the message beside each delta.
      walk(member, found, own, depth - 1);
    }
  }
}

/** Bytes of all text of an object whose shape nobody knows, files left out. */
export function anyTextIn(value, depth = MAX_DEPTH) {
  if (typeof value === "string") return FILE.test(value) ? 0 : byteLength(value);
  if (value === null || typeof value !== "object" || depth === 0) return 0;
  return Object.values(value).reduce((sum, member) => sum + anyTextIn(member, depth - 1), 0);
}

/** How many bytes a text has in UTF-8. */
export function byteLength(text) {
  let bytes = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    // Half of a pair is two of its four bytes.
    if (code > 0x7f) bytes += code > 0x7ff && (code < 0xd800 || code > 0xdfff) ? 2 : 1;
  }
  return bytes;
}
