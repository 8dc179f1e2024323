// The traffic of a fleet, from what its balancers say once a second: the master merges all of them, and each balancer its
// own, for when there is no master. Time is an argument: the process clock for windows, the wall clock for readers.
// Bounded whatever the messages say; does no I/O.

import { SECOND } from './clock.js';
import type {
  BalancerFigures,
  FleetFigures,
  HostTraffic,
  HostTrafficFigures,
  PoolFigures,
  PoolTraffic,
  StoredView,
  TrafficFigures,
} from './fleet-figures.js';
import { FleetHistory } from './fleet-history.js';
import type { MinuteFigures } from './minute-figures.js';
import { MAX_POOLS } from './model.js';
import { pickMatrixOf, RecentPicks } from './pick-matrix.js';
import { SlowMinute } from './slow-minute.js';
import { tailShares } from './tail-shares.js';
import { DEFAULT_SLOTS } from './table/layout.js';
import { COARSE_STEPS, FINE_STEPS, type Said, TrafficSeries, type WindowSteps } from './traffic-series.js';

/** A balancer is forgotten after this time, or after three of its intervals if they are longer. */
const FORGET_MS = 3 * SECOND;
const FORGET_INTERVALS = 3;

/** What a balancer said last. */
interface Speaker {
  readonly instance: string;
  readonly seq: number;
  readonly forgottenAtMs: number;
  readonly said: readonly (readonly [TrafficSeries, Said])[];
  readonly ejected: readonly (readonly [host: string, reason: string])[];
  readonly picks: RecentPicks;
}

/** Merges the messages of balancers. */
export class FleetTraffic {
  readonly #balancers = new Map<string, Speaker>();
  readonly #total = new TrafficSeries('', FINE_STEPS);
  readonly #pools = new Map<string, TrafficSeries>();
  readonly #hosts = new Map<string, TrafficSeries>();
  readonly #slowest = new SlowMinute();
  readonly #history = new FleetHistory();

  /**
   * Takes a message; false when a later one of the same process was here before.
   * @param nowMs when it arrived (process clock)
   */
  take(message: BalancerFigures, nowMs: number): boolean {
    const { balancer, instance, seq, seconds, pools, hosts, slowest } = message;
    const before = this.#balancers.get(balancer);
    if (before?.instance === instance && seq <= before.seq) return false;
    const second = secondOf(nowMs);
    const said: (readonly [TrafficSeries, Said])[] = [];
    for (const pool of pools) {
      const one = saidOfPool(pool, seconds);
      this.#total.take(one, pool.errors, second);
      said.push([this.#total, one]);
      this.#history.add(pool.latency);
      const series = pool.name === '' ? undefined : seriesIn(this.#pools, pool.name, MAX_POOLS, FINE_STEPS);
      if (series === undefined) continue;
      series.take(one, pool.errors, second);
      said.push([series, one]);
    }
    const picked = new Map<string, number>();
    for (const host of hosts) {
      const series = seriesIn(this.#hosts, host.name, DEFAULT_SLOTS, COARSE_STEPS);
      if (series === undefined) continue;
      const one = saidOfHost(host, seconds);
      series.take(one, host.errors, second);
      said.push([series, one]);
      // The series' own name: a copy of each message's would be kept for as long as its picks count.
      if (host.attempts > 0) picked.set(series.name, host.attempts);
    }
    this.#slowest.add(second, slowest);
    // After the new message, so that no sum comes down to nothing in between.
    if (before !== undefined) withdraw(before);
    const picks = before?.instance === instance ? before.picks : new RecentPicks();
    picks.add(nowMs, picked);
    this.#balancers.set(balancer, {
      ...{ instance, seq, said, picks },
      forgottenAtMs: nowMs + Math.max(FORGET_MS, FORGET_INTERVALS * seconds * SECOND),
      ejected: hosts.flatMap(({ name, ejected }) => (ejected === undefined ? [] : [[name, ejected] as const])),
    });
    return true;
  }

  /** Forgets a balancer that has left. */
  leave(balancer: string): void {
    const speaker = this.#balancers.get(balancer);
    if (speaker === undefined) return;
    withdraw(speaker);
    this.#balancers.delete(balancer);
  }

  /**
   * Ends a second; call once in each.
   * @param nowMs the process clock
   * @param atMs the wall clock
   */
  tick(nowMs: number, atMs: number): void {
    const second = secondOf(nowMs);
    for (const [balancer, { forgottenAtMs }] of this.#balancers) if (nowMs >= forgottenAtMs) this.leave(balancer);
    this.#slowest.advance(second);
    this.#total.advance(second);
    for (const [name, series] of this.#pools) {
      series.advance(second);
      if (series.isOver) this.#pools.delete(name);
    }
    for (const [name, series] of this.#hosts) {
      series.advance(second);
      this.#history.tickHost(name, series.rps);
      if (!series.isOver) continue;
      this.#hosts.delete(name);
      this.#history.forgetHost(name);
    }
    this.#history.tick(atMs, this.#total.rps, this.#total.errorRps);
  }

  /** Number of hosts with figures. */
  get hostCount(): number {
    return this.#hosts.size;
  }

  /** Goes on from the history that another master stored. */
  seed(stored: StoredView, atMs: number): void {
    this.#history.seed(stored, atMs);
  }

  /**
   * The figures of the whole fleet.
   * @param nowMs the process clock
   * @param stamp the master's, and the wall clock
   */
  figures(nowMs: number, stamp: Pick<FleetFigures, 'term' | 'mastership' | 'atMs'>): FleetFigures {
    const shares = tailShares([...this.#hosts.values()].map(({ minute }) => minute.counts));
    const ejectedBy = this.#ejectedBy();
    return {
      ...stamp,
      balancers: [...this.#balancers.keys()].toSorted(),
      total: trafficOf(this.#total),
      pools: [...this.#pools].map(([name, series]) => poolFiguresOf(name, series)),
      hosts: [...this.#hosts].map(([name, series], index) => hostFiguresOf(name, series, shares[index] as number, ejectedBy.get(name))),
      picks: pickMatrixOf(new Map([...this.#balancers].map(([name, { picks }]) => [name, picks.count(nowMs)]))),
      slowest: this.#slowest.all,
    };
  }

  /** The same with how it came about. */
  stored(figures: FleetFigures): StoredView {
    return { figures, history: this.#history.points, hostRps: this.#history.hostRps };
  }

  /** The last minute of a pool; undefined without any traffic. */
  poolMinute(name: string): MinuteFigures | undefined {
    return minuteOf(this.#pools.get(name));
  }

  /** The last minute of a host; undefined without any traffic. */
  hostMinute(name: string): MinuteFigures | undefined {
    return minuteOf(this.#hosts.get(name));
  }

  /** How many balancers have ejected each host that any has ejected. */
  ejections(): ReadonlyMap<string, number> {
    return new Map([...this.#ejectedBy()].map(([host, by]) => [host, by.length]));
  }

  #ejectedBy(): Map<string, (readonly [balancer: string, reason: string])[]> {
    const ejectedBy = new Map<string, (readonly [string, string])[]>();
    for (const [balancer, { ejected }] of this.#balancers) {
      for (const [host, reason] of ejected) {
        const by = ejectedBy.get(host);
        if (by === undefined) ejectedBy.set(host, [[balancer, reason]]);
        else by.push([balancer, reason]);
      }
    }
    return ejectedBy;
  }
}

const secondOf = (nowMs: number): number => Math.floor(nowMs / SECOND);

function withdraw({ said }: Speaker): void {
  for (const [series, one] of said) series.withdraw(one);
}

/** The series of a name; undefined when there are too many. */
function seriesIn(all: Map<string, TrafficSeries>, name: string, max: number, steps: WindowSteps): TrafficSeries | undefined {
  const known = all.get(name);
  if (known !== undefined || all.size >= max) return known;
  const series = new TrafficSeries(name, steps);
  all.set(name, series);
  return series;
}

function saidOfPool({ requests, errors, inflight, latency }: PoolTraffic, seconds: number): Said {
  return { rps: requests / seconds, errorRps: errors / seconds, inflight, latency };
}

function saidOfHost({ attempts, errors, latency }: HostTraffic, seconds: number): Said {
  return { rps: attempts / seconds, errorRps: errors / seconds, inflight: 0, latency };
}

function trafficOf(series: TrafficSeries): TrafficFigures {
  const { rps, errorRps, inflight } = series;
  return { rps, errorRps, inflight, ...series.windows() };
}

function poolFiguresOf(name: string, series: TrafficSeries): PoolFigures {
  return { name, ...trafficOf(series) };
}

function hostFiguresOf(
  name: string,
  series: TrafficSeries,
  p99Share: number,
  ejectedBy: HostTrafficFigures['ejectedBy'] = [],
): HostTrafficFigures {
  const { rps, errorRps } = series;
  return { name, rps, errorRps, ...series.windows(), p99Share, ejectedBy };
}

function minuteOf(series: TrafficSeries | undefined): MinuteFigures | undefined {
  return series && { ...series.minute.quantiles(), errorRps: series.minuteErrorRps };
}
