// When a balancer ejects a host for what its own requests met there (passive health checking), and for how
// long. Pure: one small state a host, time comes as an argument.
// Source: Envoy's outlier detection (consecutive failures, ejections that grow), with HAProxy's rule that a
// refused connection needs no second proof.

import { forgottenAfter } from './forgetting.js';
import type { OutcomeKind } from './retry.js';

/** What the rules need of the configuration. */
export interface EjectionRules {
  readonly ejectAfter: number;
  readonly ejectTimeMs: number;
  readonly ejectMaxTimeMs: number;
}

/** Why a host was ejected. */
export type EjectionReason = 'connect_failed' | 'reset' | 'timeout' | 'bad_response' | '5xx';

/** What one request says of its host; `null` when it says nothing. */
export type EjectionEvidence = 'good' | EjectionReason | null;

/** A host that refused a connection is passed over so long even where all hosts are used (panic). */
export const AVOID_MS = 1000;

/** For the moments in which the candidates' list is built anew. */
export const AVOID_BRIEFLY_MS = 100;

/** The weight of the newest request in the share of those that failed. */
const FAILING_WEIGHT = 1 / 16;

/** A share below this, a quarter of what a single failure makes, is none: a host that is idle otherwise would get nothing for the least difference. */
const LEAST_FAILING = FAILING_WEIGHT / 4;

/** One host's record with one balancer. */
export interface EjectionState {
  /** Failures since the last good answer. */
  failures: number;
  /** Ejections so far; forgotten once the host has been in for as long as the longest one. */
  ejections: number;
  /** Until when it is ejected at least; then a probe decides. 0 when it is not. */
  untilMs: number;
  /** When it came back last. */
  returnedAtMs: number;
}

/** The record of a host that nothing is known of. */
export function startEjection(): EjectionState {
  return { failures: 0, ejections: 0, untilMs: 0, returnedAtMs: 0 };
}

/** What an outcome says of the host. A client that went away says nothing, and so does a failure without the host's part. */
export function evidenceOf(outcome: OutcomeKind, status: number): EjectionEvidence {
  switch (outcome) {
    case 'ok':
      return status >= 500 ? '5xx' : 'good';
    case 'connect-failed':
      return 'connect_failed';
    case 'reset':
      return 'reset';
    case 'timeout':
      return 'timeout';
    case 'bad-response':
      return 'bad_response';
    case 'client-gone':
      return null;
  }
}

/** Takes one request's evidence. Gives whether the host is to be ejected now; `untilMs` then says until when at least. */
export function takeEvidence(state: EjectionState, evidence: EjectionEvidence, nowMs: number, rules: EjectionRules): boolean {
  if (evidence === null || state.untilMs !== 0) return false;
  if (evidence === 'good') {
    state.failures = 0;
    if (state.ejections > 0 && nowMs - state.returnedAtMs >= rules.ejectMaxTimeMs) state.ejections = 0;
    return false;
  }
  state.failures++;
  if (evidence !== 'connect_failed' && state.failures < rules.ejectAfter) return false;
  state.failures = 0;
  // Beyond 2^20 the ceiling has long been reached.
  state.untilMs = nowMs + Math.min(rules.ejectTimeMs * 2 ** Math.min(state.ejections, 20), rules.ejectMaxTimeMs);
  state.ejections++;
  return true;
}

/** A probe found the host well: it is in again. */
export function endEjection(state: EjectionState, nowMs: number): void {
  state.untilMs = 0;
  state.failures = 0;
  state.returnedAtMs = nowMs;
}

/** The share (0..1) of recent requests that failed, after one more. */
export function failingAfter(share: number, evidence: EjectionEvidence): number {
  if (evidence === null) return share;
  return share + ((evidence === 'good' ? 0 : 1) - share) * FAILING_WEIGHT;
}

/** The share after so long: an old failure says little of now. A single one is forgotten after 4 s, and whatever a host failed after 12 s. */
export function failingFaded(share: number, elapsedMs: number): number {
  const faded = share * (1 - forgottenAfter(elapsedMs));
  return faded < LEAST_FAILING ? 0 : faded;
}
