// Types of edge-credits/clocknext, written by hand: they need neither the DOM library nor any host's types.
// Start with `ClockNext` in types/clocknext.d.ts.
/// <reference lib="esnext.disposable" />

export * from './types/clocknext.js';
export * from './types/clocknext_errors.js';
export type * from './types/customers.js';
export { EdgeCreditsError, isEdgeCreditsError } from './types/errors.js';
export type { ErrorFacts } from './types/errors.js';
export type * from './types/host.js';
export type * from './types/signals.js';
