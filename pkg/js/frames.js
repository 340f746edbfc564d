// The JSON objects in a body that is passed on while it is read: the `data` of server-sent events, lines
// of NDJSON, the members of an array, or the one object that is the whole body.
//
// Works on bytes, so that a chunk may end anywhere, in a character too. Keeps the object that is not
// complete yet and nothing else; of one that is too long its usage is looked for in its end. Whose numbers
// an object holds is not looked at here.

/** Most bytes of one object. The last event of OpenAI's Responses API repeats the whole answer. */
const MAX_OBJECT_BYTES = 4 * 1024 * 1024;
/** What is kept of a longer one: its end, where providers put the usage. */
const TAIL_BYTES = 16 * 1024;

const [TAB, LF, CR, SPACE, QUOTE, COLON, BACKSLASH] = [9, 10, 13, 32, 34, 58, 92];
const [OPEN, CLOSE] = [123, 125];
const [BOM_1, BOM_2, BOM_3] = [0xef, 0xbb, 0xbf];

/** What gets each object of a body of this content type; `onText` gets bytes that are neither. */
export class Frames {
  #onObject;
  #reader = null;

  constructor(contentType, onObject, onText) {
    this.#onObject = onObject;
    if (/^text\/event-stream\b/i.test(contentType)) this.#reader = new Events(onObject);
    // What a model has written may look like anything: it is text, and names no price of its own.
    else if (/^text\//i.test(contentType)) this.#reader = { push: onText, end() {} };
    // Pictures and sound have no text to count.
    else if (/^(image|audio|video|font)\//i.test(contentType)) this.#reader = { push() {}, end() {} };
  }

  push(bytes) {
    this.#reader ??= this.#readerOf(bytes);
    this.#reader?.push(bytes);
  }

  /** The body is complete: what stands at its end without a line break counts too. */
  end() {
    this.#reader?.end();
  }

  // Events are called JSON, too: what it begins with counts. Null while there is nothing but space.
  #readerOf(bytes) {
    const isMark = (byte) => byte === BOM_1 || byte === BOM_2 || byte === BOM_3;
    const first = bytes.find((byte) => !isSpace(byte) && !isMark(byte));
    if (first === undefined) return null;
    const isEvents = ":dei".includes(String.fromCharCode(first));
    return isEvents ? new Events(this.#onObject) : new Objects(this.#onObject);
  }
}

/** Bytes that are kept until they are a whole. Copies, because whoever reads on may take the chunk. */
class Kept {
  #parts = [];
  #length = 0;

  get isEmpty() {
    return this.#length === 0;
  }

  isTooLong(bytes) {
    return this.#length + bytes.length > MAX_OBJECT_BYTES;
  }

  add(bytes) {
    this.#length += bytes.length;
    if (this.#length <= MAX_OBJECT_BYTES) this.#parts.push(copied(bytes));
    else this.#parts = [this.#tail(bytes)];
  }

  /** The whole with these last bytes, which are not copied; the end of it, if it was too long. */
  take(bytes) {
    const whole = this.isTooLong(bytes) ? this.#tail(bytes) : joined([...this.#parts, bytes]);
    this.#parts = [];
    this.#length = 0;
    return whole;
  }

  #tail(bytes) {
    const parts = bytes.length < TAIL_BYTES ? [...this.#parts, bytes] : [bytes];
    return joined(parts).slice(-TAIL_BYTES);
  }
}

/** Of a Buffer, `slice` is no copy. */
function copied(bytes) {
  return Uint8Array.prototype.slice.call(bytes);
}

function joined(parts) {
  const wanted = parts.filter((part) => part.length > 0);
  if (wanted.length < 2) return wanted[0] ?? new Uint8Array(0);
  const whole = new Uint8Array(wanted.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of wanted) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Objects one after another, whatever stands between them. */
class Objects {
  #onObject;
  #kept = new Kept();
  #depth = 0;
  #inText = false;
  #escaped = false;

  constructor(onObject) {
    this.#onObject = onObject;
  }

  push(bytes) {
    let start = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (this.#inText) this.#textGoesOn(byte);
      else if (byte === QUOTE) this.#inText = this.#depth > 0;
      else if (byte === OPEN) {
        if (this.#depth === 0) start = at;
        this.#depth += 1;
      } else if (byte === CLOSE && this.#depth > 0) {
        this.#depth -= 1;
        if (this.#depth === 0) parse(this.#kept.take(bytes.subarray(start, at + 1)), this.#onObject);
      }
    }
    if (this.#depth > 0) this.#kept.add(bytes.subarray(start));
  }

  end() {}

  #textGoesOn(byte) {
    if (this.#escaped) this.#escaped = false;
    else if (byte === BACKSLASH) this.#escaped = true;
    else if (byte === QUOTE) this.#inText = false;
  }
}

/** Server-sent events, as the HTML standard reads them, but for their names and ids. */
class Events {
  #onObject;
  #kept = new Kept();
  #data = [];
  /** So many of them are copies. */
  #owned = 0;
  #length = 0;
  #afterReturn = false;

  constructor(onObject) {
    this.#onObject = onObject;
  }

  push(bytes) {
    let start = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte === LF && this.#afterReturn) start = at + 1;
      else if (byte === LF || byte === CR) {
        this.#take(bytes.subarray(start, at));
        start = at + 1;
      }
      this.#afterReturn = byte === CR;
    }
    if (start < bytes.length) this.#kept.add(bytes.subarray(start));
    // Lines of an event that goes on are parts of this chunk still.
    const data = this.#data;
    for (; this.#owned < data.length; this.#owned += 1) {
      data[this.#owned] = copied(data[this.#owned]);
    }
  }

  end() {
    if (!this.#kept.isEmpty) this.#take(new Uint8Array(0));
    this.#dispatch();
  }

  // The end of a line that is too long has lost its name. None but data is that long.
  #take(bytes) {
    const isCut = this.#kept.isTooLong(bytes);
    const line = this.#kept.take(bytes);
    if (isCut) this.#data.push(line);
    else this.#line(line);
  }

  #line(line) {
    if (line.length === 0) return this.#dispatch();
    const start = line[0] === BOM_1 ? 3 : 0;
    const isData = [100, 97, 116, 97].every((byte, at) => line[start + at] === byte);
    if (!isData || line[start + 4] !== COLON) return;
    const value = line.subarray(start + (line[start + 5] === SPACE ? 6 : 5));
    // An empty line is kept, too.
    this.#length += value.length + 1;
    // Lines of one event are one text. That of most is one line, which need not be copied.
    if (this.#length <= MAX_OBJECT_BYTES) this.#data.push(value);
  }

  #dispatch() {
    const data = this.#data;
    this.#data = [];
    this.#owned = 0;
    this.#length = 0;
    if (data.length > 1) for (let at = 1; at < data.length; at += 1) data[at] = joined([SPACES, data[at]]);
    if (data.length > 0) parse(joined(data), this.#onObject);
  }
}

/** Between two lines of one event. */
const SPACES = new Uint8Array([LF]);
const decoder = new TextDecoder();

/** What is no object (`[DONE]`, a cut) is nobody's number; the end of a long one may have its usage. */
function parse(bytes, onObject) {
  const text = decoder.decode(bytes).trimStart();
  if (text[0] === "[") return;
  const object = text[0] === "{" ? read(text) : undefined;
  const found = object ?? usageAtEnd(text);
  if (found !== undefined) onObject(found);
}

function read(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `{usage}` of text that ends with, or behind, an object of that name; undefined where there is none. */
function usageAtEnd(text) {
  for (const name of ["usage", "usageMetadata"]) {
    const start = text.lastIndexOf(`"${name}"`);
    const open = text.indexOf("{", start);
    if (start < 0 || open < 0) continue;
    // Details are objects within, a level or two.
    for (let close = text.indexOf("}", open); close > 0; close = text.indexOf("}", close + 1)) {
      const usage = read(text.slice(open, close + 1));
      if (usage !== undefined) return { [name]: usage };
    }
  }
  return undefined;
}

function isSpace(byte) {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}
