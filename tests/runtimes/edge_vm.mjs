// Bundles for the Vercel edge VM.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";

import { build } from "esbuild";

/**
 * Bundles a project's `edge-vm.js` as Next.js does for an edge route: by the `edge-light` condition,
 * and a module imported with `?module` becomes a global that was compiled outside the VM, in another
 * realm.
 */
export async function bundleForEdgeVm(directory, { target } = {}) {
  const globals = {};
  let modules = 0;
  const moduleImports = {
    name: "module-imports",
    setup(build) {
      build.onResolve({ filter: /\.wasm\?module$/ }, ({ path, resolveDir }) => {
        return { path: join(resolveDir, path.replace(/\?module$/, "")), namespace: "module" };
      });
      build.onLoad({ filter: /.*/, namespace: "module" }, async ({ path }) => {
        const name = `wasm_${(modules += 1)}_`;
        globals[name] = await WebAssembly.compile(await readFile(path));
        return { contents: `export default ${name};` };
      });
    },
  };
  const { outputFiles } = await build({
    absWorkingDir: directory,
    entryPoints: ["edge-vm.js"],
    bundle: true,
    write: false,
    format: "iife",
    target,
    conditions: ["edge-light"],
    plugins: [moduleImports],
  });
  const { text } = outputFiles[0];
  // All that can be reached are loaded; what the bundler has dropped is not in the bundle.
  const used = Object.keys(globals).filter((name) => text.includes(name));
  assert.equal(used.length, 1, "the bundle uses one module");
  return { bundle: text, globals };
}
