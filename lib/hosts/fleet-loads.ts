// What all balancers together have in flight on each host, how many requests a second they finish there, and
// what the hosts can do, learned from both. Built from totals, so that a message that is lost or comes twice is
// not counted wrongly.

import type { HostFigures, HostLoad, HostRow, LoadMessage } from '../model.js';
import { isBogusPace, neutralPaceOf } from '../routing/pace.js';
import { medianOf } from '../routing/usage.js';
import type { CostModel } from '../learning/cost-model.js';
import { type CapacityState, doubtCapacity, type FleetSpeeds, rescaleCapacity } from '../learning/capacity.js';
import type { CostChange } from './fleet-costs.js';
import { type FleetLoad, HostTotal } from './host-total.js';

/** A balancer that says nothing for this long has nothing in flight any more, and names no hosts. */
export const BALANCER_TTL_MS = 3000;

/** Of less time than this nothing is learned: after a pause timers fire one right after another, and what came in during it is not the work of no time. */
const MIN_LEARN_MS = 20;
const MIN_TICK_SECONDS = 0.2;

/** The weight of the newest in the smoothed interval of messages. */
const INTERVAL_WEIGHT = 0.1;

/** More are not told: then the median is not to be believed. */
const MAX_LIKELY_BOGUS = 256;

interface Said {
  readonly inflight: number;
  readonly work: number;
  readonly served: number;
  /** When this was heard. */
  readonly atMs: number;
}

interface BalancerLoads {
  readonly instance: string;
  heardAtMs: number;
  seq: number;
  /** Whether all that this balancer has is contained: since a full message no one was missed. */
  isWhole: boolean;
  readonly hosts: Map<string, Said>;
  readonly classes: string[];
}

const NO_LOAD: FleetLoad = { inflight: 0, work: 0, rps: 0, capacity: null, speed: null };
const NOTHING: Said = { inflight: 0, work: 0, served: 0, atMs: Number.NaN };

/** Who learns of requests by class; the cost model. */
export type ClassListener = Pick<CostModel, 'finished' | 'said'>;

/** Adds up the load messages of the whole fleet. */
export class FleetLoads {
  readonly #classes: ClassListener | undefined;
  readonly #balancers = new Map<string, BalancerLoads>();
  readonly #totals = new Map<string, HostTotal>();
  #neutralPace = Number.NaN;
  #likelyBogus: readonly string[] = [];
  #messages = 0;
  /** How long balancers wait between two messages, as it was lately. */
  #intervalMs = 0;
  /** Since messages were counted last. */
  #silentMs = 0;
  #acks = new Map<string, number>();
  #tickedAtMs = Number.NaN;
  #learnedAtMs = Number.NaN;
  #speeds: FleetSpeeds = { median: Number.NaN, capacity: Number.NaN, serving: Number.NaN };

  /** @param classes is told of requests by class */
  constructor(classes?: ClassListener) {
    this.#classes = classes;
  }

  /** How many balancers are heard. */
  get balancers(): number {
    return this.#balancers.size;
  }

  /** Takes over what an earlier master knew that a host can do. */
  seed({ name, capacity, speed }: HostRow, nowMs: number): void {
    const state = this.#totalOf(name, nowMs).capacity;
    if (Number.isNaN(state.capacity)) state.capacity = capacity ?? Number.NaN;
    if (Number.isNaN(state.speed)) state.speed = speed ?? Number.NaN;
  }

  /** Forgets what was learned of a host that left: under its name may come another machine. What balancers have in flight still counts. */
  forgetLearned(host: string, nowMs: number): void {
    const known = this.#totals.get(host);
    if (known === undefined) return;
    const { inflight, work } = known.load;
    const total = new HostTotal(nowMs);
    total.change(inflight, work, nowMs);
    total.renewMeasure();
    this.#totals.set(host, total);
  }

  /** Takes one message; gives the names of the hosts whose requests in flight changed. */
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
    // One that comes twice, or after a later one, has nothing to add. Should a balancer of an earlier version have begun
    // again below, by a clock that was set back, it is let go after a while and heard anew.
    if (message.seq <= balancer.seq) return changed;
    balancer.heardAtMs = nowMs;
    // Of what a lost message said of hosts that this one does not name, nothing is known: until a full one comes, none is acknowledged.
    if (message.isFull) balancer.isWhole = true;
    else if (message.seq !== balancer.seq + 1) balancer.isWhole = false;
    balancer.seq = message.seq;
    this.#messages++;
    for (const [id, name] of message.classes) balancer.classes[id] = name;
    for (const said of message.hosts) {
      const total = this.#totalOf(said.host, nowMs);
      const before = balancer.hosts.get(said.host);
      const { inflight, work } = before ?? NOTHING;
      if (said.inflight !== inflight || said.work !== work) changed.add(said.host);
      total.change(said.inflight - inflight, said.work - work, nowMs);
      // What was finished before this master listened is not of its seconds.
      if (before !== undefined) {
        const served = Math.max(0, said.served - before.served);
        // A balancer reads its cells while requests come and go, and now and then its mean is off by all that its clock
        // tells: more than were there at either end, and ended since, can't have been.
        const isPlausible = said.meanInflight <= inflight + said.inflight + served + 1;
        const mean = isPlausible ? said.meanInflight : (inflight + said.inflight) / 2;
        total.correct((mean - inflight) * (nowMs - before.atMs));
        total.serve(served, said.evidence);
        total.answer(said.answers, said.paces);
        this.#tellFinished(said, balancer.classes, nowMs, nowMs - before.atMs);
      }
      balancer.hosts.set(said.host, { inflight: said.inflight, work: said.work, served: said.served, atMs: nowMs });
    }
    for (const [id, count, cpuMs] of message.said) {
      const name = balancer.classes[id];
      if (name !== undefined) this.#classes?.said(name, count, cpuMs);
    }
    if (message.isFull) this.#forgetUnnamed(message, balancer, nowMs, changed);
    if (balancer.isWhole) this.#acks.set(message.balancer, message.seq);
    return changed;
  }

  /** The last message of each balancer that is contained, of those that came since the last call. */
  takeAcks(): (readonly [balancer: string, seq: number])[] {
    if (this.#acks.size === 0) return [];
    const acks = [...this.#acks];
    this.#acks = new Map();
    return acks;
  }

  /** Whether balancers wait for an acknowledgement. */
  get hasAcks(): boolean {
    return this.#acks.size > 0;
  }

  /** Works out the rates of the time since the last tick and lets go of silent balancers; gives the hosts whose loads changed by that, and whose rates. */
  tick(nowMs: number): { readonly loads: ReadonlySet<string>; readonly rates: ReadonlySet<string> } {
    const changed = new Set<string>();
    const rates = new Set<string>();
    for (const [name, balancer] of this.#balancers) {
      if (nowMs - balancer.heardAtMs > BALANCER_TTL_MS) this.#drop(name, balancer, nowMs, changed);
    }
    const seconds = (nowMs - this.#tickedAtMs) / 1000;
    if (seconds < MIN_TICK_SECONDS) return { loads: changed, rates };
    this.#tickedAtMs = nowMs;
    // The first tick has no length (NaN) and makes no rate.
    if (!(seconds > 0)) return { loads: changed, rates };
    const speeds: number[] = [];
    const capacities: number[] = [];
    const paces: number[] = [];
    let [served, speedByServed] = [0, 0];
    for (const [host, total] of this.#totals) {
      if (total.tick(seconds)) rates.add(host);
      if (total.pace > 0) paces.push(total.pace);
      const { speed, capacity } = total.capacity;
      const isBelieved = !isBogusPace(total.pace, this.#neutralPace);
      if (isBelieved && !Number.isNaN(capacity)) capacities.push(capacity);
      if (isBelieved && !Number.isNaN(speed)) {
        speeds.push(speed);
        served += total.rps;
        speedByServed += total.rps * speed;
      }
      if (total.rps === 0 && total.inflight === 0 && !this.#isNamed(host)) this.#totals.delete(host);
    }
    this.#neutralPace = neutralPaceOf(paces);
    speeds.sort((a, b) => a - b);
    // The lower one of two: of two hosts the one that answers without working is not the measure.
    const median = speeds[(speeds.length - 1) >> 1] ?? Number.NaN;
    this.#speeds = { median, capacity: medianOf(Float64Array.from(capacities)), serving: served > 0 ? speedByServed / served : median };
    return { loads: changed, rates };
  }

  /**
   * Learns what the hosts can do, from what was served since the last call; to be called some ten times a second.
   * Gives the hosts of which it should be told anew.
   * @param figuresOf what a host's agent said, `cpu` null when that is too old to be believed
   */
  learn(nowMs: number, figuresOf: (host: string) => Pick<HostFigures, 'cpu' | 'memory' | 'cores'>): Set<string> {
    const changed = new Set<string>();
    const elapsedMs = nowMs - this.#learnedAtMs;
    if (elapsedMs < MIN_LEARN_MS) return changed;
    this.#learnedAtMs = nowMs;
    // Messages may be further apart than this is called.
    if (elapsedMs > 0) this.#silentMs += elapsedMs;
    if (this.#messages > 0) {
      const intervalMs = (this.#silentMs * this.#balancers.size) / this.#messages;
      this.#intervalMs += (intervalMs - this.#intervalMs) * INTERVAL_WEIGHT;
      this.#messages = this.#silentMs = 0;
    }
    const likelyBogus: string[] = [];
    for (const [host, total] of this.#totals) {
      total.learn(nowMs, elapsedMs, figuresOf(host), this.#speeds, 2 * this.#intervalMs);
      if (isBogusPace(total.pace, this.#neutralPace)) {
        doubtCapacity(total.capacity, this.#speeds);
        if (likelyBogus.length < MAX_LIKELY_BOGUS) likelyBogus.push(host);
      }
      if (total.isToBeTold) changed.add(host);
    }
    this.#likelyBogus = likelyBogus;
    return changed;
  }

  /** The hosts that answer too soon to be believed, by all balancers' word; see pace.ts. */
  get likelyBogus(): readonly string[] {
    return this.#likelyBogus;
  }

  /** The same as `of`, for the fleet: what the host can do counts as told. */
  tell(host: string): FleetLoad {
    this.#totals.get(host)?.noteTold();
    return this.of(host);
  }

  /** What a host has in flight and can do, by all balancers' word. */
  of(host: string): FleetLoad {
    return this.#totals.get(host)?.load ?? NO_LOAD;
  }

  /** Costs, and with them all that is reckoned in work, changed so. */
  rescale({ growth, moved }: CostChange): void {
    if (growth === 1 && moved === 0) return;
    const states = [...this.#totals.values()].map(({ capacity }) => capacity);
    const sum = (of: (state: CapacityState) => number): number => states.reduce((all, state) => all + of(state), 0);
    const meanRate = sum(({ work }) => work) / sum(({ durations }) => durations);
    for (const state of states) rescaleCapacity(state, growth, moved, meanRate);
    for (const total of this.#totals.values()) total.renewMeasure();
    const { median, capacity, serving } = this.#speeds;
    this.#speeds = { median: median * growth, capacity: capacity * growth, serving: serving * growth };
  }

  #isNamed(host: string): boolean {
    for (const balancer of this.#balancers.values()) if (balancer.hosts.has(host)) return true;
    return false;
  }

  #totalOf(host: string, nowMs: number): HostTotal {
    const known = this.#totals.get(host);
    if (known !== undefined) return known;
    const total = new HostTotal(nowMs);
    this.#totals.set(host, total);
    return total;
  }

  #tellFinished({ host, counts }: HostLoad, classes: readonly string[], nowMs: number, spanMs: number): void {
    for (let i = 0; i < counts.length; i += 3) {
      const name = classes[counts[i] as number];
      // A class whose name was lost is told again with the next full message.
      if (name !== undefined)
        this.#classes?.finished(host, name, { count: counts[i + 1] as number, busyMs: counts[i + 2] as number }, nowMs, spanMs);
    }
  }

  /** A full message names all its hosts: what it leaves out, that balancer does not know any more. */
  #forgetUnnamed(message: LoadMessage, balancer: BalancerLoads, nowMs: number, changed: Set<string>): void {
    if (balancer.hosts.size === message.hosts.length) return;
    const named = new Set(message.hosts.map(({ host }) => host));
    for (const [host, said] of balancer.hosts) {
      if (named.has(host)) continue;
      balancer.hosts.delete(host);
      this.#takeOff(host, said, nowMs, changed);
    }
  }

  #drop(name: string, balancer: BalancerLoads, nowMs: number, changed: Set<string>): void {
    this.#balancers.delete(name);
    this.#acks.delete(name);
    for (const [host, said] of balancer.hosts) this.#takeOff(host, said, nowMs, changed);
  }

  #takeOff(host: string, { inflight, work }: Said, nowMs: number, changed: Set<string>): void {
    const total = this.#totals.get(host);
    if (total === undefined || inflight === 0) return;
    total.change(-inflight, -work, nowMs);
    changed.add(host);
  }
}
