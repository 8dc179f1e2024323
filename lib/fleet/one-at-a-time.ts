// Serialises work that is requested in bursts and must not run concurrently.

/**
 * Wraps `work` so that a call runs it at once or, while it is running, once more afterwards, however many calls arrive
 * meanwhile. `work` must not reject.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let isDue = false;
  return () => {
    isDue = true;
    running ??= (async () => {
      while (isDue) {
        isDue = false;
        // oxlint-disable-next-line no-await-in-loop -- runs are sequential on purpose
        await work();
      }
      running = undefined;
    })();
    return running;
  };
}
