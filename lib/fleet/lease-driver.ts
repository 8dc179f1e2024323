// Carries out what the lease's state machine decides: asks Redis, keeps the one timer, tells the others.
// All decisions are in `lease.ts`; here is nothing but the doing.

import type { Clock } from '../clock.js';
import type { AcquireOutcome, LeaseGrant, LeaseStore, MasterFields, TermClaim } from '../redis/lease-store.js';
import type { HeldTerm } from '../redis/term.js';
import { startLease, stepLease } from './lease.js';
import type { LeaseEffect, LeaseEvent, LeaseState, LeaseTimes } from './lease-model.js';

/** The longest that a timer waits before looking again. */
const MAX_SLEEP_MS = 1000;

/** What the driver is handed. */
export interface LeaseDriverOptions {
  readonly store: LeaseStore;
  readonly times: LeaseTimes;
  readonly clock: Clock;
  /** The highest term that this process saw, should the thread before this one have died. */
  readonly highestTerm: number;
  /** Why this balancer may not lead yet. */
  readonly barred?: string;
  /** Never to stand for election; the other members are as ever. */
  readonly hasResigned?: boolean;
  /** What the master's hash shall say; asked for at each election. */
  readonly describe: () => Omit<MasterFields, 'since'>;
  readonly onMaster: (held: HeldTerm) => void;
  readonly onSlave: (term: number, reason: string) => void;
  /** After the lease was given back in good order: the next one may be told. */
  readonly onReleased: (term: number) => void;
}

/** The lease of one balancer, alive. */
export interface LeaseDriver {
  readonly state: LeaseState;
  /** Why the last attempt to become master failed, or that another one has the lease; '' when neither is known. */
  readonly trouble: string;
  /** Hands in what others noticed: a term, a rank, a release, Redis being back. */
  send(event: LeaseEvent): void;
  /** Steps down for good and gives the lease back; resolves when Redis was told, or could not be. */
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
  /** Until when the lease is held by another balancer, when it was looked at last. */
  let heldUntilMs = 0;
  /** The term of the mastership that is or just was; 0 when there was none since the last release. */
  let lastTerm = 0;

  /** A lease granted at `startMs` holds this long by our clock, with 1 % and 2 ms for the clocks' drift. */
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
    // Who can't look in time must not take the lease: it would hear of that only after the lease has ended.
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
    // Whoever wrote the newer term will say so on every channel; here it is enough to step down.
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
      // Not answered yet, but before what is published next: the answer can be lost where the command was not.
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
