// What the npm package's command line uses of others, bundled into pkg/dist/cli.js: the package itself
// depends on nothing.

export { parse as parseModule } from "es-module-lexer/js";
export { createScanner, getNodeValue, parseTree, printParseErrorCode } from "jsonc-parser";
export { parse as parseToml } from "smol-toml";
