import source wasmModule from "../../dist/worker/index_bg.wasm";

export default wasmModule;
