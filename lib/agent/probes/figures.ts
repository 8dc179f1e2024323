// Arithmetic shared by all probes. Pure: text and clock are passed in.
// Invariant: unknown values are null, and a fraction is always in 0..1.

/** CPU time in /proc has a resolution of 10 ms: over shorter windows than this, a figure would be noise. */
const SHORTEST_WINDOW_MS = 50;

/**
 * `used / available`, clamped to 0..1 (a cgroup's bursts can exceed its quota).
 * Null if either is unknown, or `available` is not above 0.
 */
export function fractionOf(used: number | null, available: number | null): number | null {
  if (used === null || available === null || !(available > 0)) return null;
  const fraction = used / available;
  return Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : null;
}

/** Parses a non-negative integer as printed by the kernel; null for anything else (`max`, `-1`, empty). */
export function parseCount(text: string | null | undefined): number | null {
  return text && /^\d{1,20}$/.test(text) ? Number(text) : null;
}

/**
 * How many CPUs a list such as `0-3,8` names (the format of cpuset(7)).
 * Null for an empty or malformed list.
 */
export function countCpus(list: string | null | undefined): number | null {
  if (!list) return null;
  let count = 0;
  for (const part of list.split(',')) {
    const range = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part);
    if (!range) return null;
    const first = Number(range[1]);
    const last = range[2] === undefined ? first : Number(range[2]);
    if (last < first) return null;
    count += last - first + 1;
  }
  return count;
}

/** Converts a counter of CPU seconds to cores in use: the mean between two samples. */
export class CpuMeter {
  readonly #nowMs: () => number;
  #last: { readonly counter: string; readonly seconds: number; readonly atMs: number } | null = null;

  constructor(nowMs: (() => number) | undefined) {
    this.#nowMs = nowMs ?? (() => performance.now());
  }

  /**
   * Takes a sample of a counter (CPU seconds used so far) and returns the cores in use since the last sample. Null for the
   * first sample, if the value is unknown or decreased, if the counter's name `counter` differs from the last sample's,
   * or if the last sample is less than 50 ms old; that sample is then kept, so that frequent reads still yield a figure.
   */
  coresInUse(counter: string, seconds: number | null): number | null {
    if (seconds === null) return null;
    const atMs = this.#nowMs();
    const last = this.#last;
    if (last === null || last.counter !== counter || seconds < last.seconds) {
      this.#last = { counter, seconds, atMs };
      return null;
    }
    const elapsedMs = atMs - last.atMs;
    if (elapsedMs < SHORTEST_WINDOW_MS) return null;
    this.#last = { counter, seconds, atMs };
    return (seconds - last.seconds) / (elapsedMs / 1000);
  }
}
