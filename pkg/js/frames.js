// The JSON objects in a body that is passed on while it is read: the `data` of server-sent events, lines
// of NDJSON, the members of an array, or the one object that is the whole body.
//
// Works on bytes, so that a chunk may end anywhere, in a character too. Keeps the object that is not
// complete yet and nothing else; one that is too long to be kept is skipped. Whose numbers an object
// holds is not looked at here.

/** Most bytes of one object. The last event of OpenAI's Responses API repeats the whole answer. */
const MAX_OBJECT_BYTES = 4 * 1024 * 1024;

const [TAB, LF, CR, SPACE, QUOTE, COLON, BACKSLASH] = [9, 10, 13, 32, 34, 58, 92];
const [ARRAY, OPEN, CLOSE] = [91, 123, 125];
const [BOM_1, BOM_2, BOM_3] = [0xef, 0xbb, 0xbf];

/** What gets each object of a body of this content type; `onText` gets bytes that are neither. */
export class Frames {
  #onObject;
  #onText;
  #reader = null;

  constructor(contentType, onObject, onText) {
    this.#onObject = onObject;
    this.#onText = onText;
    if (/^text\/event-stream\b/i.test(contentType)) this.#reader = new Events(onObject);
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

  // Content types lie: what it begins with counts. Null while there is nothing but space.
  #readerOf(bytes) {
    const first = bytes.find((byte) => !isSpace(byte) && byte !== BOM_1 && byte !== BOM_2 && byte !== BOM_3);
    if (first === undefined) return null;
    if (first === OPEN || first === ARRAY) return new Objects(this.#onObject);
    const opening = String.fromCharCode(first);
    if (":dei".includes(opening)) return new Events(this.#onObject, this.#onText);
    return { push: this.#onText, end() {} };
  }
}

/** Bytes that are kept until they are a whole. Copies, because whoever reads on may take the chunk. */
class Kept {
  #parts = [];
  #length = 0;

  get isEmpty() {
    return this.#length === 0;
  }

  add(bytes) {
    this.#length += bytes.length;
    // What is too long is counted and not kept.
    if (this.#length <= MAX_OBJECT_BYTES) this.#parts.push(bytes.slice());
    else this.#parts.length = 0;
  }

  /** The whole with these last bytes, which are not copied; null if it was too long. */
  take(bytes) {
    const length = this.#length + bytes.length;
    const parts = this.#parts;
    const wasEmpty = this.isEmpty;
    this.#parts = [];
    this.#length = 0;
    if (length > MAX_OBJECT_BYTES) return null;
    if (wasEmpty) return bytes;
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of [...parts, bytes]) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
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
        this.#line(this.#kept.take(bytes.subarray(start, at)));
        start = at + 1;
      }
      this.#afterReturn = byte === CR;
    }
    if (start < bytes.length) this.#kept.add(bytes.subarray(start));
  }

  end() {
    if (!this.#kept.isEmpty) this.#line(this.#kept.take(new Uint8Array(0)));
    this.#dispatch();
  }

  #line(line) {
    if (line === null) return;
    if (line.length === 0) return this.#dispatch();
    const start = line[0] === BOM_1 ? 3 : 0;
    const isData = [100, 97, 116, 97].every((byte, at) => line[start + at] === byte);
    if (!isData || line[start + 4] !== COLON) return;
    const value = line.subarray(start + (line[start + 5] === SPACE ? 6 : 5));
    this.#length += value.length;
    // Lines of one event are one text. That of most is one line, which need not be copied.
    if (this.#length <= MAX_OBJECT_BYTES) this.#data.push(value);
  }

  #dispatch() {
    const [first, ...more] = this.#data;
    const isWhole = this.#length <= MAX_OBJECT_BYTES;
    this.#data = [];
    this.#length = 0;
    if (first === undefined || !isWhole) return;
    if (more.length === 0) return parse(first, this.#onObject);
    const lines = [first, ...more].map((line) => new TextDecoder().decode(line));
    parse(new TextEncoder().encode(lines.join("\n")), this.#onObject);
  }
}

const decoder = new TextDecoder();

/** What is no object (`[DONE]`, a cut) is nobody's number. */
function parse(bytes, onObject) {
  if (bytes === null || bytes.length === 0 || bytes.find((byte) => !isSpace(byte)) !== OPEN) return;
  let object;
  try {
    object = JSON.parse(decoder.decode(bytes));
  } catch {
    return;
  }
  onObject(object);
}

function isSpace(byte) {
  return byte === SPACE || byte === LF || byte === CR || byte === TAB;
}
