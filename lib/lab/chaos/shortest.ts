// The shortest history that shows a violation: events are left out as long as the same rule finds the same violation in
// what is left (delta debugging; Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002).
// No single event of the result can be left out. Pure.

import { checkHistory } from './check.js';
import type { ChaosEvent, Promises, Violation } from './events.js';

/** Returns the events that show the violation, in order. Empty if the history does not show it. */
export function shortestHistory(events: readonly ChaosEvent[], violation: Violation, promises?: Promises): ChaosEvent[] {
  const isShown = (some: readonly ChaosEvent[]): boolean =>
    checkHistory(some, promises).some(
      (each) => each.rule === violation.rule && each.atMs === violation.atMs && each.what === violation.what,
    );
  let left = events.filter((event) => event.atMs <= violation.atMs);
  if (!isShown(left)) return [];
  for (const kind of new Set(left.map((event) => event.kind))) {
    const without = left.filter((event) => event.kind !== kind);
    if (isShown(without)) left = without;
  }
  for (let parts = 2; left.length > 1; ) {
    const size = Math.ceil(left.length / parts);
    const without = findWithout(left, size, isShown);
    if (without !== undefined) {
      left = without;
      parts = Math.max(2, parts - 1);
    } else if (size === 1) break;
    else parts = Math.min(left.length, 2 * parts);
  }
  return left;
}

/** The events without the first part of this size that can be left out, or only that part; undefined if every part is needed. */
function findWithout(
  events: readonly ChaosEvent[],
  size: number,
  isShown: (some: readonly ChaosEvent[]) => boolean,
): ChaosEvent[] | undefined {
  for (let at = 0; at < events.length; at += size) {
    const without = [...events.slice(0, at), ...events.slice(at + size)];
    if (isShown(without)) return without;
  }
  return undefined;
}
