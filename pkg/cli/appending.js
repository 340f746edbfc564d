// Text put behind what a file holds. No byte of that is changed, not even at its end.

/**
 * @param {string} text
 * @param {string} added whole lines
 * @returns {string} both, an empty line between them, the new lines ended as the first one is
 */
export function behind(text, added) {
  const newline = newlineOf(text);
  const ended = text === "" || text.endsWith("\n");
  const gap = text.trim() === "" || /\n\r?\n$/.test(text) ? "" : newline;
  return `${text}${ended ? "" : newline}${gap}${added.replaceAll("\n", newline)}`;
}

/** How the first line of a text ends. */
export function newlineOf(text) {
  return /\r?\n/.exec(text)?.[0] ?? "\n";
}
