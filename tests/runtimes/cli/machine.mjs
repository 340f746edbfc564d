// A machine without Rust: a PATH with Node, npm and a shell, and nothing else, and a home of its own.
// Only npm's settings and cache are the user's.

import { execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { REPOSITORY } from "../project.mjs";

const run = promisify(execFile);
const PROGRAMS = ["npm", "npx", "bash", "sh", "env", "curl", "uname"];

/** @returns {Promise<{directory: string, env: Record<string, string>, remove(): Promise<void>}>} */
export async function bareMachine() {
  const root = await mkdtemp(join(tmpdir(), "edge-credits-machine-"));
  const folders = ["bin", "home", "project", "tmp"].map((name) => join(root, name));
  for (const folder of folders) await mkdir(folder);
  const [bin, home, directory, temporary] = folders;
  await symlink(process.execPath, join(bin, "node"));
  for (const program of PROGRAMS) {
    const { stdout } = await run("which", [program]);
    await symlink(await realpath(stdout.trim()), join(bin, program));
  }
  const npm = Object.entries(process.env).filter(([name]) => /^npm_config_/i.test(name));
  const env = {
    npm_config_userconfig: join(homedir(), ".npmrc"),
    npm_config_cache: join(homedir(), ".npm"),
    npm_config_update_notifier: "false",
    ...Object.fromEntries(npm),
    PATH: bin,
    HOME: home,
    TMPDIR: temporary,
  };
  for (const tool of ["cargo", "rustc"]) {
    const found = await run("bash", ["-c", `command -v ${tool}`], { env }).then(
      () => true,
      () => false,
    );
    if (found) throw new Error(`${tool} is on the machine that must not have it`);
  }
  return { directory, env, remove: () => rm(root, { recursive: true, force: true }) };
}

/**
 * Gives a directory the Workers runtime, as wrangler would bring it: that of the repository's own tools.
 * @param {string} directory
 * @param {string} [main] or another program, by the module that names it
 */
export async function bringRuntime(directory, main) {
  const folder = join(directory, "node_modules", "workerd");
  await mkdir(folder, { recursive: true });
  const theirs = join(REPOSITORY, "node_modules", "workerd");
  const { version } = JSON.parse(await readFile(join(theirs, "package.json"), "utf8"));
  const manifest = { name: "workerd", version, main: main ?? join(theirs, "lib", "main.js") };
  await writeFile(join(folder, "package.json"), JSON.stringify(manifest));
}

/**
 * A program until it ends: its output, and the status.
 * @returns {Promise<{status: number, stdout: string, stderr: string}>}
 */
export async function ended(program, args, options) {
  try {
    return { status: 0, ...(await run(program, args, options)) };
  } catch ({ code, stdout, stderr }) {
    return { status: code, stdout, stderr };
  }
}

/**
 * `edge-credits dev`, started, while `use` works with what it printed; then the signal. Rejects with
 * what it said when it ends before.
 * @returns {Promise<number | string>} how it ended: a status, or the signal
 */
export async function whileDev(program, args, options, use, signal = "SIGINT") {
  // A group of its own: npx runs the command in a shell, and Ctrl+C reaches them all.
  const child = spawn(program, args, {
    ...options,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [text, errors] = ["", ""];
  child.stderr.on("data", (chunk) => (errors += chunk));
  const over = new Promise((done) => child.once("exit", (status, by) => done(status ?? by)));
  const printed = new Promise((done, fail) => {
    child.stdout.on("data", (chunk) => {
      text += chunk;
      if (text.includes("\nJS\n")) done(text);
    });
    over.then((status) => fail(new Error(`dev ended (${status}): ${errors}`)));
  });
  try {
    await use(await printed, child);
  } finally {
    if (child.exitCode === null) process.kill(-child.pid, signal);
    await over;
  }
  return over;
}

/** The lines from the one that starts so to the next empty one. */
export function paragraph(text, start) {
  const lines = text.split("\n");
  const from = lines.findIndex((line) => line.startsWith(start));
  const length = lines.slice(from).indexOf("");
  return lines.slice(from, from + length).join("\n");
}

export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
