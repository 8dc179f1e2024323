// Passive health checking: when a balancer ejects a host for failures of its own requests, and for how long. Pure: one
// small state per host; time is an argument. Source: Envoy's outlier detection (consecutive failures, growing ejection
// times), with HAProxy's rule that a single refused connection is proof enough.

import { forgottenAfter } from './forgetting.js';
import type { OutcomeKind } from './retry.js';

/** The part of the configuration that the rules need. */
export interface EjectionRules {
  readonly ejectAfter: number;
  readonly ejectTimeMs: number;
  readonly ejectMaxTimeMs: number;
}

/** Why a host was ejected. */
export type EjectionReason = 'connect_failed' | 'reset' | 'timeout' | 'bad_response' | '5xx' | 'grpc_status';

/** What one request shows about its host; null for nothing. */
export type EjectionEvidence = 'good' | EjectionReason | null;

/** How long a host that refused a connection is avoided, even in panic mode. */
export const AVOID_MS = 1000;

/** How long a host is avoided while the candidate list is being rebuilt. */
export const AVOID_BRIEFLY_MS = 100;

/** Weight of the newest request in the moving average of failures. */
const FAILING_WEIGHT = 1 / 16;

/**
 * A fraction below this, a quarter of what one failure adds, counts as 0: otherwise an idle host would get nothing for
 * the slightest difference.
 */
const LEAST_FAILING = FAILING_WEIGHT / 4;

/** One balancer's record of a host. */
export interface EjectionState {
  /** Failures since the last success. */
  failures: number;
  /** Ejections so far; reset once the host has been back for as long as the longest ejection. */
  ejections: number;
  /** The minimum end of the ejection, after which a probe decides; 0 when not ejected. */
  untilMs: number;
  /** When it last came back. */
  returnedAtMs: number;
}

/** The record of an unknown host. */
export function startEjection(): EjectionState {
  return { failures: 0, ejections: 0, untilMs: 0, returnedAtMs: 0 };
}

/**
 * Whether a status of gRPC says that the host failed, as a 5xx does: RESOURCE_EXHAUSTED (8), INTERNAL (13) or UNAVAILABLE
 * (14). All others are results of the call, or the work of its client (CANCELLED, DEADLINE_EXCEEDED), or may be either.
 */
export function isGrpcFailure(grpcStatus: number): boolean {
  return grpcStatus === 8 || grpcStatus === 13 || grpcStatus === 14;
}

/** What an outcome shows about the host; nothing when the client went away or ran out of time. @param grpcStatus negative: none */
export function evidenceOf(outcome: OutcomeKind, status: number, grpcStatus = -1): EjectionEvidence {
  switch (outcome) {
    case 'ok':
      if (status >= 500) return '5xx';
      return isGrpcFailure(grpcStatus) ? 'grpc_status' : 'good';
    case 'connect-failed':
      return 'connect_failed';
    case 'reset':
    case 'unprocessed':
      return 'reset';
    case 'timeout':
      return 'timeout';
    case 'bad-response':
      return 'bad_response';
    case 'unsupported':
    case 'client-gone':
    case 'deadline':
      return null;
  }
}

/** Records one request's evidence; true if the host must be ejected now, at least until `untilMs`. */
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
  // Beyond 2^20 the maximum has long been reached.
  state.untilMs = nowMs + Math.min(rules.ejectTimeMs * 2 ** Math.min(state.ejections, 20), rules.ejectMaxTimeMs);
  state.ejections++;
  return true;
}

/** Ends the ejection after a successful probe. */
export function endEjection(state: EjectionState, nowMs: number): void {
  state.untilMs = 0;
  state.failures = 0;
  state.returnedAtMs = nowMs;
}

/** Updates the fraction (0..1) of recent requests that failed. */
export function failingAfter(share: number, evidence: EjectionEvidence): number {
  if (evidence === null) return share;
  return share + ((evidence === 'good' ? 0 : 1) - share) * FAILING_WEIGHT;
}

/** Decays the fraction over time: an old failure says little about now. A single failure is forgotten after 4 s, any number after 12 s. */
export function failingFaded(share: number, elapsedMs: number): number {
  const faded = share * (1 - forgottenAfter(elapsedMs));
  return faded < LEAST_FAILING ? 0 : faded;
}
