// One balancer of the lease's simulation: does with the machine's effects what lease-driver.ts does, on a
// clock and a network of its own. It can be killed, paused, cut off and started again.

import { startLease, stepLease } from '../../lib/fleet/lease.js';
import type { LeaseEffect, LeaseEvent, LeaseState } from '../../lib/fleet/lease-model.js';
import type { FakeLeaseServer } from './fake-lease-server.js';
import type { LeaseSimulation } from './lease-simulation.js';

const HEARTBEAT_MS = 1000;
/** How often a master writes tables. */
const WRITE_EVERY_MS = 250;
/** The longest sleep of the driver's timer. */
const MAX_SLEEP_MS = 1000;
/** More ticks than this at one moment indicate an endless loop. */
const MAX_TICKS_AT_ONCE = 20;

/** A simulated balancer. */
export class SimulatedBalancer {
  state: LeaseState = { ...startLease(0), phase: 'stopped' };
  /** When it was killed; NaN while it lives. */
  diedAtMs = Number.NaN;
  /** True while nothing that it sends or hears gets through. */
  isCutOff = false;
  /** True while commands arrive and their answers do not. */
  losesAnswers = false;
  /** Added to each way between it and Redis. */
  farMs = 0;
  readonly name: string;
  readonly #simulation: LeaseSimulation;
  readonly #offsetMs: number;
  readonly #rate: number;
  /** Everything that would happen to a paused process. */
  #deferred: (() => void)[] | null = null;
  /** Tells one life of the process from the next: what was meant for an earlier one is lost. */
  #life = 0;
  #timer = 0;
  #lastArrivalMs = 0;
  #lastStepMs = Number.NEGATIVE_INFINITY;
  #ticksAtOnce = 0;
  #lastTerm = 0;
  #granted = new Set<number>();
  #released = new Set<number>();

  constructor(simulation: LeaseSimulation, name: string) {
    this.#simulation = simulation;
    this.name = name;
    this.#offsetMs = simulation.between(0, 1e6);
    this.#rate = simulation.between(0.997, 1.003);
  }

  get isAlive(): boolean {
    return this.#life > 0 && Number.isNaN(this.diedAtMs);
  }

  get isPaused(): boolean {
    return this.#deferred !== null;
  }

  get localMs(): number {
    return this.#offsetMs + this.#simulation.time.nowMs * this.#rate;
  }

  /** Whether it holds itself for master with a lease that lasts, also while it is paused. */
  get believes(): boolean {
    return this.isAlive && this.state.phase === 'master' && this.localMs < this.state.validUntilMs;
  }

  /** A new process; it knows no term, unless one is given. */
  start(highestTerm = 0): void {
    this.#life++;
    this.diedAtMs = Number.NaN;
    this.#deferred = null;
    this.#granted = new Set();
    this.#released = new Set();
    this.#lastTerm = 0;
    this.state = startLease(this.localMs, highestTerm);
    this.#step({ type: 'tick' });
    this.#beat();
  }

  kill(): void {
    this.diedAtMs = this.#simulation.time.nowMs;
    this.#deferred = null;
  }

  pause(): void {
    this.#deferred ??= [];
  }

  /** Goes on; what happened meanwhile comes all at once, `first` of it first: timers, or the network. */
  resume(first: 'in order' | 'the network' = 'in order'): void {
    const deferred = this.#deferred ?? [];
    this.#deferred = null;
    if (first === 'the network') deferred.reverse();
    for (const run of deferred) this.#happen(run);
  }

  stop(): void {
    this.#happen(() => this.#step({ type: 'stop' }));
  }

  /** Something that others said comes in. */
  hear(event: LeaseEvent): void {
    if (!this.isCutOff && this.#life > 0) this.#happen(() => this.#step(event));
  }

  #happen(run: () => void): void {
    if (!this.isAlive) return;
    if (this.#deferred) this.#deferred.push(run);
    else run();
  }

  #step(event: LeaseEvent): void {
    const simulation = this.#simulation;
    const nowMs = this.localMs;
    if (nowMs < this.#lastStepMs) simulation.fail('time went backwards');
    this.#ticksAtOnce = nowMs === this.#lastStepMs && event.type === 'tick' ? this.#ticksAtOnce + 1 : 0;
    this.#lastStepMs = nowMs;
    const { state, effects } = stepLease(this.state, event, nowMs, simulation.times, simulation.between(0, 1));
    this.state = state;
    if (event.type === 'acquired') this.#granted.add(event.attempt);
    for (const effect of effects) this.#perform(effect);
    this.#check();
    simulation.checkInvariants();
    this.#arm();
  }

  #check(): void {
    const { phase, grant, term, highestTerm, validUntilMs } = this.state;
    const fail = (what: string) => this.#simulation.fail(`${this.name}: ${what}`);
    if (this.#ticksAtOnce > MAX_TICKS_AT_ONCE) fail(`the timer spins in ${phase}`);
    if (phase === 'master' && this.localMs >= validUntilMs - this.#simulation.times.safetyMs) fail('is master without a lease');
    if (phase === 'master' && term < highestTerm) fail(`is master of ${term} and has seen ${highestTerm}`);
    for (const attempt of this.#granted) {
      const isKept = attempt === grant && (phase === 'claiming' || phase === 'master');
      if (!isKept && !this.#released.has(attempt)) fail(`grant ${attempt} is neither kept nor released (${phase})`);
    }
  }

  #arm(): void {
    const timer = ++this.#timer;
    if (this.state.phase === 'stopped') return;
    const sleepMs = Math.ceil(Math.min(Math.max(this.state.wakeAtMs - this.localMs, 0), MAX_SLEEP_MS));
    const isOurs = this.#inThisLife();
    this.#simulation.time.after(sleepMs / this.#rate + this.#simulation.between(0, 2), () => {
      if (timer === this.#timer && isOurs()) this.#happen(() => timer === this.#timer && this.#step({ type: 'tick' }));
    });
  }

  #inThisLife(): () => boolean {
    const life = this.#life;
    return () => life === this.#life;
  }

  #perform(effect: LeaseEffect): void {
    const { ttlMs } = this.#simulation.times;
    const validFromNow = () => this.localMs + ttlMs - Math.ceil(ttlMs * 0.01) - 2;
    let validUntilMs = validFromNow();
    const master = { name: this.name, url: `http://${this.name}`, since: '' };
    switch (effect.type) {
      case 'acquire': {
        const { attempt } = effect;
        const value = this.#valueOf(attempt);
        const failed = (isTimeout: boolean) => {
          // As Redlock does: what may have been granted unheard is given back at once.
          if (isTimeout) this.#ask((server) => server.release(value));
          this.#step({ type: 'acquire-failed', attempt, isSlow: isTimeout });
        };
        const take = (): void => {
          validUntilMs = validFromNow();
          this.#ask(
            (server) => server.acquire(value, ttlMs),
            (answer) =>
              this.#step(
                answer.kind === 'acquired'
                  ? { type: 'acquired', attempt, validUntilMs, mastership: value }
                  : { type: 'acquire-held', attempt, leftMs: answer.leftMs },
              ),
            failed,
          );
        };
        this.#ask(
          (server) => server.leftMs,
          (leftMs) => (leftMs === null ? take() : this.#step({ type: 'acquire-held', attempt, leftMs })),
          (isTimeout) => this.#step({ type: 'acquire-failed', attempt, isSlow: isTimeout }),
        );
        break;
      }
      case 'take-term': {
        const { attempt, floor, mayFound } = effect;
        const { mastership } = this.state;
        this.#ask(
          (server) => server.takeTerm({ mastership, floor, mayFound }, master, ttlMs),
          (term) => this.#step(term === 'missing' ? { type: 'term-missing', attempt } : { type: 'term-taken', attempt, term }),
          (isTimeout) => this.#step({ type: 'term-failed', attempt, isSlow: isTimeout, isRefused: false }),
        );
        break;
      }
      case 'raise-term':
        this.#ask((server) => server.raiseTerm(effect.term));
        break;
      case 'renew': {
        const { attempt, grant } = effect;
        const { term, mastership } = this.state;
        this.#ask(
          (server) => server.renew(this.#valueOf(grant), ttlMs),
          (answer) => {
            this.#step(answer === 'renewed' ? { type: 'renewed', attempt, validUntilMs } : { type: 'renew-lost', attempt });
            if (answer !== 'renewed' || this.state.term !== term) return;
            this.#ask(
              (server) => server.refreshMaster({ term, mastership }, master, ttlMs),
              (written) => {
                if (written === 'fenced') this.#step({ type: 'term-seen', term: term + 1 });
              },
            );
          },
          () => this.#step({ type: 'renew-failed', attempt }),
        );
        break;
      }
      case 'release':
        this.#release(effect.grant);
        break;
      case 'become-master':
        this.#lastTerm = effect.term;
        this.#simulation.record({ name: this.name, role: 'master', term: effect.term });
        this.#ask(() => this.#simulation.publish(this, { type: 'term-seen', term: effect.term, mastership: effect.mastership }));
        this.#write(effect.term, effect.mastership);
        break;
      case 'become-slave':
        this.#lastTerm = effect.term;
        this.#simulation.record({ name: this.name, role: 'slave', term: effect.term, reason: effect.reason });
        break;
    }
  }

  #release(grant: number): void {
    const term = this.#lastTerm;
    this.#lastTerm = 0;
    // What is not granted yet is released when the answer comes: the machine then asks for it again.
    if (!this.#granted.has(grant) || this.#released.has(grant)) return;
    this.#released.add(grant);
    // Sent one behind the other: whether the first was answered is not waited for.
    this.#ask((server) => {
      server.release(this.#valueOf(grant));
      if (term > 0) server.clearMaster(this.#valueOf(grant));
    });
    if (term > 0) this.#ask(() => this.#simulation.publish(this, { type: 'lease-released' }));
  }

  /** Each second: puts back a term that Redis lost, and hears which one it has, and how long that took. */
  #beat(): void {
    const isOurs = this.#inThisLife();
    this.#beatOnce();
    this.#simulation.time.after(HEARTBEAT_MS, () => isOurs() && this.#happen(() => this.#beat()));
  }

  #beatOnce(): void {
    const sentAtMs = this.localMs;
    const { highestTerm } = this.state;
    this.#ask(
      (server) => server.termFor(highestTerm),
      ({ term, mastership }) => {
        this.#step({ type: 'round-trip', ms: this.localMs - sentAtMs });
        if (term < highestTerm) this.#ask((server) => server.restore(highestTerm));
        else this.#step({ type: 'term-seen', term, mastership });
      },
      () => undefined,
    );
  }

  /** Redis can be reached again: a heartbeat goes out at once. */
  reconnect(): void {
    if (this.#life === 0) return;
    this.#happen(() => {
      this.#beatOnce();
      this.#step({ type: 'redis-ready' });
    });
  }

  /** A table now and then, as long as it is master of this term. */
  #write(term: number, mastership: string): void {
    const isOurs = this.#inThisLife();
    if (this.state.phase !== 'master' || this.state.term !== term) return;
    this.#ask(
      (server) => {
        const isFenced = server.isFenced({ term, mastership });
        if (!isFenced) server.termText = `${term} ${mastership}`;
        this.#simulation.recordWrite({ name: this.name, term, isFenced });
        if (!isFenced) this.#simulation.publish(this, { type: 'term-seen', term, mastership });
        return server.termFor(term);
      },
      (seen) => this.#step({ type: 'term-seen', ...seen }),
    );
    this.#simulation.time.after(WRITE_EVERY_MS, () => isOurs() && this.#happen(() => this.#write(term, mastership)));
  }

  /** A command and its answer. One that is refused, cut off or not answered in time has failed. */
  #ask<T>(run: (server: FakeLeaseServer) => T, answered?: (answer: T) => void, failed?: (isTimeout: boolean) => void): void {
    const simulation = this.#simulation;
    const { time, options } = simulation;
    const isOurs = this.#inThisLife();
    let isSettled = false;
    const settle = (then: () => void) => {
      if (!isOurs()) return;
      this.#happen(() => {
        if (isSettled) return;
        isSettled = true;
        then();
      });
    };
    const refused = () => settle(() => failed?.(false));
    const wasCutOff = this.isCutOff;
    let arrivalMs = time.nowMs + this.farMs + simulation.latency();
    if (options.isInOrder) arrivalMs = this.#lastArrivalMs = Math.max(arrivalMs, this.#lastArrivalMs);
    if (!wasCutOff) {
      time.after(arrivalMs - time.nowMs, () =>
        simulation.arrive(() => {
          const answer = run(simulation.server);
          time.after(this.farMs + simulation.latency(), () => !this.isCutOff && !this.losesAnswers && settle(() => answered?.(answer)));
        }, refused),
      );
    }
    if (failed && (wasCutOff || options.commandTimeoutMs < Number.POSITIVE_INFINITY)) {
      const timeoutMs = Math.min(options.commandTimeoutMs, 500);
      time.after(timeoutMs, () => settle(() => failed(true)));
    }
  }

  #valueOf(attempt: number): string {
    return Buffer.from(`${this.name}/${this.#life}/${attempt}`.padEnd(12, '.')).toString('hex');
  }
}
