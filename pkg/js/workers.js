// What the Workers runtime offers to modules: its `waitUntil`, among others. As a namespace, because
// a runtime that is too old for an export must not keep the package from loading.
import * as workers from "cloudflare:workers";

export default workers;
