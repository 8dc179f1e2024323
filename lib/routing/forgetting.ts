// How beliefs about a host fade while no request can confirm them. All share one half-life, so that every eligible
// host, however bad, is tried again within seconds: its learned speed and its failures alike.

/** Half-life of a belief without new evidence. */
export const FORGET_HALF_LIFE_MS = 2000;

/** The fraction (0..1) of a belief that is forgotten after this long without evidence; the neutral value replaces it. */
export function forgottenAfter(elapsedMs: number): number {
  return 1 - 0.5 ** (elapsedMs / FORGET_HALF_LIFE_MS);
}
