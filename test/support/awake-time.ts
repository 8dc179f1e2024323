// Time limits on a machine that stalls. A test that says "within 1.5 s" means time in which its process runs: while it
// stands still nothing can happen in it, and afterwards all timers are due at once.

/** The pause between two looks at the clock. */
const LOOK_EVERY_MS = 20;

/** A longer pause was a stall, and counts as this much. */
const MOST_PER_LOOK_MS = 100;

/** Starts to measure the time in which this process runs; gives what reads it, in ms. It is never more than the time that passed. */
export function startAwakeTimer(): () => number {
  let lastMs = performance.now();
  let awakeMs = 0;
  const look = (): number => {
    const nowMs = performance.now();
    awakeMs += Math.min(nowMs - lastMs, MOST_PER_LOOK_MS);
    lastMs = nowMs;
    return awakeMs;
  };
  setInterval(look, LOOK_EVERY_MS).unref();
  return look;
}
