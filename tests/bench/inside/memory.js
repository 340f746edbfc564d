// Remembers each wasm memory that is made after this was loaded: import it before the worker.

const memories = [];
const { Instance } = WebAssembly;

WebAssembly.Instance = class extends Instance {
  constructor(...given) {
    super(...given);
    memories.push(this.exports.memory);
  }
};

/** Bytes of all wasm memories that this isolate has made. A memory only ever grows. */
export function wasmBytes() {
  return memories.reduce((sum, memory) => sum + memory.buffer.byteLength, 0);
}
