// Being told to end: once, and everything that was started is ended in order; twice, and at once.

/**
 * @returns {{signal: AbortSignal, told: Promise<true>}} both from the first of SIGINT, SIGTERM, SIGHUP
 */
export function listenForEnd() {
  const controller = new AbortController();
  const told = new Promise((done) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) {
      process.on(name, () => {
        // By `exit`, whose listeners end what was started.
        if (controller.signal.aborted) process.exit(1);
        controller.abort();
        done(true);
      });
    }
  });
  return { signal: controller.signal, told };
}
