import source wasmModule from "../../dist/index_bg.wasm";

export default wasmModule;
