// Types of edge-credits/hono: structural, so that Hono need not be installed for them.

import type { CreditsOptions, PaidContext } from './types/with_credits.js';

export type { CreditsOptions, CreditsProblem, PaidContext } from './types/with_credits.js';

/** For `new Hono<{ Variables: CreditsVariables }>()`: what `c.get('credits')` gives. */
export interface CreditsVariables {
  credits: PaidContext;
}

/**
 * The middleware that makes credits pay for what comes after it: {@link CreditsOptions}, whose functions
 * get Hono's context (typed as `any`, for Hono's own types are not needed here). Handlers find
 * {@link PaidContext} as `c.get('credits')` or `c.var.credits`. Paid after the work, `amount` gets the
 * response before the context. Whatever matches the path is charged, also what ends as 404 and CORS
 * preflights: use `cors()` before, and paths that have handlers.
 *
 * @throws {CreditEngineError} `invalid_config`, when it is made.
 *
 * @example
 * ```js
 * import { Hono } from 'hono';
 * import { CreditEngine } from 'edge-credits';
 * import { credits } from 'edge-credits/hono';
 *
 * const ce = new CreditEngine({ apiKey: 'ce_test_xxx', baseUrl: 'http://127.0.0.1:8787' });
 * const app = new Hono();
 * app.use('/ai/*', credits({ client: ce, customer: (c) => c.req.header('x-user'), amount: 5 }));
 * app.get('/ai/answer', (c) => c.json({ left: c.get('credits').charge.balance }));
 * ```
 */
export function credits(
  options: CreditsOptions<readonly [c: any], any>,
): (c: any, next: () => Promise<void>) => Promise<any>;
