// Types of edge-credits: the client, and handlers that are paid for.

export * from './credit-engine.js';
export * from './types/with_credits.js';
