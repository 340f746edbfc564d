// How an entry without its module gets it: once, from whatever a host or a bundler has of such files.

/** `instantiate` takes the module, compiled; `file` is what it is called among the package's files. */
export function initOf(instantiate, file) {
  let ready;

  async function load(source) {
    const given = await source;
    if (given === undefined || given === null) {
      const message = `init takes the module of ${file}, its bytes, or a Response with them`;
      throw new TypeError(message);
    }
    const bytes = typeof given.arrayBuffer === "function" ? await given.arrayBuffer() : given;
    const isBytes =
      ArrayBuffer.isView(bytes) || Object.prototype.toString.call(bytes) === "[object ArrayBuffer]";
    // Not `instanceof`: a module may come from another realm, as in Next's edge runtime.
    instantiate(isBytes ? await WebAssembly.compile(bytes) : bytes);
  }

  return function init(source) {
    ready ??= load(source).catch((error) => {
      // The next try may bring another.
      ready = undefined;
      throw error;
    });
    return ready;
  };
}
