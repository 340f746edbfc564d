// A headless Chromium for tests, without a manual step: an installed one where there is one, else
// the one that the npm package `@sparticuz/chromium` carries.

import { execFile } from "node:child_process";
import { access, mkdir, mkdtemp, rename } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

import puppeteer from "puppeteer-core";

import { REPOSITORY } from "../runtimes/project.mjs";

const run = promisify(execFile);

/** Where systems have it. */
const INSTALLED = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Unpacks what the package carries into the directory for temporary files. */
const UNPACK = `
  import chromium from "@sparticuz/chromium";
  chromium.setGraphicsMode = false;
  await chromium.executablePath();`;

/** As root, and in containers, Chromium has no sandbox of its own; what it opens here is our page. */
const FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"];

/**
 * Starts the first Chromium that starts.
 * @returns {Promise<{browser: import("puppeteer-core").Browser, from: string}>}
 */
export async function startChromium() {
  const failures = [];
  for (const [from, find] of candidates()) {
    try {
      const { executablePath, env, flags = [] } = await find();
      const browser = await puppeteer.launch({
        executablePath,
        headless: "shell",
        args: [...FLAGS, ...flags],
        env: { ...process.env, ...env },
      });
      return { browser, from: `${from}, ${await browser.version()}` };
    } catch (error) {
      failures.push(`${from}: ${error.message}`);
    }
  }
  throw new Error(`no Chromium starts here:\n${failures.join("\n")}`);
}

function candidates() {
  const installed = INSTALLED.map((path) => [
    path,
    async () => {
      await access(path);
      return { executablePath: path };
    },
  ]);
  const carried = [
    ["the npm package's", () => carriedChromium({ withLibraries: false })],
    // Where the system lacks NSS and NSPR: those come with the package, too.
    ["the npm package's, with its libraries", () => carriedChromium({ withLibraries: true })],
  ];
  // For trying what a machine without a browser does: EDGE_CREDITS_CHROMIUM=npm.
  const only = process.env.EDGE_CREDITS_CHROMIUM === "npm";
  return only ? carried : [...installed, ...carried];
}

/**
 * Unpacks the package's Chromium into this repository, once. In a process of its own, because the
 * package is told where to, and whether its libraries are needed, by the environment.
 */
async function carriedChromium({ withLibraries }) {
  const shelf = join(REPOSITORY, "target", "browser");
  const home = join(shelf, withLibraries ? "chromium-libraries" : "chromium");
  const there = await access(home).then(() => true, () => false);
  if (!there) {
    // Moved into its place when it is whole: an unpacking that was cut off must not count.
    await mkdir(shelf, { recursive: true });
    const half = await mkdtemp(join(shelf, "unpacking-"));
    const env = { ...process.env, TMPDIR: half };
    if (withLibraries) env.AWS_LAMBDA_JS_RUNTIME = "nodejs20.x";
    const args = ["--input-type=module", "--eval", UNPACK];
    await run(process.execPath, args, { cwd: REPOSITORY, env });
    await rename(half, home);
  }
  return {
    executablePath: join(home, "chromium"),
    env: {
      // A machine without fonts would show none.
      FONTCONFIG_PATH: join(home, "fonts"),
      ...(withLibraries ? { LD_LIBRARY_PATH: join(home, "al2023", "lib") } : {}),
    },
    flags: ["--no-zygote"],
  };
}
