// A fleet of pure lease state machines in virtual time, over a fake Redis that can be slow, hung, down or empty. Each
// balancer has its own clock with an offset and a drift. After every step of every machine the invariants of mastership
// are checked; the transcript lists the role changes.

import type { LeaseTimes } from '../../lib/fleet/lease-model.js';
import { leaseTimes } from '../../lib/fleet/lease-waits.js';
import { Random } from '../../lib/routing/random.js';
import { FakeLeaseServer } from './fake-lease-server.js';
import { SimulatedBalancer } from './simulated-balancer.js';
import { VirtualTime } from './virtual-time.js';

/** Options of a simulation. */
export interface SimulationOptions {
  readonly balancers: number;
  readonly seed?: number;
  /** One-way latency, drawn for each message. */
  readonly latencyMs?: readonly [min: number, max: number];
  /** One in this many messages takes up to 4 s, regardless of `latencyMs`; 0 for none. */
  readonly strayOneIn?: number;
  /** Command timeout, as in redis/connect.ts; Infinity: late replies still arrive. */
  readonly commandTimeoutMs?: number;
  /** False to let the commands of one connection overtake each other, which TCP does not do. */
  readonly isInOrder?: boolean;
  /** True if two balancers may believe in their lease at once: no machine can know what Redis itself forgot. */
  readonly mayOverlap?: boolean;
  /** True if a term may be taken twice, since nobody who saw it is reachable. */
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

/** Time until the master prunes a dead balancer from the succession. */
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
  /** Total time in which two balancers believed in their lease at once. */
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

  /** The balancers that currently believe to hold the lease; should be at most one. */
  believers(): SimulatedBalancer[] {
    return this.balancers.filter((balancer) => balancer.believes);
  }

  get master(): SimulatedBalancer | undefined {
    return this.believers()[0];
  }

  /** Time since Redis was last reachable. */
  get redisAwayMs(): number {
    return this.#reach === 'ok' ? 0 : this.time.nowMs - this.#goneAtMs;
  }

  /** Whether all live balancers know the newest term. */
  get isNewestTermKnown(): boolean {
    const newest = Math.max(0, ...this.transcript.map(({ term }) => term));
    return this.balancers.every(({ isAlive, state }) => !isAlive || state.highestTerm >= newest);
  }

  redisGoes(how: 'refuses' | 'hangs'): void {
    if (this.#reach === 'ok') this.#goneAtMs = this.time.nowMs;
    this.#reach = how;
  }

  /** Redis becomes reachable; hung commands are executed now, in order. */
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

  /** The wall clock of Redis jumps: keys with a TTL expire earlier by this (or, if negative, later). */
  redisClockJumps(ms: number): void {
    this.#serverJumpMs += ms;
  }

  /** A command arrives at Redis; `refused` is called instead if Redis is down. */
  arrive(run: () => void, refused: () => void): void {
    if (this.#reach === 'hangs') this.#queued.push(run);
    else if (this.#reach === 'refuses') refused();
    else run();
  }

  /** Delivers a published message to every balancer except its sender. */
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

  /** Records a role change, which must be legal. */
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
