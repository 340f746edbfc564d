// What a command tells its user instead of a stack trace.

/** It could not be done. The message says why, and what to do. */
export class Trouble extends Error {}

/** It was not understood. */
export class Misuse extends Trouble {}
