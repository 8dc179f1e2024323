// Mastership as a pure state machine: events in, effects out. No clock, no timer, no Redis: the time is
// an argument (monotonic milliseconds), and the driver carries out the effects and reports back.
// Invariant: a state is master only before `validUntil − safetyMs` on this process's clock, so a master
// that hears nothing from Redis steps down before anyone else can have the lease.

import type { Role } from '../model.js';
import type { LeaseEffect, LeaseEvent, LeaseState, LeaseStep, LeaseTimes } from './lease-model.js';

/** A longer succession does not wait longer than this many steps: the rest try together. */
const MAX_STEPS = 8;

/** An answer that took so long is not waited for; it is released should it still come. */
const ANSWER_TIMEOUT_MS = 3000;

/** Added to the time the lease is said to have left: Redis counts whole milliseconds. */
const MARGIN_MS = 5;

/** A balancer that has just started; it tries for the lease at once. */
export function startLease(nowMs: number, highestTerm = 0): LeaseState {
  return {
    phase: 'waiting',
    attempt: 0,
    wakeAtMs: nowMs,
    validUntilMs: 0,
    grant: 0,
    term: 0,
    highestTerm,
    rank: 0,
    isRenewing: false,
  };
}

/** The role that goes with a phase. */
export function roleOf(state: LeaseState): Role {
  return state.phase === 'master' ? 'master' : 'slave';
}

/** Takes one event. Events that do not concern the state, such as late answers, change nothing but may release. */
export function stepLease(state: LeaseState, event: LeaseEvent, nowMs: number, times: LeaseTimes): LeaseStep {
  if (event.type === 'stop' || !isRunOut(state, nowMs, times)) return takeEvent(state, event, nowMs, times);
  // After a pause anything can come before the timer: what has run out is given up first.
  const first = giveUp(state, nowMs, times);
  const second = takeEvent(first.state, event, nowMs, times);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}

function takeEvent(state: LeaseState, event: LeaseEvent, nowMs: number, times: LeaseTimes): LeaseStep {
  switch (event.type) {
    case 'tick':
      return tick(state, nowMs, times);
    case 'acquired':
      return acquired(state, event.attempt, event.validUntilMs, nowMs, times);
    case 'acquire-held':
      if (state.phase !== 'acquiring' || event.attempt !== state.attempt) return stay(state);
      return wait(state, nowMs + heldFor(event.leftMs, times) + succession(state.rank, times));
    case 'acquire-failed':
      if (state.phase !== 'acquiring' || event.attempt !== state.attempt) return stay(state);
      return wait(state, nowMs + times.retryMs);
    case 'term-taken':
      return termTaken(state, event.attempt, event.term, nowMs, times);
    case 'term-failed':
      if (state.phase !== 'claiming' || event.attempt !== state.attempt) return stay(state);
      return giveUpClaim(state, nowMs, times);
    case 'renewed':
      if (state.phase !== 'master' || event.attempt !== state.attempt) return stay(state);
      return stay(scheduleRenewal({ ...state, isRenewing: false, validUntilMs: event.validUntilMs }, times));
    case 'renew-lost':
      if (state.phase !== 'master' || event.attempt !== state.attempt) return stay(state);
      return becomeSlave(state, 'the lease was lost', nowMs, times);
    case 'renew-failed':
      if (state.phase !== 'master' || event.attempt !== state.attempt) return stay(state);
      return stay(schedule({ ...state, isRenewing: false }, nowMs + times.retryMs, times));
    case 'term-seen':
      return termSeen(state, event.term, nowMs, times);
    case 'lease-released':
      if (state.phase !== 'waiting') return stay(state);
      return stay({ ...state, wakeAtMs: Math.min(state.wakeAtMs, nowMs + succession(state.rank, times)) });
    case 'rank':
      return stay({ ...state, rank: event.rank });
    case 'redis-ready':
      if (state.phase !== 'waiting') return stay(state);
      return stay({ ...state, wakeAtMs: Math.min(state.wakeAtMs, nowMs + succession(state.rank, times)) });
    case 'stop':
      return stop(state);
  }
}

function tick(state: LeaseState, nowMs: number, times: LeaseTimes): LeaseStep {
  if (state.phase === 'stopped') return stay(state);
  if (nowMs < state.wakeAtMs) return stay(state);
  const attempt = state.attempt + 1;
  switch (state.phase) {
    case 'waiting':
      return {
        state: { ...state, phase: 'acquiring', attempt, wakeAtMs: nowMs + ANSWER_TIMEOUT_MS },
        effects: [{ type: 'acquire', attempt }],
      };
    case 'acquiring': {
      const effects: LeaseEffect[] = [{ type: 'release', grant: state.attempt }];
      return { state: { ...state, phase: 'waiting', wakeAtMs: nowMs + times.retryMs }, effects };
    }
    case 'claiming':
      return stay({ ...state, wakeAtMs: state.validUntilMs - times.safetyMs });
    case 'master':
      // A renewal that is not answered is not repeated: it would only queue behind the first.
      if (state.isRenewing) return stay({ ...state, wakeAtMs: state.validUntilMs - times.safetyMs });
      return {
        state: { ...state, isRenewing: true, attempt, wakeAtMs: state.validUntilMs - times.safetyMs },
        effects: [{ type: 'renew', attempt, grant: state.grant }],
      };
  }
}

function acquired(state: LeaseState, attempt: number, validUntilMs: number, nowMs: number, times: LeaseTimes): LeaseStep {
  const isAwaited = state.phase === 'acquiring' && attempt === state.attempt;
  // Nobody waits for it any more, or it took so long that it is about to end: not keeping it costs a
  // retry, leaving it would leave the fleet without a master until it ends.
  if (!isAwaited || nowMs >= validUntilMs - times.safetyMs) {
    const next = isAwaited ? { ...state, phase: 'waiting' as const, wakeAtMs: nowMs + times.retryMs } : state;
    return { state: next, effects: [{ type: 'release', grant: attempt }] };
  }
  const claim = state.attempt + 1;
  return {
    state: {
      ...state,
      phase: 'claiming',
      attempt: claim,
      grant: attempt,
      validUntilMs,
      wakeAtMs: validUntilMs - times.safetyMs,
    },
    effects: [{ type: 'take-term', attempt: claim, floor: state.highestTerm }],
  };
}

function termTaken(state: LeaseState, attempt: number, term: number, nowMs: number, times: LeaseTimes): LeaseStep {
  // A late answer is still a term that exists, and maybe a newer one than ours.
  if (state.phase !== 'claiming' || attempt !== state.attempt) return termSeen(state, term, nowMs, times);
  if (term <= state.highestTerm) return giveUpClaim(state, nowMs, times);
  return becomeMaster({ ...state, highestTerm: term }, term, times);
}

function termSeen(state: LeaseState, term: number, nowMs: number, times: LeaseTimes): LeaseStep {
  if (term <= state.highestTerm) return stay(state);
  const seen = { ...state, highestTerm: term };
  if (state.phase === 'master') return becomeSlave(seen, `a newer term, ${term}, exists`, nowMs, times);
  return stay(seen);
}

/** The only way into mastership: from a claim, with a term greater than any seen before. */
function becomeMaster(state: LeaseState, term: number, times: LeaseTimes): LeaseStep {
  if (state.phase !== 'claiming') throw new Error(`a lease in phase ${state.phase} can't make a master`);
  return {
    state: scheduleRenewal({ ...state, phase: 'master', term, isRenewing: false }, times),
    effects: [{ type: 'become-master', term }],
  };
}

/** The only way out of mastership. The lease is given back, in case it is still ours. */
function becomeSlave(state: LeaseState, reason: string, nowMs: number, times: LeaseTimes): LeaseStep {
  if (state.phase !== 'master') throw new Error(`a lease in phase ${state.phase} can't step down`);
  return {
    state: {
      ...state,
      phase: 'waiting',
      term: 0,
      validUntilMs: 0,
      isRenewing: false,
      attempt: state.attempt + 1,
      wakeAtMs: nowMs + times.retryMs + succession(state.rank, times),
    },
    effects: [
      { type: 'become-slave', term: state.term, reason },
      { type: 'release', grant: state.grant },
    ],
  };
}

/** What a lease that has run out leads to. */
function giveUp(state: LeaseState, nowMs: number, times: LeaseTimes): LeaseStep {
  return state.phase === 'master'
    ? becomeSlave(state, 'the lease could not be renewed in time', nowMs, times)
    : giveUpClaim(state, nowMs, times);
}

function giveUpClaim(state: LeaseState, nowMs: number, times: LeaseTimes): LeaseStep {
  return {
    state: { ...state, phase: 'waiting', validUntilMs: 0, attempt: state.attempt + 1, wakeAtMs: nowMs + times.retryMs },
    effects: [{ type: 'release', grant: state.grant }],
  };
}

function stop(state: LeaseState): LeaseStep {
  const stopped: LeaseState = { ...state, phase: 'stopped', wakeAtMs: Number.POSITIVE_INFINITY };
  switch (state.phase) {
    case 'master':
      return {
        state: stopped,
        effects: [
          { type: 'become-slave', term: state.term, reason: 'this balancer stops' },
          { type: 'release', grant: state.grant },
        ],
      };
    case 'claiming':
      return { state: stopped, effects: [{ type: 'release', grant: state.grant }] };
    case 'acquiring':
      return { state: stopped, effects: [{ type: 'release', grant: state.attempt }] };
    default:
      return stay(stopped);
  }
}

function isRunOut(state: LeaseState, nowMs: number, times: LeaseTimes): boolean {
  return (state.phase === 'master' || state.phase === 'claiming') && nowMs >= state.validUntilMs - times.safetyMs;
}

/** How long another's lease still holds; with nothing known, look again soon. */
function heldFor(leftMs: number | null, times: LeaseTimes): number {
  return leftMs === null ? times.retryMs : Math.min(Math.max(leftMs, 0), times.ttlMs) + MARGIN_MS;
}

function succession(rank: number, times: LeaseTimes): number {
  return Math.min(rank, MAX_STEPS) * times.successionStepMs;
}

/**
 * The next renewal counts from when the lease was asked for, not from when the answer came: with slow
 * answers, what is left of the lease after them would not be enough for one more.
 */
function scheduleRenewal(state: LeaseState, times: LeaseTimes): LeaseState {
  return schedule(state, state.validUntilMs - times.ttlMs + times.renewEveryMs, times);
}

/** Wakes a master for its next renewal, or earlier for its stepping down. */
function schedule(state: LeaseState, renewAtMs: number, times: LeaseTimes): LeaseState {
  return { ...state, wakeAtMs: Math.min(renewAtMs, state.validUntilMs - times.safetyMs) };
}

function wait(state: LeaseState, wakeAtMs: number): LeaseStep {
  return stay({ ...state, phase: 'waiting', wakeAtMs });
}

function stay(state: LeaseState): LeaseStep {
  return { state, effects: [] };
}
