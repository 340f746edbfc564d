// A stream that is read along while it is passed on: part by part, each as it came, and no sooner than its
// reader asks for more.

/**
 * `note` sees each part before the reader gets it, who may take it away. `end` is told once how the stream
 * ended, and waited for; `broken` names an error of the source. What the meter refuses ends it, too.
 */
export function passedOn(source, meter, { note, end, broken = () => "failed" }) {
  const reader = source.getReader();
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
        note(next.value);
        controller.enqueue(next.value);
        if (meter.refusal === null) return;
        controller.error(meter.refusal);
        reader.cancel(meter.refusal).catch(() => {});
        await end("exhausted");
      },
      async cancel(reason) {
        const cancelled = reader.cancel(reason);
        cancelled.catch(() => {});
        await end("cancelled");
        await cancelled;
      },
    },
    { highWaterMark: 0 },
  );
}
