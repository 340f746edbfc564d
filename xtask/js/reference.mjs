// The API reference, pkg/docs/api.md, from the declarations and their comments:
//
//   node xtask/js/reference.mjs --write
//
// A test compares the file with what this makes of the declarations.

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

import ts from "typescript";

const ROOT = new URL("../../", import.meta.url);
export const REFERENCE = new URL("pkg/docs/api.md", ROOT);

/** What can be imported, and the declarations of each, in the order of reading. */
const ENTRIES = {
  "edge-credits": [
    "js/types/engine.d.ts",
    "js/types/config.d.ts",
    "js/types/options.d.ts",
    "js/types/answers.d.ts",
    "js/types/hold.d.ts",
    "js/types/meter.d.ts",
    "js/types/quote.d.ts",
    "js/types/analytics.d.ts",
    "js/types/errors.d.ts",
    "js/types/with_credits.d.ts",
    "js/types/amounts.d.ts",
    "js/types/host.d.ts",
    "js/types/rate_limit.d.ts",
  ],
  "edge-credits/clocknext": [
    "js/types/clocknext.d.ts",
    "js/types/signals.d.ts",
    "js/types/customers.d.ts",
    "js/types/clocknext_errors.d.ts",
  ],
  "edge-credits/ai-sdk": ["js/ai-sdk.d.ts"],
  "edge-credits/hono": ["js/hono.d.ts"],
  "edge-credits/testing": ["testing/index.d.ts"],
  "edge-credits/worker": ["js/worker.d.ts"],
  "edge-credits/slim": ["js/slim.d.ts"],
  "edge-credits/clocknext/slim": ["js/clocknext_slim.d.ts"],
};

const INTRODUCTION = `# API reference

Generated from the declarations that the package ships, which editors show too. What \`edge-credits\` exports, \`edge-credits/credit-engine\` exports as far as it is the Credit Engine client. \`edge-credits\` also exports all of \`edge-credits/clocknext\`, but for \`RateLimitError\`, which there is that of both clients.
`;

export function reference() {
  const sections = Object.entries(ENTRIES).map(([entry, files]) => {
    const parts = files.map((file) => ofFile(new URL(`pkg/${file}`, ROOT)));
    return `## ${entry}\n\n${parts.filter(Boolean).join("\n")}`;
  });
  return `${[INTRODUCTION, ...sections].join("\n").trimEnd()}\n`;
}

function ofFile(url) {
  const source = parsed(url);
  const head = moduleComment(source.text);
  const classes = source.statements.filter(ts.isClassDeclaration).map(({ name }) => name.text);
  // What a class has besides, by subject, is told with it.
  const isBesides = (node) => ts.isInterfaceDeclaration(node) && classes.includes(node.name.text);
  const told = source.statements.filter((node) => isExported(node) && !isBesides(node));
  const parts = told.map((node) => {
    const besides = source.statements.find((each) => isBesides(each) && each.name.text === node.name?.text);
    return [ofDeclaration(node, source), ...membersBesides(besides, source)].join("\n");
  });
  return [head, ...parts].filter(Boolean).join("\n");
}

/** The methods of the interfaces that one extends, which are each in a file beside it. */
function membersBesides(node, source) {
  const types = (node?.heritageClauses ?? []).flatMap(({ types: extended }) => extended);
  return types.flatMap((type) => {
    const name = type.expression.getText(source);
    const [, path] = new RegExp(`\\b${name}\\b[^;]* from '(.+)\\.js'`).exec(source.text);
    const file = new URL(`${path}.d.ts`, pathToFileURL(source.fileName));
    const other = parsed(file);
    const found = other.statements.find((each) => each.name?.text === name);
    return classMembers(found, other);
  });
}

function parsed(url) {
  const text = readFileSync(url, "utf8");
  return ts.createSourceFile(fileURLToPath(url), text, ts.ScriptTarget.Latest, true);
}

/** The comment that a file begins with, where it describes the entry. */
function moduleComment(text) {
  const [comment] = /^\/\*\*[^]*?\*\//.exec(text) ?? [];
  if (!comment) return "";
  const lines = comment
    .slice(3, -2)
    .split("\n")
    .map((line) => line.replace(/^\s*\* ?/, ""));
  return `${inline(
    lines
      .join("\n")
      .replace(/@example\n/g, "\n")
      .replace(/@module\n?/g, ""),
  ).trim()}\n`;
}

function isExported(node) {
  const exported = node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);
  return exported && (node.name !== undefined || ts.isVariableStatement(node));
}

function ofDeclaration(node, source) {
  const declared = ts.isVariableStatement(node) ? node.declarationList.declarations[0] : node;
  const kind = ts.isClassDeclaration(node) ? "class " : "";
  const title = `### ${kind}\`${declared.name.text}\`\n`;
  const signature =
    ts.isClassDeclaration(node) || ts.isInterfaceDeclaration(node)
      ? heritage(node, source)
      : code(node, source);
  const parts = [title, signature, comment(node)];
  if (ts.isClassDeclaration(node)) parts.push(...classMembers(node, source));
  else if (ts.isInterfaceDeclaration(node)) parts.push(fields(node.members, source));
  return parts.filter(Boolean).join("\n");
}

function heritage(node, source) {
  const text = (node.heritageClauses ?? []).map((clause) => clause.getText(source)).join(" ");
  return text && `\`${text}\`\n`;
}

function code(node, source) {
  const text = node
    .getText(source)
    .replace(/^export (?:declare )?/, "")
    .replace(/\/\*\*[^]*?\*\/\s*/g, "");
  return `\`\`\`ts\n${text}\n\`\`\`\n`;
}

/** Methods with all their words; fields in a table. */
function classMembers(node, source) {
  const isField = (member) => ts.isPropertyDeclaration(member);
  const parts = [];
  const table = fields(node.members.filter(isField), source);
  if (table) parts.push(table);
  let last;
  for (const member of node.members.filter((each) => !isField(each))) {
    const name = ts.isConstructorDeclaration(member) ? "constructor" : member.name.getText(source);
    if (name !== last) parts.push(`#### \`${name}\`\n`);
    last = name;
    parts.push(code(member, source).replace(/\n {2}/g, "\n"), comment(member));
  }
  return parts;
}

function fields(members, source) {
  const rows = members.map((member) => {
    const { summary } = docs(member);
    const declared = member
      .getText(source)
      .replace(/\/\*\*[^]*?\*\/\s*/g, "")
      .replace(/;$/, "");
    return `| \`${cell(declared.replace(/^readonly /, ""))}\` | ${cell(summary)} |`;
  });
  return rows.length > 0 ? `| | |\n| --- | --- |\n${rows.join("\n")}\n` : "";
}

function cell(text) {
  return text.replace(/\s+/g, " ").replaceAll("|", "\\|").trim();
}

function comment(node) {
  const { summary, tags } = docs(node);
  const lines = [summary, ...tags];
  return lines.filter(Boolean).join("\n\n") + (summary || tags.length > 0 ? "\n" : "");
}

function docs(node) {
  const [last] = (node.jsDoc ?? []).slice(-1);
  if (!last) return { summary: "", tags: [] };
  const words = (part) => inline(ts.getTextOfJSDocComment(part.comment) ?? "").trim();
  const tags = (last.tags ?? []).map((tag) => {
    const text = words(tag);
    if (tag.tagName.text === "example") return text;
    if (tag.tagName.text === "param") return `\`${tag.name.getText()}\`: ${text}`;
    const thrown = tag.typeExpression?.type.getText();
    return tag.tagName.text === "throws"
      ? `Throws ${thrown ? `\`${thrown}\`: ` : ""}${text}`
      : text;
  });
  return { summary: words(last), tags };
}

/** `{@link X}` as code, and no line breaks but those of blocks. */
function inline(text) {
  const blocks = text.split(/(```[^]*?```)/);
  return blocks
    .map((block) => {
      if (block.startsWith("```")) return block;
      return block
        .replace(/\{@link\s+([^}\s|]+)[^}]*\}/g, "`$1`")
        .replace(/([^\n])\n(?=[^\n\-*|])/g, "$1 ");
    })
    .join("");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv[2] === "--write") writeFileSync(REFERENCE, reference());
  else process.stdout.write(reference());
}
