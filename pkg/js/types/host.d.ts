// What a host must offer, said structurally: neither the DOM library nor a host's types are needed.

/** A response, as `fetch` of any runtime returns it. */
export interface FetchResponse {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  readonly body: unknown;
}

/**
 * Anything with a `fetch` method: a Cloudflare service binding, a Durable Object stub, or an object
 * of your own. It is called with a URL and an init object (`method`, `headers`, `body`,
 * `redirect: "manual"`, `signal`).
 */
export interface Fetcher {
  fetch(url: string, init?: FetchInit): Promise<FetchResponse>;
}

/** What `Fetcher.fetch` is called with, beside the URL. */
export interface FetchInit {
  method?: string;
  headers?: unknown;
  body?: unknown;
  redirect?: string;
  signal?: unknown;
}

/** A Durable Object namespace: `env.LEDGER`, `env.BALANCE_CACHE`. */
export interface ObjectNamespace {
  idFromName(name: string): unknown;
  get(id: unknown): Fetcher;
}

/** Keeps the host awake until a promise settles. */
export type WaitUntil = (promise: Promise<unknown>) => void;

/** A handler's context: Cloudflare's `ctx`, Netlify's second argument. */
export interface WaitUntilContext {
  waitUntil(promise: Promise<unknown>): void;
}

/** An `AbortSignal`, such as a request's `signal`. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: any;
  addEventListener(type: 'abort', listener: () => void, options?: { once?: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}
