// A fleet of pure lease machines in virtual time, over a fake Redis that can be slow, hung, gone or empty.
// Each balancer has a clock of its own that starts elsewhere and runs a little fast or slow. After every
// step of every machine the invariants of mastership are checked; the transcript says who became what.

import type { LeaseTimes } from '../../lib/fleet/lease-model.js';
import { leaseTimes } from '../../lib/fleet/lease-waits.js';
import { Random } from '../../lib/routing/random.js';
import { FakeLeaseServer } from './fake-lease-server.js';
import { SimulatedBalancer } from './simulated-balancer.js';
import { VirtualTime } from './virtual-time.js';

/** How a simulation differs from the plain one. */
export interface SimulationOptions {
  readonly balancers: number;
  readonly seed?: number;
  /** One way, each way anew. */
  readonly latencyMs?: readonly [min: number, max: number];
  /** One in so many ways takes up to 4 s, whatever `latencyMs` says; 0 for none. */
  readonly strayOneIn?: number;
  /** How long a command is waited for, as in redis/connect.ts; Infinity: late answers still come. */
  readonly commandTimeoutMs?: number;
  /** False when one connection's commands may overtake one another, which TCP does not do. */
  readonly isInOrder?: boolean;
  /** True when two may believe in their lease at once: what Redis itself forgot, no machine can know. */
  readonly mayOverlap?: boolean;
  /** True when a term may be taken a second time, since nobody who saw it can be reached. */
  readonly mayRepeatTerms?: boolean;
  readonly times?: LeaseTimes;
}

/** A change of role. */
export interface Turn {
  readonly atMs: number;
  readonly name: string;
  readonly role: 'master' | 'slave';
  readonly term: number;
  readonly reason?: string;
}

/** A master's write that reached Redis. */
export interface Write {
  readonly atMs: number;
  readonly name: string;
  readonly term: number;
  readonly isFenced: boolean;
}

/** How long a dead balancer stays in the order of succession, until the master prunes it. */
const PRUNE_AFTER_MS = 4500;

/** The fleet, its Redis and the time. */
export class LeaseSimulation {
  readonly time = new VirtualTime();
  readonly random: Random;
  readonly times: LeaseTimes;
  readonly options: Required<Omit<SimulationOptions, 'times'>>;
  readonly balancers: SimulatedBalancer[] = [];
  readonly transcript: Turn[] = [];
  readonly writes: Write[] = [];
  readonly server: FakeLeaseServer;
  /** When two believed at once in their lease, and for how long in all. */
  overlapMs = 0;
  steps = 0;
  wipes = 0;
  #reach: 'ok' | 'refuses' | 'hangs' = 'ok';
  #goneAtMs = 0;
  #serverJumpMs = 0;
  #queued: (() => void)[] = [];
  #overlapSinceMs = Number.NaN;

  constructor(options: SimulationOptions) {
    this.options = {
      seed: 1,
      latencyMs: [0.2, 2],
      strayOneIn: 0,
      commandTimeoutMs: 500,
      isInOrder: true,
      mayOverlap: false,
      mayRepeatTerms: false,
      ...options,
    };
    this.times = options.times ?? leaseTimes(1500);
    this.random = new Random(this.options.seed);
    this.server = new FakeLeaseServer(() => this.time.nowMs + this.#serverJumpMs);
    for (let i = 0; i < options.balancers; i++) this.balancers.push(new SimulatedBalancer(this, `b${i}`));
    this.#tellRanks();
  }

  /** A number in [min, max). */
  between(min: number, max: number): number {
    return min + (this.random.below(1 << 24) / (1 << 24)) * (max - min);
  }

  latency(): number {
    const { strayOneIn } = this.options;
    if (strayOneIn > 0 && this.random.below(strayOneIn) === 0) return this.between(0, 4000);
    return this.between(...this.options.latencyMs);
  }

  /** Starts every balancer, `gapMs` apart. */
  startAll(gapMs = 0): void {
    this.balancers.forEach((balancer, i) => this.time.after(i * gapMs, () => balancer.start()));
  }

  balancer(name: string): SimulatedBalancer {
    return this.balancers.find((each) => each.name === name) as SimulatedBalancer;
  }

  /** Those who believe now that the lease is theirs; it should be one at most. */
  believers(): SimulatedBalancer[] {
    return this.balancers.filter((balancer) => balancer.believes);
  }

  get master(): SimulatedBalancer | undefined {
    return this.believers()[0];
  }

  /** For how long nothing has got through to Redis. */
  get redisAwayMs(): number {
    return this.#reach === 'ok' ? 0 : this.time.nowMs - this.#goneAtMs;
  }

  /** Whether all who live know the newest term. */
  get isNewestTermKnown(): boolean {
    const newest = Math.max(0, ...this.transcript.map(({ term }) => term));
    return this.balancers.every(({ isAlive, state }) => !isAlive || state.highestTerm >= newest);
  }

  redisGoes(how: 'refuses' | 'hangs'): void {
    if (this.#reach === 'ok') this.#goneAtMs = this.time.nowMs;
    this.#reach = how;
  }

  /** Redis can be reached again; commands that hung are carried out now, in their order. */
  redisReturns({ isEmpty = false } = {}): void {
    if (isEmpty) {
      this.server.wipe();
      this.wipes++;
    }
    const wasGone = this.#reach === 'refuses';
    this.#reach = 'ok';
    for (const run of this.#queued.splice(0)) run();
    if (!wasGone) return;
    for (const balancer of this.balancers) this.time.after(this.between(0, 400), () => balancer.reconnect());
  }

  /** The wall clock of Redis jumps: what it keeps with a TTL ends so much earlier (or, below 0, later). */
  redisClockJumps(ms: number): void {
    this.#serverJumpMs += ms;
  }

  /** A command arrives at Redis; `refused` is called instead when nobody listens there. */
  arrive(run: () => void, refused: () => void): void {
    if (this.#reach === 'hangs') this.#queued.push(run);
    else if (this.#reach === 'refuses') refused();
    else run();
  }

  /** What is published reaches every balancer but its sender, which needs no telling. */
  publish(from: SimulatedBalancer, event: Parameters<SimulatedBalancer['hear']>[0]): void {
    if (this.#reach !== 'ok') return;
    for (const balancer of this.balancers) {
      if (balancer !== from) this.time.after(this.latency(), () => balancer.hear(event));
    }
  }

  /** The masterships so far, as `name:term`. */
  masterships(): string[] {
    return this.transcript.filter(({ role }) => role === 'master').map(({ name, term }) => `${name}:${term}`);
  }

  /** Called after each step of each machine. */
  checkInvariants(): void {
    this.steps++;
    const believers = this.believers();
    if (believers.length > 1 !== !Number.isNaN(this.#overlapSinceMs)) {
      if (believers.length <= 1) this.overlapMs += this.time.nowMs - this.#overlapSinceMs;
      this.#overlapSinceMs = believers.length > 1 ? this.time.nowMs : Number.NaN;
    }
    if (believers.length > 1 && !this.options.mayOverlap) this.fail(`two masters: ${believers.map(({ name }) => name)}`);
  }

  /** Writes down a change of role, which must fit what was before. */
  record(turn: Omit<Turn, 'atMs'>): void {
    const last = this.transcript.findLast(({ name }) => name === turn.name);
    const highest = Math.max(0, ...this.transcript.map(({ term }) => term));
    this.transcript.push({ atMs: this.time.nowMs, ...turn });
    if (turn.role === 'master' && turn.term <= highest && !this.options.mayRepeatTerms) this.fail(`term ${turn.term} does not grow`);
    if (turn.role === 'slave' && (last?.role !== 'master' || last.term !== turn.term))
      this.fail(`${turn.name} was not master of ${turn.term}`);
  }

  recordWrite(write: Omit<Write, 'atMs'>): void {
    const newest = Math.max(
      0,
      ...this.writes
        .slice(-50)
        .filter(({ isFenced }) => !isFenced)
        .map(({ term }) => term),
    );
    this.writes.push({ atMs: this.time.nowMs, ...write });
    if (!write.isFenced && write.term < newest) this.fail(`a write of term ${write.term} was taken after one of ${newest}`);
  }

  fail(what: string): never {
    const lines = this.transcript
      .slice(-12)
      .map(({ atMs, name, role, term, reason = '' }) => `  ${atMs.toFixed(1)} ${name} ${role} ${term} ${reason}`);
    throw new Error(`at ${this.time.nowMs.toFixed(1)} ms, seed ${this.options.seed}: ${what}\n${lines.join('\n')}`);
  }

  /** Each second, as heartbeats do: how many slaves joined before each balancer. */
  #tellRanks(): void {
    const { nowMs } = this.time;
    const order = this.balancers.filter(({ diedAtMs }) => !(nowMs - diedAtMs >= PRUNE_AFTER_MS));
    const master = this.server.master?.name;
    for (const balancer of this.#reach === 'ok' ? order : []) {
      const slaves = order.filter((each) => each.name !== master || each === balancer);
      balancer.hear({ type: 'rank', rank: slaves.indexOf(balancer) });
    }
    this.time.after(1000, () => this.#tellRanks());
  }
}
