// The questions of `meercat why` and a balancer's answers: values passed between the console and a traffic thread.

import { type Algorithm, ALGORITHMS, type Look } from './model.js';
import type { MatchPart, PassedRoute } from './routing/route-explanation.js';

/** What picked a host: the pool's policy, or the request's affinity: the hash of its key, or its cookie. */
export type PickedBy = Algorithm | 'hash' | 'cookie';

/** All of them. */
export const PICKED_BY: readonly PickedBy[] = Object.freeze([...ALGORITHMS, 'hash', 'cookie'] as const);

/** A request that is not sent. */
export interface AskedRequest {
  readonly method: string;
  readonly target: string;
  /** Its Host header; left out: it has none, as HTTP/1.0 allows. */
  readonly host?: string;
  /** The scheme of the client's connection; left out: http. */
  readonly scheme?: 'https';
  /** More header fields: name, value, name, value, … */
  readonly headers?: readonly string[];
  /** The client's address; left out: one that is not in --trust. */
  readonly client?: string;
}

/** The question: a past request, by its id in the access log; or a dry run for a request that is not sent. */
export type WhyQuestion = { readonly id: string } | AskedRequest;

/** Maximum parts of a match that are listed. */
export const MAX_PARTS = 64;

/** Maximum pools of a route that are listed. */
export const MAX_SPLIT = 64;

/** Maximum changes of header fields that are listed. */
export const MAX_CHANGES = 16;

/** What the site says of a request. Texts are printable ASCII. */
export interface ExplainedRoute {
  /** The site's version; 0: the balancer's own file. */
  readonly version: number;
  /** The route's index in the site, and the line of the document where it begins; null: none fits. */
  readonly index: number | null;
  readonly line: number | null;
  /** What the route asks for; empty if it fits every request, and for a past request, whose headers are not kept. */
  readonly parts: readonly MatchPart[];
  /** Only for a dry run: routes that take precedence and do not fit, the nearest ones first; and how many more there are. */
  readonly passed: readonly PassedRoute[];
  readonly unlisted: number;
  /** The pools of the route, and their weights; empty for a past request, and a route that leads to none. */
  readonly split: readonly { readonly pool: string; readonly weight: number }[];
  /** The target that the host gets; null: the client's. */
  readonly target: string | null;
  /** The changes of header fields, such as `request: set X-A: 1`. */
  readonly changes: readonly string[];
  /** Of a redirect. */
  readonly location: string | null;
}

/** A host that a policy considered, with its figures at that moment; null means unknown. */
export interface LookedAt {
  /** Null if the host has left and another one has its slot. */
  readonly host: string | null;
  readonly look: Look;
  /** The policy's score, lowest wins; null if it had none. */
  readonly score: number | null;
  /** This balancer's requests in flight on the host, and their expected work (ms of CPU). */
  readonly inflight: number;
  readonly work: number;
  /** The same for all other balancers; as old as the pick's `loadsAgeMs`. */
  readonly othersInflight: number;
  readonly othersWork: number;
  /** Milliseconds of work per millisecond: of the whole host, and of a single request. */
  readonly capacity: number | null;
  readonly speed: number | null;
  /** The host's utilization by its last report (CPU, and memory if under pressure), and the age of that report. */
  readonly usage: number | null;
  readonly reportAgeMs: number | null;
  /** The share (0..1) of this balancer's recent requests that failed there. */
  readonly failing: number;
}

/**
 * The outcome of a pick.
 * - `taken`: the request went to the host;
 * - `full`: this host and all other candidates were at their limit of requests in flight: the request was queued;
 * - `avoided`: the balancer was avoiding the host, and looked for a better one for the retry;
 * - `gone`: the host was leaving the table;
 * - `none`: there was no candidate.
 */
export type PickEnd = 'taken' | 'full' | 'avoided' | 'gone' | 'none';

/** One pick. A request has several if a host was full, or if it was retried on another host. */
export interface ExplainedPick {
  /** 1 for the first attempt. */
  readonly attempt: number;
  readonly algorithm: PickedBy;
  /** Number of candidates, and whether all hosts are candidates because too many are out (panic mode). */
  readonly candidates: number;
  readonly isPanic: boolean;
  /** The host on which this request failed before; null if none. */
  readonly excluded: string | null;
  /** Age of the other balancers' figures, from whole-fleet messages; null if none ever arrived. */
  readonly loadsAgeMs: number | null;
  /** Whether they were too old for `adaptive` to use, or none ever arrived: then only the balancer's own requests count. */
  readonly isTableOld: boolean;
  /** What `adaptive` assumes for a host with unknown figures: the medians, or 1 if none are known. */
  readonly assumedCapacity: number;
  readonly assumedSpeed: number;
  readonly looked: readonly LookedAt[];
  /** Number of considered hosts that are omitted here. */
  readonly unlisted: number;
  readonly picked: string | null;
  readonly end: PickEnd;
}

/** How one attempt of a request failed, or why the request was refused without one. */
export interface Failure {
  /** The attempt, from 1; 0 if no host was tried. */
  readonly attempt: number;
  /** The host that was tried; null if none. */
  readonly host: string | null;
  /** As in the access log: `connect-failed`, `bad-response`, `refused`, … */
  readonly outcome: string;
  /** A short reason in printable ASCII: `header name "A_b"`. */
  readonly reason: string;
}

/** One request and its picks. */
export interface Explanation {
  /** Null for a dry run. */
  readonly id: string | null;
  /** Time of the first pick. */
  readonly at: string;
  /** The request's class, and its expected work (ms of CPU). */
  readonly className: string;
  readonly costMs: number;
  /** False if the cost of the class is unknown: the average of all classes is used. */
  readonly isCostKnown: boolean;
  /** The route of the site; null without a site, and for a past request that no route fitted. */
  readonly route: ExplainedRoute | null;
  /** The request's pool; empty: none. */
  readonly pool: string;
  /** The status of an answer of the site: a redirect, a fixed answer, maintenance; 0: none. */
  readonly answered: number;
  /** Empty for a request that the site answered, or that was refused before a pick, or whose picks have been forgotten while its failure has not. */
  readonly picks: readonly ExplainedPick[];
  /** The error code of a response made by the balancer; empty if a host's response was relayed, and for a dry run. */
  readonly code: string;
  /** The failures, in order; may be empty. */
  readonly failures: readonly Failure[];
}

/**
 * A balancer's answer.
 * - `explained`;
 * - `unpicked`: the request is known, but its client left before a host was picked;
 * - `forgotten`: the request was handled here, but its record has been evicted;
 * - `unknown`: no request that this balancer knows has the id.
 */
export type WhyAnswer = { readonly status: 'explained'; readonly explanation: Explanation } | { readonly status: Unexplained };

/** Why there is no explanation. */
export type Unexplained = 'unpicked' | 'forgotten' | 'unknown';
