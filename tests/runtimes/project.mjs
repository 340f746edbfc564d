// Projects as a user has them: a directory in which the packed package is installed by npm.

import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** wrangler is only used offline: it must not ask, report or look for updates. */
const QUIET = {
  CI: "1",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_SEND_METRICS: "false",
};

/** What tools leave in a project that somebody has worked in. */
const LEFTOVERS = ["node_modules", ".wrangler"];

/** The program of that name among the repository's pinned tools. */
export function tool(name) {
  return join(REPOSITORY, "node_modules", ".bin", name);
}

/**
 * Runs one of the pinned tools to its end; rejects with everything it printed when it fails.
 * @returns {Promise<{stdout: string, stderr: string}>}
 */
export async function runTool(name, args, { cwd = REPOSITORY, env = {} } = {}) {
  const path = [join(REPOSITORY, "node_modules", ".bin"), process.env.PATH].join(delimiter);
  const options = { cwd, env: { ...process.env, ...QUIET, PATH: path, ...env }, maxBuffer: 1e8 };
  try {
    return await run(tool(name), args, options);
  } catch (error) {
    throw new Error(`${name} ${args.join(" ")} failed\n${error.stdout}${error.stderr}`);
  }
}

/** The tarball that `cargo xtask pack` made. */
export async function tarball() {
  const dist = join(REPOSITORY, "dist");
  const names = await readdir(dist).catch(() => []);
  const found = names.filter((name) => /^edge-credits-.*\.tgz$/.test(name));
  if (found.length !== 1) {
    const count = `dist/ holds ${found.length} tarballs, not one`;
    throw new Error(`${count}: run \`cargo xtask pack\` first`);
  }
  return join(dist, found[0]);
}

/**
 * A temporary project with the packed package installed.
 * @param {object} contents
 * @param {string} [contents.from] a directory to copy first
 * @param {Record<string, string>} [contents.files] then these, by path
 * @returns {Promise<{directory: string, remove(): Promise<void>}>}
 */
export async function makeProject({ from, files = {} }) {
  const directory = await mkdtemp(join(tmpdir(), "edge-credits-project-"));
  const shipped = (path) => !LEFTOVERS.includes(basename(path));
  if (from) await cp(from, directory, { recursive: true, filter: shipped });
  const manifest = files["package.json"] ?? (await manifestOf(from));
  for (const [name, text] of Object.entries({ ...files, "package.json": manifest })) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  const npm = ["install", "--no-audit", "--no-fund", "--offline", await tarball()];
  await run("npm", npm, { cwd: directory });
  return { directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** The project's manifest without its tools, which are the repository's pinned ones here. */
async function manifestOf(directory) {
  const none = { name: "project", private: true, type: "module" };
  const file = directory && (await readFile(join(directory, "package.json"), "utf8"));
  const { devDependencies: _, ...manifest } = file ? JSON.parse(file) : none;
  return JSON.stringify(manifest);
}

/**
 * Bundles a project's Worker exactly as `wrangler deploy` would upload it.
 * @returns {Promise<{directory: string, main: string}>} for `startWorkerd`
 */
export async function bundleWorker(project) {
  const out = join(project, "bundle");
  await runTool("wrangler", ["deploy", "--dry-run", "--outdir", out], { cwd: project });
  const main = (await readdir(out)).find((name) => /\.m?js$/.test(name));
  return { directory: out, main };
}
