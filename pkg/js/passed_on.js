// A stream that is read along while it is passed on: part by part, each as it came, and no sooner than its
// reader asks for more. Only where the ledger is so slow to hear of it that the meter says so, a part waits.

/**
 * `note` sees each part before the reader gets it, who may take it away. `end` is told once how the stream
 * ended, and waited for; `broken` names an error of the source. What the meter refuses ends it, too. `partsOf`
 * may cut a part into smaller ones.
 */
export function passedOn(source, meter, { note, end, broken = () => "failed", partsOf = whole }) {
  const reader = source.getReader();
  let isCancelled = false;
  const refuse = async (controller) => {
    controller.error(meter.refusal);
    reader.cancel(meter.refusal).catch(() => {});
    await end("exhausted");
  };
  return new ReadableStream(
    {
      async pull(controller) {
        let next;
        try {
          next = await reader.read();
        } catch (error) {
          await end(broken());
          controller.error(error);
          return;
        }
        if (next.done) {
          await end("finished");
          controller.close();
          return;
        }
        for (const part of partsOf(next.value)) {
          note(part);
          const heard = meter.heard();
          if (heard !== null) await heard;
          if (isCancelled) return;
          controller.enqueue(part);
          if (meter.refusal !== null) return refuse(controller);
        }
      },
      async cancel(reason) {
        isCancelled = true;
        const cancelled = reader.cancel(reason);
        cancelled.catch(() => {});
        await end("cancelled");
        await cancelled;
      },
    },
    { highWaterMark: 0 },
  );
}

function whole(part) {
  return [part];
}
