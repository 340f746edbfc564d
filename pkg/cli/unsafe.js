// Why a file of a project is not edited.

/** What `init` then prints, with what to add by hand. */
export class Unsafe extends Error {}
