// As ../inline.js, of ClockNext's module.
import text from "../../../dist/clocknext_inline.js";

export default new WebAssembly.Module(Uint8Array.from(atob(text), (byte) => byte.charCodeAt(0)));
