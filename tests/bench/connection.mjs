// One keep-alive HTTP/1.1 connection that carries one request at a time: a closed-loop client.
//
// By hand on a socket, because on two cores the load generator must leave the runtime its own:
// `node:http` takes about four times as long per request. It understands what the Workers runtime
// answers (a declared length or chunks) and takes anything else for a fault.

import { connect } from "node:net";

/** How long an answer may take; an object that hangs must not hang the bench. */
const ANSWER_TIMEOUT_MS = 30_000;

/** @returns {Promise<Connection>} */
export function open(port) {
  return new Promise((done, fail) => {
    const socket = connect(port, "127.0.0.1", () => done(new Connection(socket)));
    socket.setNoDelay(true);
    socket.once("error", fail);
  });
}

class Connection {
  #socket;
  #received = null;
  #waiting = null;

  constructor(socket) {
    this.#socket = socket;
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("error", () => this.#answer({ status: 0, body: Buffer.alloc(0) }));
    socket.on("close", () => this.#answer({ status: 0, body: Buffer.alloc(0) }));
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
  }

  /** Sends a whole request; status 0 where the connection ended before the answer did. */
  send(request) {
    if (this.#socket.destroyed) return Promise.resolve({ status: 0, body: Buffer.alloc(0) });
    return new Promise((done) => {
      this.#waiting = done;
      this.#socket.write(request);
    });
  }

  get usable() {
    return !this.#socket.destroyed;
  }

  close() {
    this.#socket.destroy();
  }

  #answer(answer) {
    const done = this.#waiting;
    this.#waiting = null;
    this.#received = null;
    done?.(answer);
  }

  #receive(chunk) {
    this.#received = this.#received ? Buffer.concat([this.#received, chunk]) : chunk;
    const answer = parse(this.#received);
    if (answer) this.#answer(answer);
  }
}

/** A complete answer, or nothing as long as some of it is missing. */
function parse(bytes) {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = bytes.latin1Slice(0, end);
  const status = Number(head.slice(9, 12));
  const start = end + 4;
  const declared = /\r\ncontent-length: *(\d+)/i.exec(head);
  if (declared) {
    const length = Number(declared[1]);
    if (bytes.length < start + length) return null;
    return { status, body: bytes.subarray(start, start + length) };
  }
  if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
    const body = chunks(bytes, start);
    return body && { status, body };
  }
  throw new Error(`an answer without a length: ${head}`);
}

function chunks(bytes, start) {
  const parts = [];
  for (let at = start; ; ) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return null;
    const length = Number.parseInt(bytes.latin1Slice(at, line), 16);
    const next = line + 2 + length + 2;
    if (bytes.length < next) return null;
    if (length === 0) return Buffer.concat(parts);
    parts.push(bytes.subarray(line + 2, line + 2 + length));
    at = next;
  }
}
