// Performs the effects of the lease's state machine: talks to Redis, owns the only timer, calls the handlers. Decides
// nothing; all decisions are in `lease.ts`.

import type { Clock } from '../clock.js';
import type { AcquireOutcome, LeaseGrant, LeaseStore, MasterFields, TermClaim } from '../redis/lease-store.js';
import type { HeldTerm } from '../redis/term.js';
import { startLease, stepLease } from './lease.js';
import type { LeaseEffect, LeaseEvent, LeaseState, LeaseTimes } from './lease-model.js';

/** Longest sleep of the timer. */
const MAX_SLEEP_MS = 1000;

/** The dependencies of the lease driver. */
export interface LeaseDriverOptions {
  readonly store: LeaseStore;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  /** The highest term this process saw, if the previous thread died. */
  readonly highestTerm: number;
  /** Why this balancer must not become master yet. */
  readonly barred?: string;
  /** Whether it never stands for election; everything else works as usual. */
  readonly hasResigned?: boolean;
  /** The fields of the master's hash, requested at each election. */
  readonly describe: () => Omit<MasterFields, 'since'>;
  readonly onMaster: (held: HeldTerm) => void;
  readonly onSlave: (term: number, reason: string) => void;
  /** The lease was released: the successor may be notified. */
  readonly onReleased: (term: number) => void;
}

/** The running lease of one balancer. */
export interface LeaseDriver {
  readonly state: LeaseState;
  /** Why the last attempt to become master failed, or that another balancer holds the lease; '' when neither is known. */
  readonly trouble: string;
  /** Passes in an event from outside: a term, a rank, a release, Redis being back. */
  send(event: LeaseEvent): void;
  /** Steps down for good and releases the lease; resolves when Redis has confirmed it, or could not be reached. */
  stop(): Promise<void>;
}

/** Starts to try for the lease at once. */
export function startLeaseDriver(options: LeaseDriverOptions): LeaseDriver {
  const { store, times, clock } = options;
  const grants = new Map<number, Promise<LeaseGrant | null>>();
  const releases = new Set<Promise<void>>();
  let state = startLease(clock(), options.highestTerm, options.barred);
  let master: MasterFields = { ...options.describe(), since: '' };
  let timer: NodeJS.Timeout | undefined;
  let trouble = '';
  /** Until when another balancer holds the lease, as of the last check. */
  let heldUntilMs = 0;
  /** The term of the current or last mastership; 0 when there was none since the last release. */
  let lastTerm = 0;

  /** When a lease granted at `startMs` ends on our clock, less 1 % and 2 ms for clock drift. */
  const validUntil = (startMs: number): number => startMs + times.ttlMs - Math.ceil(times.ttlMs * 0.01) - 2;

  function send(event: LeaseEvent): void {
    const step = stepLease(state, event, clock(), times, Math.random());
    state = step.state;
    for (const effect of step.effects) perform(effect);
    arm();
  }

  function arm(): void {
    clearTimeout(timer);
    if (state.phase === 'stopped') return;
    const sleepMs = Math.min(Math.max(state.wakeAtMs - clock(), 0), MAX_SLEEP_MS);
    timer = setTimeout(send, Math.ceil(sleepMs), { type: 'tick' });
  }

  function perform(effect: LeaseEffect): void {
    switch (effect.type) {
      case 'acquire':
        acquire(effect.attempt);
        break;
      case 'take-term':
        void takeTerm(effect.attempt, { mastership: state.mastership, floor: effect.floor, mayFound: effect.mayFound });
        break;
      case 'renew':
        void renew(effect.attempt, effect.grant, { term: state.term, mastership: state.mastership });
        break;
      case 'raise-term':
        void store.raiseTerm(effect.term);
        break;
      case 'release':
        release(effect.grant, lastTerm);
        break;
      case 'become-master':
        lastTerm = effect.term;
        options.onMaster(effect);
        break;
      case 'become-slave':
        lastTerm = effect.term;
        options.onSlave(effect.term, effect.reason);
        break;
    }
  }

  function acquire(attempt: number): void {
    let startMs = clock();
    // If even the check is late, don't take the lease: its grant would arrive only after it expired.
    const answer = store.look().then((seen): AcquireOutcome | Promise<AcquireOutcome> => {
      if (seen.kind !== 'free') return seen;
      startMs = clock();
      return store.acquire();
    });
    grants.set(
      attempt,
      answer.then((outcome) => (outcome.kind === 'acquired' ? outcome.grant : null)),
    );
    void answer.then((outcome: AcquireOutcome) => {
      if (outcome.kind === 'acquired') {
        send({ type: 'acquired', attempt, validUntilMs: validUntil(startMs), mastership: outcome.grant.mastership });
        return;
      }
      grants.delete(attempt);
      trouble = outcome.kind === 'failed' ? `the lease can't be taken: ${outcome.reason}` : '';
      heldUntilMs = outcome.kind === 'held' && outcome.leftMs !== null ? clock() + outcome.leftMs : 0;
      if (outcome.kind === 'held') send({ type: 'acquire-held', attempt, leftMs: outcome.leftMs });
      else send({ type: 'acquire-failed', attempt, isSlow: outcome.isSlow });
    });
  }

  async function takeTerm(attempt: number, claim: TermClaim): Promise<void> {
    master = { ...options.describe(), since: new Date().toISOString() };
    const outcome = await store.takeTerm(claim, master);
    trouble = outcome.kind === 'failed' ? `a term can't be taken: ${outcome.reason}` : '';
    if (outcome.kind === 'taken') send({ type: 'term-taken', attempt, term: outcome.term });
    else if (outcome.kind === 'missing') send({ type: 'term-missing', attempt });
    else send({ type: 'term-failed', attempt, isSlow: outcome.isSlow, isRefused: outcome.isRefused });
  }

  async function renew(attempt: number, grantOf: number, held: HeldTerm): Promise<void> {
    const { term } = held;
    const startMs = clock();
    const grant = await grants.get(grantOf);
    const outcome = grant ? await store.renew(grant) : 'lost';
    if (outcome === 'renewed') send({ type: 'renewed', attempt, validUntilMs: validUntil(startMs) });
    else send({ type: outcome === 'lost' ? 'renew-lost' : 'renew-failed', attempt });
    if (outcome !== 'renewed' || state.phase !== 'master' || state.term !== term) return;
    const written = await store.refreshMaster(held, master);
    // The holder of the newer term announces it on every channel; stepping down is enough here.
    if (written === 'fenced') send({ type: 'term-seen', term: term + 1 });
    if (written !== 'denied') return;
    trouble = 'Redis lets this balancer take the lease, but not write what a master must: its user lacks rights';
    send({ type: 'write-refused', term, reason: 'Redis refuses what a master must write' });
  }

  function release(grantOf: number, term: number): void {
    lastTerm = 0;
    const grant = grants.get(grantOf);
    grants.delete(grantOf);
    const done = (async () => {
      const held = await grant;
      if (!held) return;
      // Send it before the release is announced, but don't wait: the answer can be lost although the command was
      // executed.
      const cleared = term > 0 ? store.clearMaster(held.mastership) : undefined;
      await store.release(held);
      if (term > 0) options.onReleased(term);
      await cleared;
    })();
    releases.add(done);
    void done.finally(() => releases.delete(done));
  }

  send({ type: options.hasResigned ? 'stop' : 'tick' });
  return {
    get state() {
      return state;
    },
    get trouble() {
      const heldMs = heldUntilMs - clock();
      return trouble !== '' || heldMs <= 0 ? trouble : `the lease is held for ${(heldMs / 1000).toFixed(1)} s more`;
    },
    send,
    async stop() {
      send({ type: 'stop' });
      clearTimeout(timer);
      await Promise.all(releases);
    },
  };
}
