// When forged messages may have an effect: with a fleet key never, without one until the fleet has recovered from them.
// The only place that knows the difference.

import type { ChaosEvent, Promises } from './events.js';

/** The mastership of forged tables begins with this; a real one is random. */
export const FORGED_PREFIX = 'f0f0f0f0f0f0';

/** Whether a mastership is a forger's. */
export function isForgedMastership(mastership: string): boolean {
  return mastership.startsWith(FORGED_PREFIX);
}

/** Returns whether forged messages may have an effect at a given moment. */
export function forgedAt(events: readonly ChaosEvent[], { isSigned, wellWithinMs }: Promises): (atMs: number) => boolean {
  if (isSigned) return () => false;
  const spans: { readonly sinceMs: number; untilMs: number }[] = [];
  for (const event of events) {
    if (event.kind !== 'forging') continue;
    const last = spans.at(-1);
    if (event.isOn) spans.push({ sinceMs: event.atMs, untilMs: Number.POSITIVE_INFINITY });
    else if (last !== undefined) last.untilMs = event.atMs + wellWithinMs;
  }
  return (atMs) => spans.some(({ sinceMs, untilMs }) => atMs >= sinceMs && atMs <= untilMs);
}
