// Runs the snippets of a README on every runtime, from the packed tarball: in a project that has them as a module
// `snippets.js`, which exports `run(call)`.

import assert from "node:assert/strict";
import { join } from "node:path";

import { EdgeVM } from "@edge-runtime/vm";

import { bundleForEdgeVm } from "./edge_vm.mjs";
import { REPOSITORY, bundleWorker, makeProject, runTool } from "./project.mjs";
import { COMPATIBILITY_DATE } from "./workerd.mjs";

const DENO = ["run", "--allow-net=127.0.0.1", "--no-prompt", "--node-modules-dir=manual"];
const PROGRAMS = { Node: ["node", []], Deno: ["deno", DENO], Bun: ["bun", ["run"]] };

export const RUNTIMES = [...Object.keys(PROGRAMS), "Vercel edge VM", "workerd"];

/**
 * Installs the module of snippets.
 * @param {string} module its text
 * @returns `run(runtime, call, urls)` resolves to what the call returned, as JSON; `worker` is to be among the
 *   workers of the runtime of which `urls` are, for workerd
 */
export async function installSnippets(module) {
  const project = await makeProject({
    from: join(REPOSITORY, "tests", "runtimes", "snippets"),
    files: {
      "package.json": JSON.stringify({ name: "snippets", private: true, type: "module" }),
      "wrangler.toml": `name = "edge"\nmain = "worker.js"\ncompatibility_date = "${COMPATIBILITY_DATE}"\n`,
      "snippets.js": module,
    },
  });
  const { directory, remove } = project;
  const { bundle, globals } = await bundleForEdgeVm(directory);
  const edgeVm = new EdgeVM({ extend: (context) => Object.assign(context, globals) });
  edgeVm.evaluate(bundle);
  const worker = { name: "edge", ...(await bundleWorker(directory)) };

  async function run(runtime, call, { edge }) {
    const text = JSON.stringify(call);
    if (runtime === "workerd") {
      const response = await fetch(edge, { method: "POST", body: text });
      const said = await response.text();
      assert.equal(response.status, 200, said);
      return JSON.parse(said);
    }
    if (runtime === "Vercel edge VM")
      return JSON.parse(await edgeVm.evaluate(`runSnippet(${JSON.stringify(text)})`));
    const [tool, flags] = PROGRAMS[runtime];
    const args = [...flags, "program.js", text];
    return JSON.parse((await runTool(tool, args, { cwd: directory })).stdout);
  }

  return { run, worker, remove };
}

/** Why these values are not what was expected; nothing where they are. A function is a predicate. */
export function difference(expected, returned) {
  for (const [name, wanted] of Object.entries(expected)) {
    const value = returned[name];
    const isRight = typeof wanted === "function" ? wanted(value) : value === wanted;
    const instead = typeof wanted === "function" ? "" : `, not ${wanted}`;
    if (!isRight) return `${name} is ${JSON.stringify(value)}${instead}`;
  }
  return undefined;
}
