// Looks into the JavaScript heap of a runtime, over its inspector (the Chrome DevTools Protocol).

/**
 * Bytes that are in use after a full collection, in the isolate of the runtime's first worker: what is
 * left then is held by somebody.
 * @param {string} inspector an address that `startWorkerd({inspect: true})` tells
 * @param {() => Promise<unknown>} call makes any request to that worker: its isolate collects when it
 *   serves the next one
 */
export async function heapOf(inspector, call) {
  const [isolate] = await (await fetch(`${inspector}/json`)).json();
  const socket = new WebSocket(isolate.webSocketDebuggerUrl);
  try {
    await new Promise((done, fail) => {
      socket.addEventListener("open", done, { once: true });
      onEnd(socket, fail);
    });
    let collected = false;
    const collect = ask(socket, { id: 1, method: "HeapProfiler.collectGarbage" });
    const callOn = async () => {
      while (!collected) await call();
    };
    await Promise.all([collect.finally(() => (collected = true)), callOn()]);
    const { usedSize } = await ask(socket, { id: 2, method: "Runtime.getHeapUsage" });
    return usedSize;
  } finally {
    socket.close();
  }
}

/** The answer to one command. The inspector tells of other things in between, unasked. */
function ask(socket, command) {
  return new Promise((done, fail) => {
    socket.addEventListener("message", ({ data }) => {
      const { id, result, error } = JSON.parse(data);
      if (id !== command.id) return;
      if (error) fail(new Error(`${command.method}: ${error.message}`));
      else done(result);
    });
    onEnd(socket, fail);
    socket.send(JSON.stringify(command));
  });
}

function onEnd(socket, fail) {
  const gone = () => fail(new Error("the runtime's inspector is gone"));
  for (const event of ["error", "close"]) socket.addEventListener(event, gone, { once: true });
}
