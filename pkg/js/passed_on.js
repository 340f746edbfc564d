// A stream that is read along while it is passed on: part by part, each as it came, and no sooner than its
// reader asks for more. Only where the ledger is so slow to hear of it that the meter says so, a part waits.

/**
 * `note` sees each part before the reader gets it, who may take it away. `end` is told once how the stream
 * ended, and waited for; `broken` names an error of the source. What the meter refuses ends it, too, and so does
 * the `signal`. `partsOf` may cut a part into smaller ones.
 */
export function passedOn(source, meter, { note, end, signal, broken = () => "failed", partsOf = whole }) {
  const reader = source.getReader();
  let isOver = false;
  /** What is left of what was read: a reader gets a part each time that it asks. */
  let parts = null;
  let unheed = () => {};
  // Whatever ends it first.
  const over = (reason) => {
    isOver = true;
    unheed();
    return end(reason);
  };
  const read = async () => {
    meter.isAwaited = true;
    const chunk = await reader.read();
    meter.isAwaited = false;
    if (chunk.done) return chunk;
    parts = partsOf(chunk.value)[Symbol.iterator]();
    return parts.next();
  };
  const refuse = async (controller) => {
    controller.error(meter.refusal);
    reader.cancel(meter.refusal).catch(() => {});
    await over("exhausted");
  };
  const breakOff = (controller) => {
    if (isOver) return;
    controller.error(signal.reason);
    reader.cancel(signal.reason).catch(() => {});
    over("cancelled");
  };
  return new ReadableStream(
    {
      start(controller) {
        unheed = onAbort(signal, () => breakOff(controller));
      },
      async pull(controller) {
        if (meter.refusal !== null) return refuse(controller);
        let next = parts?.next();
        try {
          if (next === undefined || next.done) next = await read();
        } catch (error) {
          if (isOver) return;
          await over(broken());
          controller.error(error);
          return;
        }
        if (isOver) return;
        if (next.done) {
          await over("finished");
          controller.close();
          return;
        }
        note(next.value);
        const heard = meter.heard();
        if (heard !== null) await heard;
        if (!isOver) controller.enqueue(next.value);
      },
      async cancel(reason) {
        const cancelled = reader.cancel(reason);
        cancelled.catch(() => {});
        await over("cancelled");
        await cancelled;
      },
    },
    { highWaterMark: 0 },
  );
}

/** Does it when the signal is aborted, or has been; gives what forgets that. */
export function onAbort(signal, work) {
  if (typeof signal?.addEventListener !== "function") return () => {};
  if (signal.aborted) work();
  else signal.addEventListener("abort", work, { once: true });
  return () => signal.removeEventListener?.("abort", work);
}

function whole(part) {
  return [part];
}
