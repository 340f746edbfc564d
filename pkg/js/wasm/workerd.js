export { default } from "../../dist/index_bg.wasm";
