// Work that must not run twice at the same time, and that is asked for in bursts.

/**
 * Makes a function that runs `work` at once, or once more after the run that is under way, however often it is asked
 * for meanwhile. `work` must not reject.
 */
export function oneAtATime(work: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  let isDue = false;
  return () => {
    isDue = true;
    running ??= (async () => {
      while (isDue) {
        isDue = false;
        // oxlint-disable-next-line no-await-in-loop -- one after the other is what it is for
        await work();
      }
      running = undefined;
    })();
    return running;
  };
}
