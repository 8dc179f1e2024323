// Waiting for a condition with a deadline: what tests do instead of sleeping.
// It always settles: also when the condition throws, or hands out a promise that never settles.

import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait, how often to look, and what to call it in the error. */
export interface UntilOptions {
  /** When to give up; 20 s by default: what a slow machine needs, and a quick one never waits for. */
  readonly timeoutMs?: number;
  /** The pause between two looks in ms; by default 10 at first, then a tenth of what was waited for already, at most 50. */
  readonly everyMs?: number;
  /** What is waited for, as the error names it: "the second slave to join". */
  readonly what?: string | (() => string);
}

/** What is left of a type when its falsy values are taken away. */
export type Truthy<T> = Exclude<T, null | undefined | false | 0 | ''>;

const DEADLINE = Symbol('deadline');

/** The pause before the next look: what takes long is looked at less often, since each look can cost a few ms of CPU. */
const pauseMs = (waitedMs: number): number => Math.min(50, Math.max(10, waitedMs / 10));

/**
 * Resolves to the first truthy value of `condition`. A condition that throws (or rejects) counts as "not yet".
 * At the deadline it rejects with an error that names `what` and has the last thing thrown, if any, as its cause.
 */
export async function until<T>(condition: () => T | Promise<T>, options: UntilOptions = {}): Promise<Truthy<T>> {
  const { timeoutMs = 20_000, everyMs, what = 'the condition' } = options;
  const timer = new AbortController();
  const deadline = sleep(timeoutMs, DEADLINE, { signal: timer.signal }).catch(() => DEADLINE);
  const started = performance.now();
  let lastThrown: unknown;
  try {
    do {
      try {
        const value = await Promise.race([condition(), deadline]);
        if (value === DEADLINE) break;
        lastThrown = undefined;
        if (value) return value as Truthy<T>;
      } catch (thrown) {
        lastThrown = thrown;
      }
      await sleep(everyMs ?? pauseMs(performance.now() - started));
    } while (performance.now() - started < timeoutMs);
  } finally {
    timer.abort();
  }
  const name = typeof what === 'string' ? what : what();
  const last = lastThrown === undefined ? '' : `; last error: ${lastThrown instanceof Error ? lastThrown.message : String(lastThrown)}`;
  throw new Error(`waited ${timeoutMs} ms for ${name}${last}`, { cause: lastThrown });
}
