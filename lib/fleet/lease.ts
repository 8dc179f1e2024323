// Mastership as a pure state machine: events in, effects out. It has no clock, timer or Redis: time is an argument
// (monotonic milliseconds), and the driver performs the effects and reports back. Invariants: a state is master only
// before `validUntil − safetyMs` on this process's clock, so a master cut off from Redis steps down before anyone else
// can acquire the lease. A term belongs to one mastership: if two hold the same one, both step down.

import type { Role } from '../model.js';
import type { LeaseEffect, LeaseEvent, LeaseState, LeaseStep, LeaseTimes } from './lease-model.js';
import { lookAgainMs, successionMs, type WaitTimes } from './lease-waits.js';
import { backOff, lookSoon, schedule, scheduleRenewal, stay, tryAgain, wait } from './lease-wake.js';

/** Timeout of an acquire request; a lease granted later is released. */
const ANSWER_TIMEOUT_MS = 3000;

/** A mastership that lasted this many leases has proven that it can write. */
const PROVEN_AFTER_LEASES = 2;

/** The state of a balancer that has just started: it tries for the lease at once, unless it is barred. */
export function startLease(nowMs: number, highestTerm = 0, barred = ''): LeaseState {
  return {
    phase: 'waiting',
    attempt: 0,
    wakeAtMs: nowMs,
    validUntilMs: 0,
    grant: 0,
    term: 0,
    mastership: '',
    highestTerm,
    highestMastership: '',
    emptySinceMs: Number.NaN,
    slowFailures: 0,
    refusals: 0,
    electedAtMs: 0,
    barred,
    rank: 0,
    isRenewing: false,
  };
}

/** The role of a phase. */
export function roleOf(state: LeaseState): Role {
  return state.phase === 'master' ? 'master' : 'slave';
}

/**
 * Applies one event. Events that no longer concern the state, such as late answers, change nothing but may release a
 * lease.
 * @param random a number in [0, 1) that spreads the balancers' attempts
 */
export function stepLease(state: LeaseState, event: LeaseEvent, nowMs: number, times: LeaseTimes, random: number): LeaseStep {
  const waitTimes = { ...times, random };
  if (event.type === 'stop' || !isExpired(state, nowMs, times)) return takeEvent(state, event, nowMs, waitTimes);
  // After a pause of the process any event can precede the timer: give up an expired lease first.
  const first = giveUp(state, nowMs, waitTimes);
  const second = takeEvent(first.state, event, nowMs, waitTimes);
  return { state: second.state, effects: [...first.effects, ...second.effects] };
}

function takeEvent(state: LeaseState, event: LeaseEvent, nowMs: number, times: WaitTimes): LeaseStep {
  switch (event.type) {
    case 'tick':
      return tick(state, nowMs, times);
    case 'acquired':
      return acquired(state, event, nowMs, times);
    case 'acquire-held':
      if (state.phase !== 'acquiring' || event.attempt !== state.attempt) return stay(state);
      return wait(state, nowMs + lookAgainMs(event.leftMs, state.rank, times));
    case 'acquire-failed':
      if (state.phase !== 'acquiring' || event.attempt !== state.attempt) return stay(state);
      return event.isSlow ? backOff({ ...state, slowFailures: state.slowFailures + 1 }, nowMs, times) : wait(state, nowMs + times.retryMs);
    case 'term-taken':
      return termTaken(state, event.attempt, event.term, nowMs, times);
    case 'term-missing':
      return termMissing(state, event.attempt, nowMs, times);
    case 'term-failed':
      if (state.phase !== 'claiming' || event.attempt !== state.attempt) return stay(state);
      return giveUpClaim(
        { ...state, slowFailures: state.slowFailures + Number(event.isSlow), refusals: state.refusals + Number(event.isRefused) },
        nowMs,
        times,
      );
    case 'renewed': {
      if (state.phase !== 'master' || event.attempt !== state.attempt) return stay(state);
      const isProven = nowMs - state.electedAtMs > PROVEN_AFTER_LEASES * times.ttlMs;
      return stay(
        scheduleRenewal(
          { ...state, isRenewing: false, validUntilMs: event.validUntilMs, ...(isProven && { slowFailures: 0, refusals: 0 }) },
          times,
        ),
      );
    }
    case 'renew-lost':
      if (state.phase !== 'master' || event.attempt !== state.attempt) return stay(state);
      return becomeSlave(state, 'the lease was lost', nowMs, times);
    case 'renew-failed':
      if (state.phase !== 'master' || event.attempt !== state.attempt) return stay(state);
      return stay(schedule({ ...state, isRenewing: false }, nowMs + times.retryMs, times));
    case 'term-seen':
      return termSeen(state, event, nowMs, times);
    case 'write-refused':
      if (state.phase !== 'master' || event.term !== state.term) return stay(state);
      return becomeSlave({ ...state, refusals: state.refusals + 1 }, event.reason, nowMs, times);
    case 'round-trip':
      return roundTrip(state, event.ms, nowMs, times);
    case 'lease-released':
      return lookSoon(state, nowMs, times);
    case 'rank':
      return stay({ ...state, rank: event.rank });
    case 'bar':
      return bar({ ...state, barred: event.reason }, nowMs, times);
    case 'redis-ready':
      // Redis may have lost its data while it was away.
      return lookSoon({ ...state, emptySinceMs: Number.NaN }, nowMs, times);
    case 'stop':
      return stop(state);
  }
}

function tick(state: LeaseState, nowMs: number, times: WaitTimes): LeaseStep {
  if (state.phase === 'stopped') return stay(state);
  if (nowMs < state.wakeAtMs) return stay(state);
  const attempt = state.attempt + 1;
  switch (state.phase) {
    case 'waiting':
      if (state.barred !== '') return wait(state, nowMs + times.ttlMs);
      return {
        state: { ...state, phase: 'acquiring', attempt, wakeAtMs: nowMs + ANSWER_TIMEOUT_MS },
        effects: [{ type: 'acquire', attempt }],
      };
    case 'acquiring': {
      const { state: next } = backOff({ ...state, slowFailures: state.slowFailures + 1 }, nowMs, times);
      return { state: next, effects: [{ type: 'release', grant: state.attempt }] };
    }
    case 'claiming':
      return stay({ ...state, wakeAtMs: state.validUntilMs - times.safetyMs });
    case 'master':
      // An unanswered renewal is not repeated: the second would only queue behind it.
      if (state.isRenewing) return stay({ ...state, wakeAtMs: state.validUntilMs - times.safetyMs });
      return {
        state: { ...state, isRenewing: true, attempt, wakeAtMs: state.validUntilMs - times.safetyMs },
        effects: [{ type: 'renew', attempt, grant: state.grant }],
      };
  }
}

function acquired(
  state: LeaseState,
  { attempt, validUntilMs, mastership }: LeaseEvent & { readonly type: 'acquired' },
  nowMs: number,
  times: WaitTimes,
): LeaseStep {
  const isAwaited = state.phase === 'acquiring' && attempt === state.attempt;
  // No longer awaited, or about to expire: releasing it costs a retry, while keeping it would leave the fleet without a
  // master until it expires.
  if (!isAwaited || state.barred !== '' || nowMs >= validUntilMs - times.safetyMs) {
    const next = !isAwaited
      ? state
      : state.barred !== ''
        ? wait(state, nowMs + times.ttlMs).state
        : backOff({ ...state, slowFailures: state.slowFailures + 1 }, nowMs, times).state;
    return { state: next, effects: [{ type: 'release', grant: attempt }] };
  }
  const claim = state.attempt + 1;
  return {
    state: {
      ...state,
      phase: 'claiming',
      attempt: claim,
      grant: attempt,
      mastership,
      validUntilMs,
      wakeAtMs: validUntilMs - times.safetyMs,
    },
    effects: [{ type: 'take-term', attempt: claim, floor: state.highestTerm, mayFound: nowMs - state.emptySinceMs >= times.foundAfterMs }],
  };
}

function termTaken(state: LeaseState, attempt: number, term: number, nowMs: number, times: WaitTimes): LeaseStep {
  // The term of a late answer still exists, and may be newer than ours.
  if (state.phase !== 'claiming' || attempt !== state.attempt) return termSeen(state, { term }, nowMs, times);
  if (term <= state.highestTerm) return giveUpClaim(state, nowMs, times);
  return becomeMaster({ ...state, highestTerm: term, highestMastership: state.mastership }, term, nowMs, times);
}

/**
 * Handles a Redis without a term: either the fleet is new, or Redis lost its data. In the second case other balancers
 * may know a term and restore it with their next heartbeat; nobody founds term 1 before they had the time.
 */
function termMissing(state: LeaseState, attempt: number, nowMs: number, times: WaitTimes): LeaseStep {
  if (state.phase !== 'claiming' || attempt !== state.attempt) return stay(state);
  const emptySinceMs = Number.isNaN(state.emptySinceMs) ? nowMs : state.emptySinceMs;
  const wakeAtMs = Math.max(emptySinceMs + times.foundAfterMs + successionMs(state.rank, times), nowMs + times.retryMs);
  const { state: next, effects } = giveUpClaim(state, nowMs, times);
  return { state: { ...next, emptySinceMs, wakeAtMs }, effects };
}

function termSeen(
  state: LeaseState,
  { term, mastership = '' }: { readonly term: number; readonly mastership?: string },
  nowMs: number,
  times: WaitTimes,
): LeaseStep {
  if (term < state.highestTerm || term === 0) return stay(state);
  const isKnown = term === state.highestTerm;
  if (isKnown && (mastership === '' || mastership === state.highestMastership)) return stay(state);
  if (isKnown && state.highestMastership === '') return stay({ ...state, highestMastership: mastership });
  // Another balancer could write, so this one no longer has to back off after a refusal.
  const seen: LeaseState = {
    ...state,
    emptySinceMs: Number.NaN,
    refusals: 0,
    highestTerm: isKnown ? term + 1 : term,
    highestMastership: isKnown ? '' : mastership,
  };
  // Receivers can't order the tables of two masterships with the same term, so both step down.
  const raise: LeaseEffect[] = isKnown ? [{ type: 'raise-term', term: term + 1 }] : [];
  if (state.phase !== 'master') return { state: seen, effects: raise };
  const down = becomeSlave(seen, isKnown ? `another mastership holds term ${term} too` : `a newer term, ${term}, exists`, nowMs, times);
  return { state: down.state, effects: [...raise, ...down.effects] };
}

/** Releases what it holds when barred; checks for a free lease when the bar is lifted. */
function bar(state: LeaseState, nowMs: number, times: WaitTimes): LeaseStep {
  if (state.barred === '') return lookSoon(state, nowMs, times);
  if (state.phase === 'master') return becomeSlave(state, state.barred, nowMs, times);
  return state.phase === 'claiming' ? giveUpClaim(state, nowMs, times) : stay(state);
}

/** Ends a backoff that slow answers caused, once an answer is fast. */
function roundTrip(state: LeaseState, ms: number, nowMs: number, times: WaitTimes): LeaseStep {
  if (ms > times.slowMs || state.slowFailures === 0 || state.phase !== 'waiting') return stay(state);
  return lookSoon({ ...state, slowFailures: 0 }, nowMs, times);
}

/** The only way into mastership: from a claim, with a term greater than any seen before. */
function becomeMaster(state: LeaseState, term: number, nowMs: number, times: WaitTimes): LeaseStep {
  if (state.phase !== 'claiming') throw new Error(`a lease in phase ${state.phase} can't make a master`);
  return {
    state: scheduleRenewal({ ...state, phase: 'master', term, isRenewing: false, electedAtMs: nowMs, emptySinceMs: Number.NaN }, times),
    effects: [{ type: 'become-master', term, mastership: state.mastership }],
  };
}

/** The only way out of mastership. Releases the lease, in case it is still ours. */
function becomeSlave(state: LeaseState, reason: string, nowMs: number, times: WaitTimes): LeaseStep {
  if (state.phase !== 'master') throw new Error(`a lease in phase ${state.phase} can't step down`);
  return {
    state: {
      ...tryAgain(state, nowMs, times),
      term: 0,
      mastership: '',
      validUntilMs: 0,
      isRenewing: false,
      attempt: state.attempt + 1,
    },
    effects: [
      { type: 'become-slave', term: state.term, reason },
      { type: 'release', grant: state.grant },
    ],
  };
}

/** Handles an expired lease. */
function giveUp(state: LeaseState, nowMs: number, times: WaitTimes): LeaseStep {
  const slow = { ...state, slowFailures: state.slowFailures + 1 };
  return state.phase === 'master'
    ? becomeSlave(slow, 'the lease could not be renewed in time', nowMs, times)
    : giveUpClaim(slow, nowMs, times);
}

function giveUpClaim(state: LeaseState, nowMs: number, times: WaitTimes): LeaseStep {
  return {
    state: { ...tryAgain(state, nowMs, times), mastership: '', validUntilMs: 0, attempt: state.attempt + 1 },
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

function isExpired(state: LeaseState, nowMs: number, times: LeaseTimes): boolean {
  return (state.phase === 'master' || state.phase === 'claiming') && nowMs >= state.validUntilMs - times.safetyMs;
}
