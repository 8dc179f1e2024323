// Remembers the last picks of a balancer, with what the policy looked at: rings of numbers, written while a pick is
// made and read only when somebody asks why. Writing takes no memory; what is old is overwritten.

import type { ExplainedPick, LookedAt, PickEnd } from '../../explanation.js';
import { type Algorithm, ALGORITHMS, FLEET, type HostView, LOOK, LOOKS, type PickTrace } from '../../model.js';
import type { FailureLog } from './failure-log.js';
import { trustAt } from '../../routing/adaptive.js';

/** How many requests a balancer remembers. */
export const KEPT_REQUESTS = 4096;

/** Room for picks and for hosts that were looked at, for each request; most need one pick and four hosts. */
const PICKS_PER_REQUEST = 2;
const LOOKS_PER_REQUEST = 8;

/** Most picks that an explanation lists, and most hosts of each. */
const MAX_PICKS_TOLD = 8;
const MAX_LOOKS_TOLD = 16;

const ENDS: readonly PickEnd[] = ['none', 'taken', 'full', 'gone', 'avoided'];

/** Figures of a host that was looked at, by their places. */
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

/** What is kept of a request itself. */
export interface KeptRequest {
  readonly atMs: number;
  readonly className: string;
  readonly cost: number;
  readonly isCostKnown: boolean;
}

/** A host's name at a time of the process's clock; null when it is not known any more. */
export type NameOf = (slot: number, atMs: number) => string | null;

/** The picks of the last requests. */
export class PickLog implements PickTrace {
  readonly #isPanic: () => boolean;
  readonly #size: number;
  /** The number of the last request; they begin with 1. */
  #requests = 0;
  readonly #atMs: Float64Array;
  readonly #cost: Float64Array;
  readonly #isCostKnown: Uint8Array;
  readonly #className: string[];
  readonly #hadPicks: Uint8Array;
  /** Picks that were begun. */
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
  /** Hosts that were looked at. */
  #looks = 0;
  readonly #slot: Int32Array;
  readonly #look: Uint8Array;
  readonly #figures: Float32Array;

  /**
   * @param isPanic whether too many hosts are out, so that all are used
   * @param size how many requests are kept
   */
  constructor(isPanic: () => boolean, size = KEPT_REQUESTS) {
    this.#isPanic = isPanic;
    this.#size = size;
    const picks = size * PICKS_PER_REQUEST;
    const looks = size * LOOKS_PER_REQUEST;
    this.#atMs = new Float64Array(size);
    this.#cost = new Float64Array(size);
    this.#isCostKnown = new Uint8Array(size);
    this.#hadPicks = new Uint8Array(size);
    this.#className = Array.from({ length: size }, () => '');
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

  /** A request came, of this class and expected cost; gives its number. */
  open(nowMs: number, className: string, cost: number, isCostKnown: boolean): number {
    const at = ++this.#requests % this.#size;
    this.#atMs[at] = nowMs;
    this.#className[at] = className;
    this.#cost[at] = cost;
    this.#isCostKnown[at] = isCostKnown ? 1 : 0;
    this.#hadPicks[at] = 0;
    return this.#requests;
  }

  /** A pick begins, and all that is looked at from now on belongs to it. */
  begin(request: number, attempt: number, algorithm: Algorithm, view: HostView, nowMs: number, excluded: number): void {
    const at = this.#picks++ % this.#pickOf.length;
    this.#pickOf[at] = request;
    this.#pickAtMs[at] = nowMs;
    this.#attempt[at] = attempt;
    this.#algorithm[at] = ALGORITHMS.indexOf(algorithm);
    this.#candidates[at] = view.candidates()[0] as number;
    this.#panic[at] = this.#isPanic() ? 1 : 0;
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

  look(view: HostView, slot: number, nowMs: number, look: number, score: number): void {
    const at = this.#looks++ % this.#slot.length;
    this.#slot[at] = slot;
    this.#look[at] = look;
    const figures = this.#figures;
    const first = at * FIGURES;
    figures[first + FIGURE.score] = score;
    figures[first + FIGURE.inflight] = (view.inflight[slot] as number) + (view.phantomInflight[slot] as number);
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

  /** The pick that began last is made; -1 for nobody. */
  end(slot: number, end: PickEnd): void {
    const at = (this.#picks - 1) % this.#pickOf.length;
    this.#picked[at] = slot;
    this.#end[at] = ENDS.indexOf(end);
  }

  /** What is kept of a request; undefined when it was never opened or is overwritten. */
  request(request: number): KeptRequest | undefined {
    if (!this.#isKept(request)) return undefined;
    const at = request % this.#size;
    return {
      atMs: this.#atMs[at] as number,
      className: this.#className[at] as string,
      cost: this.#cost[at] as number,
      isCostKnown: this.#isCostKnown[at] === 1,
    };
  }

  /** Whether a pick was made for a request that is kept, be it overwritten or not. */
  hadPicks(request: number): boolean {
    return this.#isKept(request) && this.#hadPicks[request % this.#size] === 1;
  }

  /** The picks of a request, in order, the last ones when there are very many. Those whose hosts are overwritten are left out. */
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
    // The same host may have been drawn more than once: what could have been taken says most.
    const bySlot = new Map<number, LookedAt>();
    for (let i = 0; i < (this.#lookCount[at] as number); i++) {
      const row = ((this.#firstLook[at] as number) + i) % this.#slot.length;
      const slot = this.#slot[row] as number;
      if (!bySlot.has(slot) || this.#look[row] === LOOK.eligible) bySlot.set(slot, this.#row(row, named(slot)));
    }
    const all = [...bySlot.entries()];
    const picked = this.#picked[at] as number;
    // Whoever was picked is listed, and then those that were next to it.
    const ordered = all
      .toSorted(([slotA, a], [slotB, b]) => Number(slotB === picked) - Number(slotA === picked) || rankOf(a) - rankOf(b))
      .map(([, row]) => row);
    return {
      attempt: this.#attempt[at] as number,
      algorithm: ALGORITHMS[this.#algorithm[at] as number] as Algorithm,
      candidates: this.#candidates[at] as number,
      isPanic: this.#panic[at] === 1,
      excluded: named(this.#excluded[at] as number),
      loadsAgeMs: known(loadsAgeMs),
      trust: hundredths(trustAt(loadsAgeMs)),
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

/** The log of a balancer's picks, and how its requests are called. */
export interface RequestIds {
  readonly log: PickLog;
  /** Those that were refused or failed. */
  readonly failures: FailureLog;
  /** Tells this start of this balancer from all others. */
  readonly prefix: string;
}

/** The id of a request, as the access log has it: `85972bd5-1f`. */
export function requestIdOf({ prefix }: Pick<RequestIds, 'prefix'>, request: number): string {
  return `${prefix}-${request.toString(36)}`;
}

/** Those that could be taken by their scores, then all others. */
function rankOf({ look, score }: LookedAt): number {
  return look === 'eligible' ? (score ?? 0) : Number.MAX_VALUE;
}

/** A figure that is one, to four digits; else null. */
function known(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 10_000) / 10_000 : null;
}

function hundredths(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 100) / 100 : 0;
}
