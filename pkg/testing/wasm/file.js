// For Node and Bun: tests run where the package lies on a disk.
import { readFileSync } from "node:fs";

export default new WebAssembly.Module(readFileSync(new URL("../../dist/worker/index_bg.wasm", import.meta.url)));
