// Remembers the last picks of a balancer and the hosts that the policy examined: ring buffers of numbers, written during
// a pick and read only for `meercat why`. Writing allocates nothing; the oldest entries are overwritten.

import { type ExplainedPick, type LookedAt, type PickEnd, type PickedBy, PICKED_BY } from '../../explanation.js';
import { FLEET, type HostView, LOOK, LOOKS, type PickTrace } from '../../model.js';
import { isOldAge } from '../../routing/adaptive.js';
import type { FailureLog } from './failure-log.js';

/** Number of requests that a balancer remembers. */
export const KEPT_REQUESTS = 4096;

/** Room for picks and examined hosts per request, on average; most requests need one pick and four hosts. */
const PICKS_PER_REQUEST = 2;
const LOOKS_PER_REQUEST = 8;

/** Maximum picks in an explanation, and maximum hosts of each. */
const MAX_PICKS_TOLD = 8;
const MAX_LOOKS_TOLD = 16;

const ENDS: readonly PickEnd[] = ['none', 'taken', 'full', 'gone', 'avoided'];

/** Figures of an examined host, by index. */
const FIGURE = {
  score: 0,
  inflight: 1,
  work: 2,
  othersInflight: 3,
  othersWork: 4,
  capacity: 5,
  speed: 6,
  usage: 7,
  reportAge: 8,
  failing: 9,
} as const;
const FIGURES = 10;

/** The route of a request, without the site itself: versions come and go while requests are remembered. */
export interface RoutedBy {
  /** The site's version; 0: the balancer's own file. */
  readonly version: number;
  /** The index of the route in the site. */
  readonly index: number;
  /** The line of the document where it begins. */
  readonly line: number;
}

/** What is kept of a request itself. */
export interface KeptRequest {
  readonly atMs: number;
  readonly className: string;
  readonly cost: number;
  readonly isCostKnown: boolean;
  /** Its pool; empty: none. */
  readonly pool: string;
  readonly routedBy: RoutedBy | undefined;
  /** The status of the site's answer; 0: none. */
  readonly answered: number;
}

/** The name of a slot's host at a time (process's clock); null if it is no longer known. */
export type NameOf = (slot: number, atMs: number) => string | null;

/** The picks of the last requests. */
export class PickLog implements PickTrace {
  readonly #size: number;
  /** The number of the last request; numbers begin with 1. */
  #requests = 0;
  readonly #atMs: Float64Array;
  readonly #cost: Float64Array;
  readonly #isCostKnown: Uint8Array;
  readonly #className: string[];
  readonly #pool: string[];
  readonly #routedBy: (RoutedBy | undefined)[];
  /** The ids that trusted clients gave; undefined: the balancer's own. */
  readonly #givenId: (string | undefined)[];
  readonly #answered: Uint16Array;
  readonly #hadPicks: Uint8Array;
  /** Number of picks so far. */
  #picks = 0;
  readonly #pickOf: Float64Array;
  readonly #pickAtMs: Float64Array;
  readonly #loadsAgeMs: Float64Array;
  readonly #assumedCapacity: Float64Array;
  readonly #assumedSpeed: Float64Array;
  readonly #firstLook: Float64Array;
  readonly #lookCount: Uint16Array;
  readonly #attempt: Uint8Array;
  readonly #algorithm: Uint8Array;
  readonly #panic: Uint8Array;
  readonly #end: Uint8Array;
  readonly #candidates: Int32Array;
  readonly #excluded: Int32Array;
  readonly #picked: Int32Array;
  /** Number of examined hosts so far. */
  #looks = 0;
  readonly #slot: Int32Array;
  readonly #look: Uint8Array;
  readonly #figures: Float32Array;

  /** @param size how many requests are kept */
  constructor(size = KEPT_REQUESTS) {
    this.#size = size;
    const picks = size * PICKS_PER_REQUEST;
    const looks = size * LOOKS_PER_REQUEST;
    this.#atMs = new Float64Array(size);
    this.#cost = new Float64Array(size);
    this.#isCostKnown = new Uint8Array(size);
    this.#hadPicks = new Uint8Array(size);
    this.#className = Array.from({ length: size }, () => '');
    this.#pool = Array.from({ length: size }, () => '');
    this.#answered = new Uint16Array(size);
    this.#givenId = Array.from({ length: size }, () => undefined);
    this.#routedBy = Array.from({ length: size }, () => undefined);
    this.#pickOf = new Float64Array(picks);
    this.#pickAtMs = new Float64Array(picks);
    this.#loadsAgeMs = new Float64Array(picks);
    this.#assumedCapacity = new Float64Array(picks);
    this.#assumedSpeed = new Float64Array(picks);
    this.#firstLook = new Float64Array(picks);
    this.#lookCount = new Uint16Array(picks);
    this.#attempt = new Uint8Array(picks);
    this.#algorithm = new Uint8Array(picks);
    this.#panic = new Uint8Array(picks);
    this.#end = new Uint8Array(picks);
    this.#candidates = new Int32Array(picks);
    this.#excluded = new Int32Array(picks);
    this.#picked = new Int32Array(picks);
    this.#slot = new Int32Array(looks);
    this.#look = new Uint8Array(looks);
    this.#figures = new Float32Array(looks * FIGURES);
  }

  /** The number of the last request that was opened. */
  get lastRequest(): number {
    return this.#requests;
  }

  /** Opens a request of this class, expected cost, pool, route and id of a trusted client; returns its number. */
  open(nowMs: number, className: string, cost: number, isCostKnown: boolean, pool = '', routedBy?: RoutedBy, givenId?: string): number {
    const at = ++this.#requests % this.#size;
    this.#atMs[at] = nowMs;
    this.#className[at] = className;
    this.#cost[at] = cost;
    this.#isCostKnown[at] = isCostKnown ? 1 : 0;
    this.#pool[at] = pool;
    this.#routedBy[at] = routedBy;
    this.#givenId[at] = givenId;
    this.#answered[at] = 0;
    this.#hadPicks[at] = 0;
    return this.#requests;
  }

  /** The site answered the request that was opened last, with this status. */
  answered(status: number): void {
    this.#answered[this.#requests % this.#size] = status;
  }

  /** Begins a pick: all following `look` calls belong to it. */
  begin(request: number, attempt: number, algorithm: PickedBy, view: HostView, nowMs: number, excluded: number): void {
    const at = this.#picks++ % this.#pickOf.length;
    this.#pickOf[at] = request;
    this.#pickAtMs[at] = nowMs;
    this.#attempt[at] = attempt;
    this.#algorithm[at] = PICKED_BY.indexOf(algorithm);
    this.#candidates[at] = view.candidates()[0] as number;
    this.#panic[at] = view.isPanic ? 1 : 0;
    this.#excluded[at] = excluded;
    this.#loadsAgeMs[at] = nowMs - (view.fleet[FLEET.loadsAt] as number);
    this.#assumedCapacity[at] = view.fleet[FLEET.neutralCapacity] as number;
    this.#assumedSpeed[at] = view.fleet[FLEET.neutralSpeed] as number;
    this.#firstLook[at] = this.#looks;
    this.#lookCount[at] = 0;
    this.#picked[at] = -1;
    this.#end[at] = 0;
    if (this.#isKept(request)) this.#hadPicks[request % this.#size] = 1;
  }

  /** Takes back the pick that began last: it found no host, and another one takes its place. */
  takeBack(): void {
    this.#picks--;
  }

  look(view: HostView, slot: number, nowMs: number, look: number, score: number): void {
    const at = this.#looks++ % this.#slot.length;
    this.#slot[at] = slot;
    this.#look[at] = look;
    const figures = this.#figures;
    const first = at * FIGURES;
    figures[first + FIGURE.score] = score;
    figures[first + FIGURE.inflight] = view.awaited[slot] as number;
    figures[first + FIGURE.work] = view.work[slot] as number;
    figures[first + FIGURE.othersInflight] = view.othersInflight[slot] as number;
    figures[first + FIGURE.othersWork] = view.othersWork[slot] as number;
    figures[first + FIGURE.capacity] = view.capacity[slot] as number;
    figures[first + FIGURE.speed] = view.speed[slot] as number;
    figures[first + FIGURE.usage] = view.usage[slot] as number;
    figures[first + FIGURE.reportAge] = nowMs - (view.reportedAt[slot] as number);
    figures[first + FIGURE.failing] = view.failing[slot] as number;
    (this.#lookCount[(this.#picks - 1) % this.#lookCount.length] as number)++;
  }

  /** Ends the pick that began last. @param slot the picked host; -1: none */
  end(slot: number, end: PickEnd): void {
    const at = (this.#picks - 1) % this.#pickOf.length;
    this.#picked[at] = slot;
    this.#end[at] = ENDS.indexOf(end);
  }

  /** A request's data; undefined if it was never opened or is overwritten. */
  request(request: number): KeptRequest | undefined {
    if (!this.#isKept(request)) return undefined;
    const at = request % this.#size;
    return {
      atMs: this.#atMs[at] as number,
      className: this.#className[at] as string,
      cost: this.#cost[at] as number,
      isCostKnown: this.#isCostKnown[at] === 1,
      pool: this.#pool[at] as string,
      routedBy: this.#routedBy[at],
      answered: this.#answered[at] as number,
    };
  }

  /** The number of the last remembered request with this id of a trusted client; undefined: none. */
  numberOf(givenId: string): number | undefined {
    for (let request = this.#requests; this.#isKept(request); request--)
      if (this.#givenId[request % this.#size] === givenId) return request;
    return undefined;
  }

  /** Whether a remembered request had a pick, even if the pick itself is overwritten. */
  hadPicks(request: number): boolean {
    return this.#isKept(request) && this.#hadPicks[request % this.#size] === 1;
  }

  /** The last picks of a request, in order, at most `MAX_PICKS_TOLD`. Picks whose hosts are overwritten are left out. */
  picksOf(request: number, nameOf: NameOf): ExplainedPick[] {
    const found: ExplainedPick[] = [];
    for (let pick = Math.max(0, this.#picks - this.#pickOf.length); pick < this.#picks; pick++) {
      const at = pick % this.#pickOf.length;
      if (this.#pickOf[at] !== request || (this.#firstLook[at] as number) < this.#looks - this.#slot.length) continue;
      found.push(this.#pick(at, nameOf));
    }
    return found.slice(-MAX_PICKS_TOLD);
  }

  #isKept(request: number): boolean {
    return request >= 1 && request <= this.#requests && request > this.#requests - this.#size;
  }

  #pick(at: number, nameOf: NameOf): ExplainedPick {
    const atMs = this.#pickAtMs[at] as number;
    const named = (slot: number): string | null => (slot < 0 ? null : nameOf(slot, atMs));
    const loadsAgeMs = this.#loadsAgeMs[at] as number;
    // A host may have been sampled more than once: prefer the time when it was eligible.
    const bySlot = new Map<number, LookedAt>();
    for (let i = 0; i < (this.#lookCount[at] as number); i++) {
      const row = ((this.#firstLook[at] as number) + i) % this.#slot.length;
      const slot = this.#slot[row] as number;
      if (!bySlot.has(slot) || this.#look[row] === LOOK.eligible) bySlot.set(slot, this.#row(row, named(slot)));
    }
    const all = [...bySlot.entries()];
    const picked = this.#picked[at] as number;
    // The picked host first, then the others by rank.
    const ordered = all
      .toSorted(([slotA, a], [slotB, b]) => Number(slotB === picked) - Number(slotA === picked) || rankOf(a) - rankOf(b))
      .map(([, row]) => row);
    return {
      attempt: this.#attempt[at] as number,
      algorithm: PICKED_BY[this.#algorithm[at] as number] as PickedBy,
      candidates: this.#candidates[at] as number,
      isPanic: this.#panic[at] === 1,
      excluded: named(this.#excluded[at] as number),
      loadsAgeMs: known(loadsAgeMs),
      isTableOld: isOldAge(loadsAgeMs),
      assumedCapacity: known(this.#assumedCapacity[at] as number) ?? 1,
      assumedSpeed: known(this.#assumedSpeed[at] as number) ?? 1,
      looked: ordered.slice(0, MAX_LOOKS_TOLD),
      unlisted: Math.max(0, ordered.length - MAX_LOOKS_TOLD),
      picked: named(picked),
      end: ENDS[this.#end[at] as number] as PickEnd,
    };
  }

  #row(row: number, host: string | null): LookedAt {
    const figure = (name: keyof typeof FIGURE): number => this.#figures[row * FIGURES + FIGURE[name]] as number;
    return {
      host,
      look: LOOKS[this.#look[row] as number] as LookedAt['look'],
      score: known(figure('score')),
      inflight: figure('inflight'),
      work: hundredths(figure('work')),
      othersInflight: hundredths(figure('othersInflight')),
      othersWork: hundredths(figure('othersWork')),
      capacity: known(figure('capacity')),
      speed: known(figure('speed')),
      usage: known(figure('usage')),
      reportAgeMs: known(figure('reportAge')),
      failing: hundredths(figure('failing')),
    };
  }
}

/** A balancer's pick log, and the ids of its requests. */
export interface RequestIds {
  readonly log: PickLog;
  /** Requests that were refused or failed. */
  readonly failures: FailureLog;
  /** Unique to this start of this balancer. */
  readonly prefix: string;
}

/** Eligible hosts by score, then all others. */
function rankOf({ look, score }: LookedAt): number {
  return look === 'eligible' ? (score ?? 0) : Number.MAX_VALUE;
}

/** A finite figure, rounded to four decimals; else null. */
function known(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 10_000) / 10_000 : null;
}

function hundredths(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : 0;
}
