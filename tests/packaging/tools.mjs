// The tools that the package is checked with, and projects beside them in which it is installed.
//
// They are not among the repository's own tools, which everybody installs for everything: Next alone
// is 300 MB. They are installed once for each version of their lock file, in target/.

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, cp, mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";

import { REPOSITORY, tarball } from "../runtimes/project.mjs";

const run = promisify(execFile);
const HERE = join(REPOSITORY, "tests", "packaging", "tools");
const FILES = ["package.json", "package-lock.json", ".npmrc"];

/** The directory with the tools in its `node_modules`, and the packed package beside them. */
export async function toolsHome() {
  const lock = await readFile(join(HERE, "package-lock.json"));
  const version = createHash("sha256").update(lock).digest("hex").slice(0, 12);
  const home = join(REPOSITORY, "target", "packaging", version);
  if (!(await stat(join(home, "node_modules")).catch(() => null))) await install(home);
  return home;
}

async function install(home) {
  const partial = `${home}.${process.pid}`;
  await mkdir(partial, { recursive: true });
  for (const file of FILES) await copyFile(join(HERE, file), join(partial, file));
  const words = ["ci", "--ignore-scripts", "--prefer-offline", "--loglevel=error"];
  await run("npm", words, { cwd: partial });
  await rename(partial, home);
}

/**
 * A project beside the tools, with the packed package installed as npm does it: unpacked.
 * @param {Record<string, string>} files by path
 * @param {string} [from] a directory to copy first
 */
export async function makeProject(files, from) {
  const home = await toolsHome();
  const directory = join(home, `project-${process.pid}-${Math.random().toString(36).slice(2)}`);
  const installed = join(directory, "node_modules", "edge-credits");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", await tarball(), "-C", installed, "--strip-components=1"]);
  if (from) await cp(from, directory, { recursive: true });
  const manifest = JSON.stringify({ name: "project", private: true, type: "module" });
  for (const [name, text] of Object.entries({ "package.json": manifest, ...files })) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return { home, directory, remove: () => rm(directory, { recursive: true, force: true }) };
}

/** The environment in which a project's programs run: these tools first, and nothing reported. */
export function environment(home, more = {}) {
  const path = [home, REPOSITORY].map((root) => join(root, "node_modules", ".bin"));
  return {
    ...process.env,
    PATH: [...path, process.env.PATH].join(delimiter),
    NEXT_TELEMETRY_DISABLED: "1",
    CI: "1",
    ...more,
  };
}

/** Runs a program to its end; rejects with everything it printed when it fails. */
export async function runIn({ home, directory }, program, args, more) {
  const options = { cwd: directory, env: environment(home, more), maxBuffer: 1e8 };
  try {
    return await run(program, args, options);
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")} failed\n${error.stdout}${error.stderr}`);
  }
}
