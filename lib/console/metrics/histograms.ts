// Histograms for Prometheus out of the buckets that latencies are counted in. A bucket has its lower bound and not its upper
// one, so that `le="0.005"` counts what took less than 5 ms.

import { bucketOf, LATENCY_BUCKETS } from '../../table/latency-buckets.js';
import type { TableColumns } from '../../table/layout.js';
import { BOUNDS_MS } from './exposition.js';

/** The first bucket at or above each bound, and the end. */
const ENDS: readonly number[] = [...BOUNDS_MS.map(bucketOf), LATENCY_BUCKETS];

/** A host's cells wrap at 2^32. */
const WRAP = 2 ** 32;

/** From here on a host's totals are kept: long before a cell can have wrapped, so that the totals at the first look are right. */
const KEPT_FROM = WRAP / 2;

/** Numbers of latencies between the bounds: below the first, …, at or above the last. */
function countsBetween(cells: ArrayLike<number>, offset: number): number[] {
  let bucket = 0;
  return ENDS.map((end) => {
    let count = 0;
    for (; bucket < end; bucket++) count += cells[offset + bucket] as number;
    return count;
  });
}

/** Running sums: numbers below each bound, and of all. Changes `counts`. */
function accumulate(counts: number[]): number[] {
  for (let i = 1; i < counts.length; i++) counts[i] = (counts[i] as number) + (counts[i - 1] as number);
  return counts;
}

/** The latencies of requests to a pool, by its index. */
export function poolHistogram({ poolLatency }: Pick<TableColumns, 'poolLatency'>, pool: number): number[] {
  return accumulate(countsBetween(poolLatency, pool * LATENCY_BUCKETS));
}

interface Totals {
  readonly seen: number[];
  readonly counts: number[];
}

/** The columns that `HostHistograms` reads. */
export type LatencyColumns = Pick<TableColumns, 'attempts' | 'hostLatency'>;

/** The latencies of hosts. Invariant: what is read of a host never falls while the host keeps its slot, also when its cells wrap. */
export class HostHistograms {
  readonly #totals = new Map<number, Totals>();

  /** The latencies of the host in a slot. Read a busy host at least once in 2^31 of its requests, or some are not counted. */
  read({ attempts, hostLatency }: LatencyColumns, slot: number): number[] {
    const counts = countsBetween(hostLatency, slot * LATENCY_BUCKETS);
    // As many attempts as latencies or more: nothing has wrapped. A new host in the slot begins at 0.
    const attempted = attempts[slot] as number;
    if (attempted < KEPT_FROM) {
      this.#totals.delete(slot);
      return accumulate(counts);
    }
    const before = attempted < WRAP ? undefined : this.#totals.get(slot);
    const totals =
      before === undefined
        ? counts
        : counts.map((count, i) => (before.counts[i] as number) + ((((count - (before.seen[i] as number)) % WRAP) + WRAP) % WRAP));
    this.#totals.set(slot, { seen: counts, counts: totals });
    return accumulate([...totals]);
  }
}
