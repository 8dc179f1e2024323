// The search for the highest load that is served within the SLO: by halves on a ladder of loads, whose rungs are equal
// steps of a percentage. Pure. A later round begins where the one before ended, which needs fewer turns.

const RUNGS = 25;
const LEAST_SHARE = 0.03;
const MOST_SHARE = 0.97;

/** The loads to choose from, as shares of what the hosts can do, ascending. */
export const LADDER: readonly number[] = Array.from(
  { length: RUNGS },
  (_, rung) => LEAST_SHARE * (MOST_SHARE / LEAST_SHARE) ** (rung / (RUNGS - 1)),
);

/** The rungs on which the floor is measured: its p99 grows only where its hosts are busy, near the top. */
export const FLOOR_RUNGS: readonly number[] = [0, Math.round(0.8 * (RUNGS - 1)), Math.round(0.9 * (RUNGS - 1)), RUNGS - 1];

/**
 * CPU of a request, and of a balancer without requests, as far as a search needs it: it only begins where a balancer would
 * end by these, and takes some turns longer if they are wrong.
 */
const GUESSES = {
  meercat: { requestMicros: 150, idleCores: 0.03 },
  haproxy: { requestMicros: 50, idleCores: 0 },
  nginx: { requestMicros: 45, idleCores: 0 },
} as const;

/** Turns of a search, which are bounded since the run is: in the first round, and in a later one, which begins at its result. */
export function searchTurns(round: number): { readonly about: number; readonly most: number } {
  return round === 1 ? { about: 6, most: 7 } : { about: 4, most: 4 };
}

/** What the seed of a turn adds to that of the run: in a search, */
export function searchSeed(round: number, rung: number): number {
  return round * 1000 + rung;
}

/** and at a load. */
export function loadSeed(round: number, percent: number): number {
  return round * 1000 + 100 + percent;
}

/** The rung where the first search of a contestant begins: the highest one that its CPU may serve. */
export function firstRung(
  { program, balancers, cores }: { readonly program: keyof typeof GUESSES; readonly balancers: number; readonly cores: number },
  hostsPerSecond: number,
): number {
  const { requestMicros, idleCores } = GUESSES[program];
  const perSecond = (balancers * Math.max(0, cores - idleCores) * 1e6) / requestMicros;
  return Math.max(
    0,
    LADDER.findLastIndex((share) => share * hostsPerSecond <= perSecond),
  );
}

/**
 * Finds the highest rung that is served, if every lower one is. The rung above it was refused twice: once can be chance, and
 * would end the search far too low, however clear it was (a collection of memory with little CPU stops a balancer for long).
 */
export class HighestSearch {
  readonly #rungs: number;
  /** The highest rung known to be served; -1 before there is one. */
  #served = -1;
  /** The lowest rung that was refused, and how many times; the number of rungs before there is one. */
  #refused: number;
  #refusals = 0;
  #next: number | null;
  readonly #mostTurns: number;
  #turns = 0;
  /** How far to go while only one side is known; null to halve from the start. */
  #stride: number | null;

  /**
   * @param start where to begin: the result of an earlier search; in the middle without one
   * @param mostTurns after which the search ends with what was served until then
   */
  constructor(rungs: number, start?: number, mostTurns = Number.POSITIVE_INFINITY) {
    this.#mostTurns = mostTurns;
    this.#rungs = rungs;
    this.#refused = rungs;
    this.#stride = start === undefined ? null : 1;
    this.#next = start === undefined ? (rungs - 1) >> 1 : Math.min(Math.max(start, 0), rungs - 1);
  }

  /** The rung to measure next; null once the result is known. */
  get next(): number | null {
    return this.#next;
  }

  /** The highest rung that was served; -1 if none was. */
  get result(): number {
    return this.#served;
  }

  /** Records the outcome of the rung {@link next}. */
  record(isServed: boolean): void {
    const rung = this.#next as number;
    if (!isServed) {
      this.#refusals = rung === this.#refused ? this.#refusals + 1 : 1;
      this.#refused = rung;
    } else {
      this.#served = rung;
      // It was refused by chance: look further up.
      if (rung === this.#refused) [this.#refused, this.#stride] = [this.#rungs, 1];
    }
    this.#next = ++this.#turns < this.#mostTurns ? this.#choose(isServed) : null;
  }

  #choose(isServed: boolean): number | null {
    const isOneKnown = this.#served < 0 || this.#refused === this.#rungs;
    if (this.#refused - this.#served <= 1) return this.#refused < this.#rungs && this.#refusals < 2 ? this.#refused : null;
    if (this.#stride === null || !isOneKnown) return (this.#served + this.#refused) >> 1;
    const next = isServed ? Math.min(this.#served + this.#stride, this.#rungs - 1) : Math.max(this.#refused - this.#stride, 0);
    this.#stride *= 2;
    return next;
  }
}

/**
 * The floor's p99 at any share of what the hosts can do, from the measured ones (ascending): between two of them their
 * geometric mean, weighted by distance, as queues grow by factors; outside of them that of the nearest.
 */
export function floorAt(measured: readonly { readonly share: number; readonly p99Ms: number }[], share: number): number {
  const above = measured.findIndex((each) => each.share >= share);
  const [low, high] = [measured[above - 1], measured[above]];
  if (high === undefined) return measured.at(-1)?.p99Ms ?? Number.NaN;
  if (low === undefined) return high.p99Ms;
  return low.p99Ms * (high.p99Ms / low.p99Ms) ** ((share - low.share) / (high.share - low.share));
}
