import source wasmModule from "../../../dist/clocknext_bg.wasm";

export default wasmModule;
