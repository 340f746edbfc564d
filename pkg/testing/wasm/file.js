// For Node and Bun: tests run where the package lies on a disk.
import { readFileSync } from "node:fs";

const [major] = process.versions.node.split(".");
if (Number(major) < 22) {
  throw new Error(`edge-credits/testing runs the worker itself, which needs Node 22 or newer (this is ${major})`);
}

export default new WebAssembly.Module(readFileSync(new URL("../../dist/worker/index_bg.wasm", import.meta.url)));
