export { default } from "../../dist/edge_bg.wasm";
