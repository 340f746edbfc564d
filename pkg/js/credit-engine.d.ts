// Types of edge-credits/credit-engine, written by hand: they need neither the DOM library nor any host's types.
// Start with `CreditEngine` in types/engine.d.ts.
/// <reference lib="esnext.disposable" />

export type * from './types/amounts.js';
export type * from './types/analytics.js';
export type * from './types/answers.js';
export type * from './types/config.js';
export * from './types/engine.js';
export * from './types/errors.js';
export type * from './types/hold.js';
export type * from './types/host.js';
export type * from './types/meter.js';
export type * from './types/options.js';
export type * from './types/quote.js';
