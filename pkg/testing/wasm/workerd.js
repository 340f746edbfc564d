export { default } from "../../dist/worker/index_bg.wasm";
