// How a belief about a host fades while no request can confirm it. There is one half-life for all of them, so that every
// eligible host is tried again within seconds, however bad it was: what a host is believed to do, and how much of it fails.

/** After so long without new evidence half of a belief is forgotten. */
export const FORGET_HALF_LIFE_MS = 2000;

/** The share (0..1) of a belief that is forgotten after so long without evidence; what takes its place is the neutral value. */
export function forgottenAfter(elapsedMs: number): number {
  return 1 - 0.5 ** (elapsedMs / FORGET_HALF_LIFE_MS);
}
