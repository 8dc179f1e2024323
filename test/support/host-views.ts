// Views of a host table as policies see them, and the statistics that tests of policies need.

import { FLEET, type HostView, type Policy } from '../../lib/model.js';

/** Options of a view; unspecified hosts are eligible, with a usage of 0.5 reported at 0 ms. */
export interface ViewOptions {
  /** Usage by slot; NaN is a host that never said. */
  readonly usage?: readonly number[];
  /** When each slot reported, by slot; NaN for never. */
  readonly reportedAt?: readonly number[];
  readonly avoidUntil?: Readonly<Record<number, number>>;
  readonly failing?: readonly number[];
  /** Since when each slot warms up; 0 when it need not. */
  readonly warmSince?: readonly number[];
  readonly slowStartMs?: number;
  /** The slots that are candidates; all of them by default. */
  readonly candidates?: readonly number[];
  readonly isPanic?: boolean;
  readonly neutral?: number;
  /** Our own requests in flight and their work, and the others', by slot; 0 by default. */
  readonly inflight?: readonly number[];
  readonly maxInflight?: number;
  /** All of those in flight by default. */
  readonly awaited?: readonly number[];
  readonly longLived?: readonly number[];
  readonly othersLongLived?: readonly number[];
  readonly work?: readonly number[];
  readonly othersInflight?: readonly number[];
  readonly othersWork?: readonly number[];
  /** By slot; 1 by default. */
  readonly weight?: readonly number[];
  /** By slot; unknown by default. */
  readonly capacity?: readonly number[];
  readonly speed?: readonly number[];
  /** Figures of the fleet as a whole, by name; unknown by default. */
  readonly fleet?: Partial<Record<keyof typeof FLEET, number>>;
}

/** A view over `slots` slots. */
export function buildView(slots: number, options: ViewOptions = {}): HostView {
  const candidates = options.candidates ?? Array.from({ length: slots }, (_, slot) => slot);
  const list = Int32Array.of(candidates.length, ...candidates);
  const column = (of: readonly number[] | undefined, missing: number) =>
    Float64Array.from({ length: slots }, (_, slot) => of?.[slot] ?? missing);
  const avoidUntil = new Float64Array(slots);
  for (const [slot, untilMs] of Object.entries(options.avoidUntil ?? {})) avoidUntil[Number(slot)] = untilMs;
  const fleet = new Float64Array(16).fill(Number.NaN);
  fleet[FLEET.neutralUsage] = options.neutral ?? 0.5;
  for (const [name, figure] of Object.entries(options.fleet ?? {})) fleet[FLEET[name as keyof typeof FLEET]] = figure;
  return {
    candidates: () => list,
    wellCount: list[0] as number,
    isPanic: options.isPanic ?? false,
    pool: 0,
    epoch: new Set(candidates.map((slot) => options.weight?.[slot] ?? 1)).size > 1 ? 1 : 0,
    weight: column(options.weight, 1),
    usage: column(options.usage, 0.5),
    reportedAt: column(options.reportedAt, 0),
    avoidUntil,
    failing: column(options.failing, 0),
    warmSince: column(options.warmSince, 0),
    slowStartMs: options.slowStartMs ?? 0,
    inflight: Int32Array.from(column(options.inflight, 0)),
    awaited: Int32Array.from(column(options.awaited ?? options.inflight, 0)),
    longLived: Int32Array.from(column(options.longLived, 0)),
    othersLongLived: Int32Array.from(column(options.othersLongLived, 0)),
    maxInflight: options.maxInflight ?? Number.POSITIVE_INFINITY,
    work: column(options.work, 0),
    othersInflight: column(options.othersInflight, 0),
    othersWork: column(options.othersWork, 0),
    capacity: column(options.capacity, Number.NaN),
    speed: column(options.speed, Number.NaN),
    fleet,
  };
}

/** The same view, counting every cell that is read; `reads.most` is the most in one pick of all. */
export function countReads(view: HostView): { view: HostView; reads: { now: number } } {
  const reads = { now: 0 };
  const counting = <T extends object>(cells: T): T =>
    new Proxy(cells, {
      get(target, key) {
        reads.now++;
        return Reflect.get(target, key) as unknown;
      },
    });
  const list = counting(view.candidates());
  return {
    reads,
    view: {
      candidates: () => list,
      wellCount: view.wellCount,
      isPanic: view.isPanic,
      pool: view.pool,
      epoch: view.epoch,
      weight: counting(view.weight),
      usage: counting(view.usage),
      reportedAt: counting(view.reportedAt),
      avoidUntil: counting(view.avoidUntil),
      failing: counting(view.failing),
      warmSince: counting(view.warmSince),
      slowStartMs: view.slowStartMs,
      inflight: counting(view.inflight),
      awaited: counting(view.awaited),
      longLived: counting(view.longLived),
      othersLongLived: counting(view.othersLongLived),
      maxInflight: view.maxInflight,
      work: counting(view.work),
      othersInflight: counting(view.othersInflight),
      othersWork: counting(view.othersWork),
      capacity: counting(view.capacity),
      speed: counting(view.speed),
      fleet: view.fleet,
    },
  };
}

/** How often each slot is picked in `picks` picks; the last element counts the picks of none. */
export function countPicks(policy: Policy, view: HostView, slots: number, picks: number, nowMs = 0, excluded = -1): number[] {
  const counts = Array.from({ length: slots + 1 }, () => 0);
  for (let i = 0; i < picks; i++) {
    const slot = policy.pick(view, nowMs, excluded, 10);
    const at = slot < 0 ? slots : slot;
    counts[at] = (counts[at] as number) + 1;
  }
  return counts;
}

/** Pearson's chi-square of counts against the expected shares, which add up to 1. */
export function chiSquare(counts: readonly number[], shares: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.reduce((sum, count, i) => {
    const expected = total * (shares[i] as number);
    return expected === 0 ? sum + (count === 0 ? 0 : Number.POSITIVE_INFINITY) : sum + (count - expected) ** 2 / expected;
  }, 0);
}

/** What chi-square may be: its mean and five of its standard deviations. */
export function chiSquareLimit(freedom: number): number {
  return freedom + 5 * Math.sqrt(2 * freedom);
}

/**
 * The shares that two random choices give hosts of these usages: a host wins against each that is more
 * used, and half the time against its equals. For n different usages the i-th least used gets (2(n−i)+1)/n².
 */
export function twoChoiceShares(usages: readonly number[]): number[] {
  // Of all ordered pairs: both draws the same host, or it and another, in either order.
  const pairs = usages.length ** 2;
  return usages.map((own, i) =>
    usages.reduce((won, other, j) => {
      if (i === j) return won + 1 / pairs;
      if (other < own) return won;
      return won + (other === own ? 1 : 2) / pairs;
    }, 0),
  );
}
