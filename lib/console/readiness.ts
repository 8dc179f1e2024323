// Whether a balancer could serve a request now, and if not, why. Pure. Load is left out on purpose: a balancer that is
// taken out because it is busy leaves its load to the others, which are next.

/** What decides whether a balancer is ready. */
export interface ReadinessFacts {
  /** It is stopping. */
  readonly isStopping: boolean;
  /** What the start still waits for, as a person reads it; empty once requests are let through. */
  readonly waitingFor: string;
  /** How many hosts are known. */
  readonly hosts: number;
  /** How many of them an operator took out. */
  readonly hostsTakenOut: number;
  /** Whether at least one host may be picked. */
  readonly hasCandidate: boolean;
  /** Whether more hosts look bad than `--max-ejected` allows, so that all are used. */
  readonly isPanic: boolean;
  /** How many of those that may be picked are well. */
  readonly hostsWell: number;
}

/** Why a balancer is ready or not: stable words for scripts. */
export type ReadyReason = 'ready' | 'panic' | 'starting' | 'stopping' | 'no-hosts' | 'all-down' | 'all-taken-out' | 'hosts-pending';

/** The verdict. */
export interface Readiness {
  readonly isReady: boolean;
  readonly reason: ReadyReason;
  /** The same for a person, in one sentence. */
  readonly message: string;
}

/** Judges; what is named first in {@link ReadinessFacts} weighs most. */
export function readinessOf({ isStopping, waitingFor, hosts, hostsTakenOut, hasCandidate, isPanic, hostsWell }: ReadinessFacts): Readiness {
  if (isStopping) return { isReady: false, reason: 'stopping', message: 'this balancer is stopping: send requests to others' };
  if (waitingFor !== '') return { isReady: false, reason: 'starting', message: `requests wait: ${waitingFor}` };
  if (hasCandidate && isPanic && hostsWell === 0)
    return { isReady: false, reason: 'all-down', message: 'every host looks down: requests are sent to them anyway, and most will fail' };
  if (hasCandidate && isPanic)
    return { isReady: true, reason: 'panic', message: 'too many hosts look down: requests are sent to all of them anyway' };
  if (hasCandidate) return { isReady: true, reason: 'ready', message: 'requests are served' };
  if (hosts === 0)
    return { isReady: false, reason: 'no-hosts', message: 'no host is known: name one with --host, or start an agent beside it' };
  if (hostsTakenOut >= hosts)
    return {
      isReady: false,
      reason: 'all-taken-out',
      message: 'operators took out every host: see meercat status, and meercat undrain HOST',
    };
  return { isReady: false, reason: 'hosts-pending', message: 'hosts are known, but none may be picked yet' };
}
