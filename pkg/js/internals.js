// The name under which a client offers what this package's own wrappers need and callers do not. A
// registered symbol, because wrapper and client may come from two copies of the package:
// `edge-credits/slim` is one by itself.

export const INTERNALS = Symbol.for("edge-credits.internals");
