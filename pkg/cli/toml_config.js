// A wrangler.toml: read as wrangler reads it, and added to by tables behind its last line.

import { parseToml } from "../dist/cli.js";
import { behind } from "./appending.js";
import { Unsafe } from "./unsafe.js";

/** @returns {Record<string, any>} @throws {Unsafe} */
export function read(text) {
  try {
    return parseToml(text.replace(/^\uFEFF/, ""), { integersAsBigInt: "asNeeded" });
  } catch (error) {
    const where = error.line === undefined ? "" : ` (line ${error.line})`;
    throw new Unsafe(`it cannot be read${where}: ${String(error.message).split("\n")[0]}`);
  }
}

/** @param {import("./wrangler_config.js").Addition} addition */
export function add(text, addition) {
  return behind(text, tables(addition));
}

/** @param {import("./wrangler_config.js").Addition} addition */
export function tables({ bindings, migration }) {
  const blocks = bindings.map(
    (each) =>
      `[[durable_objects.bindings]]\nname = "${each.name}"\nclass_name = "${each.class_name}"\n`,
  );
  if (migration) {
    const names = migration.new_sqlite_classes.map((name) => `"${name}"`).join(", ");
    blocks.push(`[[migrations]]\ntag = "${migration.tag}"\nnew_sqlite_classes = [${names}]\n`);
  }
  return blocks.join("\n");
}
