// Tells a change of traffic from chance, so that averages can be slow while traffic is steady and quick when it moves. Pure.

/** Standard deviations that chance exceeds once in 16,000 intervals (of a normal distribution, which Poisson counts approach). */
const CHANGED_SIGMAS = 4;

/** Whether a count is so far from the expected one that its rate has changed; of Poisson arrivals, the deviation is the root. */
export function hasChanged(count: number, expected: number): boolean {
  return Math.abs(count - expected) > CHANGED_SIGMAS * Math.sqrt(expected + 1);
}
