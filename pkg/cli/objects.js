// What the worker is made of, as everybody who runs it has to know: `dev` on this machine, `init` in
// a project's configuration. wrangler.toml of the repository says the same, and a test compares them.

/**
 * @typedef {object} ObjectClass
 * @property {string} className
 * @property {string} binding the name that its namespace is bound to
 * @property {boolean} embedded whether a ledger that is part of another Worker needs it
 * @property {boolean} fixedName whether the ledger looks for that very name; else any will do
 */

/** @type {ObjectClass[]} */
export const ALL_OBJECTS = [
  { className: "LedgerObject", binding: "LEDGER", embedded: true, fixedName: false },
  { className: "BalanceCacheObject", binding: "BALANCE_CACHE", embedded: false, fixedName: true },
  { className: "DirectoryObject", binding: "DIRECTORY", embedded: true, fixedName: true },
];

/** What `init` adds to a project. A class more here is all that it takes. */
export const OBJECTS = ALL_OBJECTS.filter(({ embedded }) => embedded);

/** The date of the platform behaviour that everything is tested against. */
export const COMPATIBILITY_DATE = "2026-10-23";

/** The Workers runtime that everything is tested on. */
export const WORKERD = "1.20261023.1";
