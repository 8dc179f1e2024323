// Schedules the next wake-up of the lease's state machine: steps that wait for the next attempt or renewal. Pure, like
// lease.ts; lease-waits.ts has the delays.

import type { LeaseState, LeaseStep } from './lease-model.js';
import { backoffMs, successionMs, type WaitTimes } from './lease-waits.js';

/**
 * Schedules the next renewal, counted from when the lease was requested, not from when the answer arrived: after a slow
 * answer too little of the lease would be left for another one.
 */
export function scheduleRenewal(state: LeaseState, times: WaitTimes): LeaseState {
  return schedule(state, state.validUntilMs - times.ttlMs + times.renewEveryMs, times);
}

/** Wakes a master for its next renewal, or earlier if it must step down first. */
export function schedule(state: LeaseState, renewAtMs: number, times: WaitTimes): LeaseState {
  return { ...state, wakeAtMs: Math.min(renewAtMs, state.validUntilMs - times.safetyMs) };
}

/** Waits as a slave until this time. */
export function wait(state: LeaseState, wakeAtMs: number): LeaseStep {
  return stay({ ...state, phase: 'waiting', wakeAtMs });
}

/** Changes nothing. */
export function stay(state: LeaseState): LeaseStep {
  return { state, effects: [] };
}

/** Checks for a free lease as soon as it is this balancer's turn; does not cut a backoff short. */
export function lookSoon(state: LeaseState, nowMs: number, times: WaitTimes): LeaseStep {
  if (state.phase !== 'waiting' || state.slowFailures > 0 || state.refusals > 0) return stay(state);
  return stay({ ...state, wakeAtMs: Math.min(state.wakeAtMs, nowMs + successionMs(state.rank, times)) });
}

/** Waits longer after each consecutive failure. */
export function backOff(state: LeaseState, nowMs: number, times: WaitTimes): LeaseStep {
  return wait(state, nowMs + backoffMs(state.slowFailures + state.refusals, times));
}

/** Waits for the next attempt; backs off if the last one failed for a lasting reason. */
export function tryAgain(state: LeaseState, nowMs: number, times: WaitTimes): LeaseState {
  if (state.slowFailures > 0 || state.refusals > 0) return backOff(state, nowMs, times).state;
  return wait(state, nowMs + times.retryMs + successionMs(state.rank, times)).state;
}
