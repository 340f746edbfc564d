// What the worker is made of, as everybody who runs it has to know: `dev` on this machine, `init` in
// a project's configuration. wrangler.toml of the repository says the same, and a test compares them.

/** The object classes of a ledger, each with the name that its namespace is bound to. */
export const OBJECTS = [
  { binding: "LEDGER", className: "LedgerObject" },
  { binding: "DIRECTORY", className: "DirectoryObject" },
];

/** The date of the platform behaviour that everything is tested against. */
export const COMPATIBILITY_DATE = "2026-10-23";

/** The Workers runtime that everything is tested on. */
export const WORKERD = "1.20261023.1";
