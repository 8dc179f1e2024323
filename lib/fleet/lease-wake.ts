// When a balancer wakes next for the lease: the steps of the state machine in lease.ts that wait for the next attempt or
// renewal. Pure like it; how long the waits are is in lease-waits.ts.

import type { LeaseState, LeaseStep } from './lease-model.js';
import { backoffMs, successionMs, type World } from './lease-waits.js';

/**
 * The next renewal counts from when the lease was asked for, not from when the answer came: with slow
 * answers, what is left of the lease after them would not be enough for one more.
 */
export function scheduleRenewal(state: LeaseState, times: World): LeaseState {
  return schedule(state, state.validUntilMs - times.ttlMs + times.renewEveryMs, times);
}

/** Wakes a master for its next renewal, or earlier for its stepping down. */
export function schedule(state: LeaseState, renewAtMs: number, times: World): LeaseState {
  return { ...state, wakeAtMs: Math.min(renewAtMs, state.validUntilMs - times.safetyMs) };
}

/** A slave that tries again at this time. */
export function wait(state: LeaseState, wakeAtMs: number): LeaseStep {
  return stay({ ...state, phase: 'waiting', wakeAtMs });
}

/** Nothing is to be done. */
export function stay(state: LeaseState): LeaseStep {
  return { state, effects: [] };
}

/** Looks whether the lease is free as soon as it is this balancer's turn; who backs off goes on doing that. */
export function lookSoon(state: LeaseState, nowMs: number, times: World): LeaseStep {
  if (state.phase !== 'waiting' || state.slowFailures > 0 || state.refusals > 0) return stay(state);
  return stay({ ...state, wakeAtMs: Math.min(state.wakeAtMs, nowMs + successionMs(state.rank, times)) });
}

/** Waits longer after each failure in a row. */
export function backOff(state: LeaseState, nowMs: number, times: World): LeaseStep {
  return wait(state, nowMs + backoffMs(state.slowFailures + state.refusals, times));
}

/** Waits for the next attempt: soon, or for long when the one before failed for a reason that lasts. */
export function tryAgain(state: LeaseState, nowMs: number, times: World): LeaseState {
  if (state.slowFailures > 0 || state.refusals > 0) return backOff(state, nowMs, times).state;
  return wait(state, nowMs + times.retryMs + successionMs(state.rank, times)).state;
}
