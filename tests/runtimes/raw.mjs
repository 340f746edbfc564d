// HTTP as bytes on a socket: for requests that `fetch` would not send, or would correct first.

import { connect } from "node:net";

/** A body is written in pieces, each a chunk where the body is chunked. */
const PIECE_BYTES = 16_384;
/** A server that closes while we still send can take its answer down with the connection: TCP throws
 * away what was not read yet. The request is then sent again, so often at most. */
const LOST_ANSWERS = 5;
/** How long an answer may take. Only a server that hangs takes more than a fraction of a second. */
const ANSWER_TIMEOUT_MS = 10_000;

/**
 * Sends one request and reads the answer until the server closes the connection.
 * @param {string} origin `http://host:port`
 * @param {object} request
 * @param {string} request.path as it goes into the request line
 * @param {[string, string][]} [request.headers] in order, repeats included
 * @param {string | Buffer} [request.body] sent with its Content-Length, unless `framing` says else
 * @param {"length" | "chunked" | "none" | number} [request.framing] how the body's length is told;
 *   a number is the Content-Length to claim
 * @param {boolean} [request.breakOff] close the sending side before the body's end
 * @returns {Promise<{status: number, headers: Map<string, string>, text: string, json: any}>}
 */
export async function exchange(origin, request) {
  for (let lost = 0; ; lost += 1) {
    try {
      return await attempt(origin, request);
    } catch (error) {
      const cut = error.code === "EPIPE" || error.code === "ECONNRESET";
      if (!cut || lost === LOST_ANSWERS) throw error;
    }
  }
}

function attempt(origin, request) {
  const { hostname, port } = new URL(origin);
  return new Promise((resolve, reject) => {
    const received = [];
    const socket = connect({ host: hostname, port: Number(port) });
    const finish = (error) => {
      socket.destroy();
      try {
        resolve(parse(Buffer.concat(received)));
      } catch (unreadable) {
        reject(error ?? unreadable);
      }
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => finish(new Error("the server did not answer")));
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("end", () => finish());
    // A server may answer and close before it has read everything: that is an answer, too.
    socket.on("error", (error) => setTimeout(finish, 50, error));
    socket.on("connect", async () => {
      await send(socket, hostname, request);
      if (request.breakOff) socket.end();
    });
  });
}

/** Writes the request; stops where the answer begins, for then nobody reads on. */
async function send(socket, hostname, request) {
  const { method = "POST", path, headers = [], body = "", framing, breakOff } = request;
  const bytes = Buffer.from(body);
  const lines = [`${method} ${path} HTTP/1.1`, `Host: ${hostname}`, "Connection: close"];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  const told = framing ?? (bytes.length > 0 || method === "POST" ? "length" : "none");
  const chunked = told === "chunked";
  const length = told === "length" ? bytes.length : told;
  if (chunked) lines.push("Transfer-Encoding: chunked");
  else if (told !== "none") lines.push(`Content-Length: ${length}`);
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  for (let start = 0; start < bytes.length; start += PIECE_BYTES) {
    const piece = bytes.subarray(start, start + PIECE_BYTES);
    if (chunked) socket.write(`${piece.length.toString(16)}\r\n`);
    socket.write(piece);
    if (chunked) socket.write("\r\n");
    // Time for an answer that does not wait for the rest.
    if (bytes.length > PIECE_BYTES) await new Promise((done) => setTimeout(done, 2));
    if (socket.bytesRead > 0) return;
  }
  if (chunked && !breakOff) socket.write("0\r\n\r\n");
}

function parse(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) throw new Error(`no HTTP answer, only ${JSON.stringify(bytes.toString("latin1"))}`);
  const [statusLine, ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  let body = bytes.subarray(end + 4);
  if (headers.get("transfer-encoding") === "chunked") body = unchunk(body);
  const text = body.toString("utf8");
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: Number(statusLine.split(" ")[1]), headers, text, json };
}

function unchunk(bytes) {
  const parts = [];
  let rest = bytes;
  for (;;) {
    const line = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.subarray(0, line).toString("latin1"), 16);
    if (!(size > 0)) return Buffer.concat(parts);
    parts.push(rest.subarray(line + 2, line + 2 + size));
    rest = rest.subarray(line + 2 + size + 2);
  }
}
