// Where the next page of transactions begins.

// The position after a page, or undefined after the last one. By sequence number, so that entries
// made meanwhile displace none; by offset from a server that numbers nothing.
export function nextPage(position, data, pagination) {
  if (data.length === 0 || !pagination.has_more) return undefined;
  const last = data.at(-1).sequence;
  if (last === undefined || last === null) {
    return { offset: position.offset + data.length };
  }
  return { beforeSequence: last };
}
