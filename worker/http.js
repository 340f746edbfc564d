// HTTP messages as texts: what crosses between JavaScript and the wasm module in one piece.
//
// A head is the verb, the URL, and each header's name and value, a line each; none of them can hold a
// line break. An answer is its status, its headers in the same way, an empty line, and the body.

/** @param {Request} request */
export function headOf(request) {
  let head = `${request.method}\n${request.url}`;
  for (const [name, value] of request.headers) head += `\n${name}\n${value}`;
  return head;
}

/**
 * A request's body, if it has no more bytes than `limit`; if it has more, more bytes than that, its
 * own or not. Nothing where it breaks off, or is a stream of something else.
 * @param {Request} request
 * @param {number} limit
 * @returns {Promise<Uint8Array | undefined>}
 */
export async function bodyOf(request, limit) {
  try {
    // HTTP keeps a body to its declared length. In one piece: a stream takes several turns of the
    // event loop.
    const declared = request.headers.get("content-length");
    if (Number(declared) > limit) return new Uint8Array(limit + 1);
    if (declared !== null) return new Uint8Array(await request.arrayBuffer());
    return request.body ? await drain(request.body, limit) : new Uint8Array();
  } catch {
    return undefined;
  }
}

async function drain(stream, limit) {
  const reader = stream.getReader();
  const chunks = [];
  let length = 0;
  while (length <= limit) {
    const { done, value } = await reader.read();
    if (done) break;
    if (!(value instanceof Uint8Array)) return undefined;
    chunks.push(value);
    length += value.length;
  }
  // Whatever is left unread ends with the request. It is not cancelled: the runtime then closes the
  // connection under a caller who is still sending, and the answer can be lost.
  const body = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** Headers from their lines. */
export function headersOf(lines) {
  const headers = {};
  for (let at = 0; at + 1 < lines.length; at += 2) headers[lines[at]] = lines[at + 1];
  return headers;
}

/** @param {string} answer */
export function responseOf(answer) {
  const end = answer.indexOf("\n\n");
  const [status, ...lines] = answer.slice(0, end).split("\n");
  // Some statuses may have no body, not even an empty one.
  const body = answer.slice(end + 2) || null;
  return new Response(body, { status: Number(status), headers: headersOf(lines) });
}
