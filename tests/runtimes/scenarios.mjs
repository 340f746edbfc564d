// The corpus of tests/scenarios, all files in one list.

import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import { REPOSITORY } from "./project.mjs";

export async function readScenarios() {
  const directory = join(REPOSITORY, "tests", "scenarios");
  const files = (await readdir(directory)).filter((name) => name.endsWith(".json")).sort();
  const texts = await Promise.all(files.map((name) => readFile(join(directory, name), "utf8")));
  return texts.flatMap((text) => JSON.parse(text));
}
