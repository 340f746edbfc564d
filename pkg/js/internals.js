// What this package's own wrappers do with a client, and callers cannot: the name under which a client
// offers it. By a registered symbol, because the wrapper and the client may come from two copies of the
// package: `edge-credits/slim` is one by itself.

export const INTERNALS = Symbol.for("edge-credits.internals");
