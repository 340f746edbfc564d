import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

// Its tools are installed one directory above.
const root = dirname(dirname(fileURLToPath(import.meta.url)));

export default { turbopack: { root }, outputFileTracingRoot: root };
