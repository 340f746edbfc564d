// For runtimes and bundlers that cannot import a `.wasm` file: no file access, no network, and
// compiled synchronously, so that `new CreditEngine()` needs no `await` anywhere.
import text from "../../dist/inline.js";

export default new WebAssembly.Module(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)));
