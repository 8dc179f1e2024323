// What `meercat why` asks and what a balancer answers: values that go from the console to a traffic thread and back.

import type { Algorithm, Look } from './model.js';

/** What is asked: a request that was, by its id in the access log; or a dry run, of a request that is not sent. */
export type WhyQuestion = { readonly id: string } | { readonly method: string; readonly target: string };

/** A host that a policy looked at, with its figures at that moment; null is "not known". */
export interface LookedAt {
  /** Null when the host is gone and another one has its place. */
  readonly host: string | null;
  readonly look: Look;
  /** The policy's own figure, of which the least wins; null when it had none. */
  readonly score: number | null;
  /** This balancer's own requests in flight there, and the work that they were expected to be (ms of CPU). */
  readonly inflight: number;
  readonly work: number;
  /** The same of all other balancers, as old as the pick's `loadsAgeMs`. */
  readonly othersInflight: number;
  readonly othersWork: number;
  /** Milliseconds of work per millisecond: of the host as a whole, and of one request alone. */
  readonly capacity: number | null;
  readonly speed: number | null;
  /** How used the host was by its last report (CPU, and memory that presses), and how old that was. */
  readonly usage: number | null;
  readonly reportAgeMs: number | null;
  /** The share (0..1) of this balancer's recent requests that failed there. */
  readonly failing: number;
}

/**
 * What became of a pick.
 * - `taken`: the request went there;
 * - `full`: the host had as many requests as it may, and so had all others that could be picked: the request waited for its turn;
 * - `avoided`: something was held against the host, and for a second try a better one was searched for;
 * - `gone`: the host was on its way out of the table;
 * - `none`: there was nobody to pick.
 */
export type PickEnd = 'taken' | 'full' | 'avoided' | 'gone' | 'none';

/** One pick. A request has several when a host had no room, or when it was tried on another one. */
export interface ExplainedPick {
  /** 1 for the first try of the request. */
  readonly attempt: number;
  readonly algorithm: Algorithm;
  /** How many hosts could be picked, and whether those are all since so many are out. */
  readonly candidates: number;
  readonly isPanic: boolean;
  /** The host that failed this request before; null when none. */
  readonly excluded: string | null;
  /** How old the others' figures were, from whole-fleet messages; null when there never were any. */
  readonly loadsAgeMs: number | null;
  /** How far (0..1) `adaptive` believes differences of that age. */
  readonly trust: number;
  /** What `adaptive` assumes of a host of which it is not known: the medians, or 1 when nothing is known of any. */
  readonly assumedCapacity: number;
  readonly assumedSpeed: number;
  readonly looked: readonly LookedAt[];
  /** Hosts that were looked at too and are left out here. */
  readonly unlisted: number;
  readonly picked: string | null;
  readonly end: PickEnd;
}

/** How one try of a request failed, or why it was refused without one. */
export interface Failure {
  /** The try, from 1 on; 0 when no host was asked. */
  readonly attempt: number;
  /** The host that was asked; null when none was. */
  readonly host: string | null;
  /** As the access log has it: `connect-failed`, `bad-response`, `refused`, … */
  readonly outcome: string;
  /** In a few words, in printable ASCII: `header name "A_b"`. */
  readonly reason: string;
}

/** One request and its picks. */
export interface Explanation {
  /** Null for a dry run. */
  readonly id: string | null;
  /** When its first pick was made. */
  readonly at: string;
  /** The class of the request, and the work that it was expected to be (ms of CPU). */
  readonly className: string;
  readonly costMs: number;
  /** False when nothing is known of the class: it counts as the average of all. */
  readonly isCostKnown: boolean;
  /** Empty for a request that was refused before, or whose picks are forgotten while its failure is not. */
  readonly picks: readonly ExplainedPick[];
  /** The code of the answer that the balancer itself made; empty when a host's was passed on, and for a dry run. */
  readonly code: string;
  /** What went wrong, in order; empty when nothing did. */
  readonly failures: readonly Failure[];
}

/**
 * What a balancer answers.
 * - `explained`;
 * - `unpicked`: the request is known, and ended before a host was picked, for no reason of ours: its client left;
 * - `forgotten`: it was one of ours, too long ago;
 * - `unknown`: the balancer never gave this id;
 * - `log-off`: it keeps no picks, since its access log is off.
 */
export type WhyAnswer = { readonly status: 'explained'; readonly explanation: Explanation } | { readonly status: Unexplained };

/** Why there is no explanation. */
export type Unexplained = 'unpicked' | 'forgotten' | 'unknown' | 'log-off';
