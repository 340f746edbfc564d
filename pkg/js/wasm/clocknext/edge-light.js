export { default } from "../../../dist/clocknext_bg.wasm?module";
