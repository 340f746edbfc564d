/**
 * The client without its WebAssembly module, for bundles whose runtime none of the package's conditions
 * names: they would carry the module as text, twice its size. What can be imported is that of
 * `edge-credits` without `ClockNext`, and `init`. There is no persistent mode in memory.
 *
 * The module is `edge-credits/slim.wasm`, by whatever way the bundler or the host has for such files.
 *
 * @example
 * ```js
 * import { readFile } from 'node:fs/promises';
 * import { CreditEngine, init } from 'edge-credits/slim';
 *
 * await init(readFile(new URL(import.meta.resolve('edge-credits/slim.wasm'))));
 * const ce = new CreditEngine({ apiKey: 'ce_test_xxx', baseUrl: 'http://127.0.0.1:8787', mode: 'stateless' });
 * ```
 *
 * @module
 */

export * from './credit-engine.js';
export * from './types/with_credits.js';

/**
 * Loads the module; once, however often it is called. Before, `new CreditEngine` throws.
 *
 * @param source The `WebAssembly.Module`, its bytes, a `Response` with them, or a promise of one of these.
 * @throws {TypeError} When it is none of them; `WebAssembly.CompileError`, or the host's own refusal to
 * compile bytes, as on workerd, which wants the module imported.
 */
export function init(source: ModuleSource | Promise<ModuleSource>): Promise<void>;

/** What {@link init} takes: bytes, something with an `arrayBuffer` method, or the host's compiled module. */
export type ModuleSource = ArrayBuffer | ArrayBufferView | { arrayBuffer(): Promise<ArrayBuffer> } | object;
