// The code blocks of a README, so that what it shows can be run.

/** @returns {{line: number, code: string}[]} the blocks of a language, and where each starts */
export function codeBlocks(markdown, language) {
  const lines = markdown.split("\n");
  const blocks = [];
  for (const [index, text] of lines.entries()) {
    if (text !== `\`\`\`${language}`) continue;
    const end = lines.indexOf("```", index + 1);
    blocks.push({ line: index + 1, code: lines.slice(index + 1, end).join("\n") });
  }
  return blocks;
}
