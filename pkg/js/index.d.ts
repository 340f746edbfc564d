// Types of edge-credits: both clients, and handlers that are paid for.

export * from './clocknext.js';
export * from './credit-engine.js';
export { RateLimitError } from './types/rate_limit.js';
export * from './types/with_credits.js';
