// Replaces the global `queueMicrotask` in the bundle: the runtime's own is a call out of JavaScript,
// and one is due for each step of each future, so that it took a tenth of the time of a charge.
//
// What a task throws goes the same way as there: to the `error` listener.

const resolved = Promise.resolve();

export function queueMicrotask(task) {
  resolved.then(() => {
    try {
      task();
    } catch (error) {
      reportError(error);
    }
  });
}
