/**
 * The ClockNext client without its WebAssembly module, as `edge-credits/slim` is of the other client. What can be
 * imported is that of `edge-credits/clocknext`, and `init`. Where requests share a process, as on Workers, it asks
 * no host for `waitUntil`: pass `waitUntil: ctx`, or use `withContext(ctx)`.
 *
 * The module is `edge-credits/clocknext/slim.wasm`, by whatever way the bundler or the host has for such files.
 *
 * @example
 * ```js
 * import { readFile } from 'node:fs/promises';
 * import { ClockNext, init } from 'edge-credits/clocknext/slim';
 *
 * await init(readFile(new URL(import.meta.resolve('edge-credits/clocknext/slim.wasm'))));
 * const cnk = new ClockNext({ apiKey: process.env.CREDITS_API_KEY, baseUrl: process.env.CREDITS_URL });
 * console.log((await cnk.signals.list({ customerId: 'cus_1' })).logs.length); // 0
 * ```
 *
 * @module
 */

import type { ModuleSource } from './slim.js';

export * from './clocknext.js';
export type { ModuleSource } from './slim.js';

/**
 * Loads the module; once, however often it is called. Before, `new ClockNext` throws.
 *
 * @param source The `WebAssembly.Module`, its bytes, a `Response` with them, or a promise of one of these.
 * @throws {TypeError} When it is none of them; `WebAssembly.CompileError`, or the host's own refusal to
 * compile bytes, as on workerd, which wants the module imported.
 */
export function init(source: ModuleSource | Promise<ModuleSource>): Promise<void>;
