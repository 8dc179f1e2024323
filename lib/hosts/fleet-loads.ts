// The fleet's load on each host: requests in flight and finished per second over all balancers, and the host's capacity
// learned from both. Built from running totals, so that lost or duplicate messages don't distort the counts.

import { groupedBy } from '../grouped-by.js';
import { poolOf } from '../host-id.js';
import type { HostFigures, HostLoad, HostRow, LoadMessage } from '../model.js';
import { medianOf } from '../routing/usage.js';
import type { FinishedRequests } from '../learning/cost-model.js';
import { type CapacityState, type FleetSpeeds, perCoreOf, rescaleCapacity } from '../learning/capacity.js';
import type { CostChanges } from './fleet-costs.js';
import { type FleetLoad, HostTotal } from './host-total.js';

/** A balancer that is silent for this long has nothing in flight any more and names no hosts. */
export const BALANCER_TTL_MS = 3000;

/** Shortest interval to learn from: after a pause, timers fire back to back over messages that arrived during it. */
const MIN_LEARN_MS = 20;
const MIN_TICK_SECONDS = 0.2;

/** Weight of the newest value in the moving average of the message interval. */
const INTERVAL_WEIGHT = 0.1;

interface LastLoad {
  readonly inflight: number;
  readonly open: number;
  readonly longLived: number;
  readonly work: number;
  readonly served: number;
  /** When this message arrived. */
  readonly atMs: number;
}

interface BalancerLoads {
  readonly instance: string;
  heardAtMs: number;
  seq: number;
  /** Whether the totals cover this balancer completely: no message was missed since a full one. */
  isWhole: boolean;
  readonly hosts: Map<string, LastLoad>;
  readonly classes: string[];
}

const NO_LOAD: FleetLoad = { inflight: 0, open: 0, longLived: 0, work: 0, rps: 0, capacity: null, speed: null };
const NOTHING: LastLoad = { inflight: 0, open: 0, longLived: 0, work: 0, served: 0, atMs: Number.NaN };

const NO_SPEEDS: FleetSpeeds = { median: Number.NaN, capacity: Number.NaN, perCore: Number.NaN, serving: Number.NaN };

/** Receives the requests by class, whose names are those in the whole fleet; see `CostModel`. */
export interface ClassListener {
  finished(host: string, name: string, requests: FinishedRequests, atMs: number, spanMs: number): void;
  reported(name: string, count: number, cpuMs: number): void;
}

/** Adds up the load messages of the whole fleet. */
export class FleetLoads {
  readonly #classes: ClassListener | undefined;
  readonly #balancers = new Map<string, BalancerLoads>();
  readonly #totals = new Map<string, HostTotal>();
  #messages = 0;
  /** Moving average of the interval between two load messages of a balancer. */
  #intervalMs = 0;
  /** Time since messages were last counted. */
  #silentMs = 0;
  #acks = new Map<string, number>();
  #tickedAtMs = Number.NaN;
  #learnedAtMs = Number.NaN;
  /** By pool: a host is compared with those that serve the same. */
  #speeds = new Map<string, FleetSpeeds>();

  /** @param classes receives the requests by class */
  constructor(classes?: ClassListener) {
    this.#classes = classes;
  }

  /** Number of balancers heard. */
  get balancers(): number {
    return this.#balancers.size;
  }

  /** Takes over the capacity that an earlier master had learned. */
  seed({ name, capacity, speed }: HostRow, nowMs: number): void {
    const state = this.#totalOf(name, nowMs).capacity;
    if (Number.isNaN(state.capacity)) state.capacity = capacity ?? Number.NaN;
    if (Number.isNaN(state.speed)) state.speed = speed ?? Number.NaN;
  }

  /** Forgets what was learned of a removed host, since its name may return on another machine. Requests in flight still count. */
  forgetLearned(host: string, nowMs: number): void {
    const known = this.#totals.get(host);
    if (known === undefined) return;
    const { inflight, work, open, longLived } = known.load;
    const total = new HostTotal(poolOf(host), nowMs);
    total.change(inflight, work, nowMs);
    total.hold(open, longLived);
    total.renewMeasure();
    this.#totals.set(host, total);
  }

  /** Applies a message; returns the hosts whose in-flight load changed. */
  take(message: LoadMessage, nowMs: number): Set<string> {
    const changed = new Set<string>();
    let balancer = this.#balancers.get(message.balancer);
    if (balancer !== undefined && balancer.instance !== message.instance) {
      this.#drop(message.balancer, balancer, nowMs, changed);
      balancer = undefined;
    }
    if (balancer === undefined) {
      balancer = { instance: message.instance, heardAtMs: nowMs, seq: message.seq - 1, isWhole: false, hosts: new Map(), classes: [] };
      this.#balancers.set(message.balancer, balancer);
    }
    // A duplicate or late message adds nothing. A balancer of an earlier version whose clock was set back may restart
    // with a lower seq; it expires after a while and is then accepted again.
    if (message.seq <= balancer.seq) return changed;
    balancer.heardAtMs = nowMs;
    // A lost message may have changed hosts that are not in this one: acknowledge nothing until a full one arrives.
    if (message.isFull) balancer.isWhole = true;
    else if (message.seq !== balancer.seq + 1) balancer.isWhole = false;
    balancer.seq = message.seq;
    this.#messages++;
    for (const [id, name] of message.classes) balancer.classes[id] = name;
    for (const load of message.hosts) {
      const total = this.#totalOf(load.host, nowMs);
      const before = balancer.hosts.get(load.host);
      const { inflight, work, open, longLived } = before ?? NOTHING;
      if (load.inflight !== inflight || load.work !== work || load.open !== open || load.longLived !== longLived) changed.add(load.host);
      total.hold(load.open - open, load.longLived - longLived);
      total.change(load.inflight - inflight, load.work - work, nowMs);
      // Requests finished before this master listened don't count towards its rate.
      if (before !== undefined) {
        const served = Math.max(0, load.served - before.served);
        // A balancer reads its counters while requests come and go, and a torn read can put its mean off by the whole
        // clock value. The mean can't exceed those in flight at either end plus those finished in between.
        const isPlausible = load.meanInflight <= inflight + load.inflight + served + 1;
        const mean = isPlausible ? load.meanInflight : (inflight + load.inflight) / 2;
        total.correct((mean - inflight) * (nowMs - before.atMs));
        total.serve(served, load.evidence);
        this.#passFinished(load, balancer.classes, nowMs, nowMs - before.atMs);
      }
      balancer.hosts.set(load.host, {
        inflight: load.inflight,
        open: load.open,
        longLived: load.longLived,
        work: load.work,
        served: load.served,
        atMs: nowMs,
      });
    }
    for (const [id, count, cpuMs] of message.said) {
      const name = balancer.classes[id];
      if (name !== undefined) this.#classes?.reported(name, count, cpuMs);
    }
    if (message.isFull) this.#forgetUnnamed(message, balancer, nowMs, changed);
    if (balancer.isWhole) this.#acks.set(message.balancer, message.seq);
    return changed;
  }

  /** Returns the last message included from each balancer, for those that sent one since the last call. */
  takeAcks(): (readonly [balancer: string, seq: number])[] {
    if (this.#acks.size === 0) return [];
    const acks = [...this.#acks];
    this.#acks = new Map();
    return acks;
  }

  /** Whether balancers await an acknowledgement. */
  get hasAcks(): boolean {
    return this.#acks.size > 0;
  }

  /** Updates the rates and drops silent balancers. Returns the hosts whose loads changed thereby, and those whose rates changed. */
  tick(nowMs: number): { readonly loads: ReadonlySet<string>; readonly rates: ReadonlySet<string> } {
    const changed = new Set<string>();
    const rates = new Set<string>();
    for (const [name, balancer] of this.#balancers) {
      if (nowMs - balancer.heardAtMs > BALANCER_TTL_MS) this.#drop(name, balancer, nowMs, changed);
    }
    const seconds = (nowMs - this.#tickedAtMs) / 1000;
    if (seconds < MIN_TICK_SECONDS) return { loads: changed, rates };
    this.#tickedAtMs = nowMs;
    // The first tick has no duration (NaN), hence no rate.
    if (!(seconds > 0)) return { loads: changed, rates };
    for (const [host, total] of this.#totals) if (total.tick(seconds)) rates.add(host);
    const byPool = groupedBy(this.#totals.values(), ({ pool }) => pool);
    this.#speeds = new Map([...byPool].map(([pool, totals]) => [pool, speedsOf(totals)]));
    for (const [host, total] of this.#totals)
      if (total.rps === 0 && total.open === 0 && total.inflight === 0 && !this.#isNamed(host)) this.#totals.delete(host);
    return { loads: changed, rates };
  }

  /**
   * Updates the hosts' capacities from what was served since the last call; call it about ten times a second. Returns
   * the hosts whose capacity must be published again.
   * @param figuresOf an agent's figures; `cpu` is null when stale
   */
  learn(nowMs: number, figuresOf: (host: string) => Pick<HostFigures, 'cpu' | 'memory' | 'cores'>): Set<string> {
    const changed = new Set<string>();
    const elapsedMs = nowMs - this.#learnedAtMs;
    if (elapsedMs < MIN_LEARN_MS) return changed;
    this.#learnedAtMs = nowMs;
    // Messages may arrive less often than this is called.
    if (elapsedMs > 0) this.#silentMs += elapsedMs;
    if (this.#messages > 0) {
      const intervalMs = (this.#silentMs * this.#balancers.size) / this.#messages;
      this.#intervalMs += (intervalMs - this.#intervalMs) * INTERVAL_WEIGHT;
      this.#messages = this.#silentMs = 0;
    }
    this.#learnFirstSpeeds();
    for (const [host, total] of this.#totals) {
      total.learn(nowMs, elapsedMs, figuresOf(host), this.#speeds.get(total.pool) ?? NO_SPEEDS, 2 * this.#intervalMs);
      if (total.shouldPublish) changed.add(host);
    }
    return changed;
  }

  /**
   * Until the first median, all hosts of a pool count as equally fast: a host whose first request was quick by chance would get
   * most of the others.
   */
  #learnFirstSpeeds(): void {
    const sums = new Map<string, { work: number; durations: number }>();
    for (const { pool, evidence } of this.#totals.values()) {
      if (!Number.isNaN(this.#speeds.get(pool)?.median ?? Number.NaN)) continue;
      const sum = sums.get(pool) ?? { work: 0, durations: 0 };
      sum.work += evidence.work;
      sum.durations += evidence.durations;
      sums.set(pool, sum);
    }
    for (const [pool, { work, durations }] of sums) {
      const rate = work / durations;
      if (rate > 0) this.#speeds.set(pool, { ...(this.#speeds.get(pool) ?? NO_SPEEDS), median: rate, serving: rate });
    }
  }

  /** Like `of`, for publishing: the capacity counts as published. */
  publish(host: string): FleetLoad {
    this.#totals.get(host)?.notePublished();
    return this.of(host);
  }

  /** The fleet's load on a host, and its capacity. */
  of(host: string): FleetLoad {
    return this.#totals.get(host)?.load ?? NO_LOAD;
  }

  /** Rescales everything measured in work after costs changed. */
  rescale(changes: CostChanges): void {
    for (const [pool, { growth, moved }] of changes) {
      if (growth === 1 && moved === 0) continue;
      const totals = [...this.#totals.values()].filter((total) => total.pool === pool);
      const states = totals.map(({ capacity }) => capacity);
      const sum = (of: (state: CapacityState) => number): number => states.reduce((all, state) => all + of(state), 0);
      const meanRate = sum(({ work }) => work) / sum(({ durations }) => durations);
      for (const state of states) rescaleCapacity(state, growth, moved, meanRate);
      for (const total of totals) total.renewMeasure();
      const { median, capacity, perCore, serving } = this.#speeds.get(pool) ?? NO_SPEEDS;
      this.#speeds.set(pool, {
        median: median * growth,
        capacity: capacity * growth,
        perCore: perCore * growth,
        serving: serving * growth,
      });
    }
  }

  #isNamed(host: string): boolean {
    for (const balancer of this.#balancers.values()) if (balancer.hosts.has(host)) return true;
    return false;
  }

  #totalOf(host: string, nowMs: number): HostTotal {
    const known = this.#totals.get(host);
    if (known !== undefined) return known;
    const total = new HostTotal(poolOf(host), nowMs);
    this.#totals.set(host, total);
    return total;
  }

  #passFinished({ host, counts }: HostLoad, classes: readonly string[], nowMs: number, spanMs: number): void {
    for (let i = 0; i < counts.length; i += 3) {
      const name = classes[counts[i] as number];
      // If the message that named the class was lost, the next full one names it again.
      if (name !== undefined)
        this.#classes?.finished(host, name, { count: counts[i + 1] as number, busyMs: counts[i + 2] as number }, nowMs, spanMs);
    }
  }

  /** Drops the hosts that a full message leaves out: that balancer no longer knows them. */
  #forgetUnnamed(message: LoadMessage, balancer: BalancerLoads, nowMs: number, changed: Set<string>): void {
    if (balancer.hosts.size === message.hosts.length) return;
    const named = new Set(message.hosts.map(({ host }) => host));
    for (const [host, load] of balancer.hosts) {
      if (named.has(host)) continue;
      balancer.hosts.delete(host);
      this.#subtract(host, load, nowMs, changed);
    }
  }

  #drop(name: string, balancer: BalancerLoads, nowMs: number, changed: Set<string>): void {
    this.#balancers.delete(name);
    this.#acks.delete(name);
    for (const [host, load] of balancer.hosts) this.#subtract(host, load, nowMs, changed);
  }

  #subtract(host: string, { inflight, work, open, longLived }: LastLoad, nowMs: number, changed: Set<string>): void {
    const total = this.#totals.get(host);
    if (total === undefined || (inflight === 0 && open === 0)) return;
    total.hold(-open, -longLived);
    total.change(-inflight, -work, nowMs);
    changed.add(host);
  }
}

/** The speeds of the hosts of one pool. */
function speedsOf(totals: readonly HostTotal[]): FleetSpeeds {
  const known = totals.filter(({ capacity }) => !Number.isNaN(capacity.speed));
  const median = lowerMedianOf(known.map(({ capacity }) => capacity.speed));
  let [served, speedByServed] = [0, 0];
  for (const { rps, capacity } of known) {
    served += rps;
    speedByServed += rps * capacity.speed;
  }
  return {
    median,
    capacity: medianOf(Float64Array.from(totals.map(({ capacity }) => capacity.capacity).filter((capacity) => !Number.isNaN(capacity)))),
    perCore: lowerMedianOf(totals.map(({ capacity }) => perCoreOf(capacity)).filter((perCore) => perCore > 0)),
    serving: served > 0 ? speedByServed / served : median,
  };
}

/** The lower median, NaN without any: of two hosts, the one that answers without working must not set the standard. */
function lowerMedianOf(figures: readonly number[]): number {
  return figures.toSorted((one, other) => one - other)[(figures.length - 1) >> 1] ?? Number.NaN;
}
