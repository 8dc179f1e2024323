// Classifies requests by method and path, for one balancer: small ids for the most frequent paths, 0 for the rest. Frequent
// paths are found by SpaceSaving (Metwally, Agrawal, El Abbadi, "Efficient Computation of Frequent and Top-k Elements
// in Data Streams", ICDT 2005) with decayed counts: memory is fixed, and one-off paths don't evict a path with an id.
// Ids change only at `turn`, slowly.

import { MAX_CLASSES } from '../model.js';
import { FoldedPath } from './folded-path.js';

/** The id of the rest: all paths without a class of their own. */
export const REST_CLASS = 0;

/** The name of the rest, where classes are listed by name. */
export const REST_NAME = '(rest)';

/** Number of paths counted: those with an id, and candidates. */
const ROUTES = 256;
const BUCKETS = 1024;

/** Half-life of a path's count. */
const HALF_LIFE_MS = 60_000;

/** Minimum guaranteed count before a path gets an id. */
const PROMOTE_AT = 4;

/** A path takes over the id of another one only when it is this many times as frequent. */
const DISPLACE_FACTOR = 2;

/** A path whose count decayed below this returns its id: 17 minutes of silence after a count of 1,000. */
const IDLE_COUNT = 0.01;

/** How long a returned id is not reassigned, so that requests of its old class can end. */
const QUARANTINE_MS = 10_000;

/** A reassigned id: whatever was learned under it must be forgotten. */
export interface ClassChange {
  readonly id: number;
  /** The class that has the id now; null for none. */
  readonly name: string | null;
}

/** The classes of one balancer's requests. */
export class RequestClasses {
  readonly #path: FoldedPath;
  readonly #hashA = new Int32Array(ROUTES);
  readonly #hashB = new Int32Array(ROUTES);
  readonly #count = new Float64Array(ROUTES);
  /** How much of the count may belong to paths previously in the same place. */
  readonly #error = new Float64Array(ROUTES);
  readonly #id = new Uint8Array(ROUTES);
  /** 1 when the path gets an id on its next request, since its name is known only then. */
  readonly #isPromoted = new Uint8Array(ROUTES);
  /** Hash table with open addressing: a path's index + 1, or 0. */
  readonly #buckets = new Int16Array(BUCKETS);
  #used = 0;
  /** Lower bound of all candidates' counts; replacement continues at the hand. */
  #floor = 0;
  #hand = 0;
  readonly #names: (string | null)[] = [REST_NAME, ...Array.from({ length: MAX_CLASSES - 1 }, () => null)];
  /** Free ids, lowest last. */
  readonly #free = Array.from({ length: MAX_CLASSES - 1 }, (_, index) => MAX_CLASSES - 1 - index);
  readonly #quarantined: { readonly id: number; readonly untilMs: number }[] = [];
  #changes: ClassChange[] = [];
  #turnedAtMs = Number.NaN;

  /** The id of the first class, which is the rest. */
  readonly #first: number;

  /**
   * @param seed any integer, ideally one unknown to clients
   * @param first the first of the `MAX_CLASSES` ids; those of other pools follow or precede them
   */
  constructor(seed: number, first = 0) {
    this.#first = first;
    this.#path = new FoldedPath(seed);
  }

  /** Returns the class id of a request, and counts it. Allocates nothing, except a name when it assigns an id. */
  classOf(method: string, target: string): number {
    const path = this.#path;
    path.read(method, target);
    const { hashA, hashB } = path;
    for (let bucket = bucketOf(hashA, hashB); ; bucket = (bucket + 1) & (BUCKETS - 1)) {
      const index = (this.#buckets[bucket] as number) - 1;
      if (index < 0) break;
      if (this.#hashA[index] !== hashA || this.#hashB[index] !== hashB) continue;
      (this.#count[index] as number)++;
      return this.#isPromoted[index] === 1 ? this.#first + this.#give(index, method, target) : this.#first + (this.#id[index] as number);
    }
    this.#admit(hashA, hashB);
    return this.#first + REST_CLASS;
  }

  /** Returns the class id of a request without counting it. */
  idOf(method: string, target: string): number {
    this.#path.read(method, target);
    const { hashA, hashB } = this.#path;
    for (let index = 0; index < this.#used; index++) {
      if (this.#hashA[index] === hashA && this.#hashB[index] === hashB) return this.#first + (this.#id[index] as number);
    }
    return this.#first + REST_CLASS;
  }

  /** The name of a class, such as `GET /users/:id`; null for an unassigned id. */
  name(id: number): string | null {
    return this.#names[id - this.#first] ?? null;
  }

  /** All classes with an id. */
  named(): (readonly [id: number, name: string])[] {
    const named: (readonly [id: number, name: string])[] = [[this.#first + REST_CLASS, REST_NAME]];
    for (let id = REST_CLASS + 1; id < MAX_CLASSES; id++) {
      const name = this.#names[id] ?? null;
      if (name !== null) named.push([this.#first + id, name]);
    }
    return named;
  }

  /** Decays the counts, and assigns and returns ids; call about once a second. Returns the ids reassigned since the previous turn. */
  turn(nowMs: number): readonly ClassChange[] {
    this.#fade(nowMs);
    while (this.#quarantined[0] !== undefined && this.#quarantined[0].untilMs <= nowMs)
      this.#free.push((this.#quarantined.shift() as { id: number }).id);
    for (let index = 0; index < this.#used; index++) {
      if (this.#id[index] !== 0 && (this.#count[index] as number) < IDLE_COUNT) this.#takeBack(index, nowMs);
    }
    this.#promote(nowMs);
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  #fade(nowMs: number): void {
    const elapsedMs = nowMs - this.#turnedAtMs;
    this.#turnedAtMs = nowMs;
    if (!(elapsedMs > 0)) return;
    const factor = 0.5 ** (elapsedMs / HALF_LIFE_MS);
    this.#floor *= factor;
    for (let index = 0; index < this.#used; index++) {
      (this.#count[index] as number) *= factor;
      (this.#error[index] as number) *= factor;
    }
  }

  #promote(nowMs: number): void {
    const sure = (index: number): number => (this.#count[index] as number) - (this.#error[index] as number);
    const withId: number[] = [];
    const candidates: number[] = [];
    for (let index = 0; index < this.#used; index++) {
      this.#isPromoted[index] = 0;
      if (this.#id[index] !== 0) withId.push(index);
      else if (sure(index) >= PROMOTE_AT) candidates.push(index);
    }
    candidates.sort((one, other) => sure(other) - sure(one));
    withId.sort((one, other) => (this.#count[one] as number) - (this.#count[other] as number));
    // Ids in quarantine are reserved for the first candidates.
    let reserved = this.#quarantined.length;
    for (const [place, index] of candidates.entries()) {
      if (place < this.#free.length) {
        this.#isPromoted[index] = 1;
      } else if (reserved > 0) {
        reserved--;
      } else {
        const weakest = withId.shift();
        if (weakest === undefined || sure(index) < DISPLACE_FACTOR * (this.#count[weakest] as number) + PROMOTE_AT) break;
        this.#takeBack(weakest, nowMs);
      }
    }
  }

  #give(index: number, method: string, target: string): number {
    this.#isPromoted[index] = 0;
    const id = this.#free.pop();
    if (id === undefined) return REST_CLASS;
    const name = this.#path.name(method, target);
    this.#names[id] = name;
    this.#id[index] = id;
    this.#changes.push({ id: this.#first + id, name });
    return id;
  }

  #takeBack(index: number, nowMs: number): void {
    const id = this.#id[index] as number;
    this.#id[index] = 0;
    this.#names[id] = null;
    this.#changes.push({ id: this.#first + id, name: null });
    this.#quarantined.push({ id, untilMs: nowMs + QUARANTINE_MS });
  }

  /** Counts a new path, in place of the least frequent candidate. */
  #admit(hashA: number, hashB: number): void {
    let index: number;
    if (this.#used < ROUTES) {
      index = this.#used++;
      this.#count[index] = 1;
      this.#error[index] = 0;
    } else {
      index = this.#leastCandidate();
      this.#remove(index);
      const count = this.#count[index] as number;
      this.#error[index] = count;
      this.#count[index] = count + 1;
      this.#isPromoted[index] = 0;
    }
    this.#hashA[index] = hashA;
    this.#hashB[index] = hashB;
    let bucket = bucketOf(hashA, hashB);
    while (this.#buckets[bucket] !== 0) bucket = (bucket + 1) & (BUCKETS - 1);
    this.#buckets[bucket] = index + 1;
  }

  /**
   * Finds a candidate whose count is within one of the least. The hand moves on round the table, so a flood of new
   * paths costs a few steps each instead of a full search.
   */
  #leastCandidate(): number {
    for (;;) {
      let least = Number.POSITIVE_INFINITY;
      for (let step = 0; step < ROUTES; step++) {
        const index = this.#hand;
        this.#hand = (index + 1) % ROUTES;
        if (this.#id[index] !== 0) continue;
        const count = this.#count[index] as number;
        if (count < this.#floor + 1) return index;
        if (count < least) least = count;
      }
      this.#floor = least;
    }
  }

  /** Removes a path from the hash table and moves up displaced entries (Knuth, vol. 3, 6.4, algorithm R). */
  #remove(index: number): void {
    const buckets = this.#buckets;
    let hole = bucketOf(this.#hashA[index] as number, this.#hashB[index] as number);
    while (buckets[hole] !== index + 1) hole = (hole + 1) & (BUCKETS - 1);
    for (let bucket = (hole + 1) & (BUCKETS - 1); buckets[bucket] !== 0; bucket = (bucket + 1) & (BUCKETS - 1)) {
      const moved = (buckets[bucket] as number) - 1;
      const home = bucketOf(this.#hashA[moved] as number, this.#hashB[moved] as number);
      if (((bucket - home) & (BUCKETS - 1)) < ((bucket - hole) & (BUCKETS - 1))) continue;
      buckets[hole] = moved + 1;
      hole = bucket;
    }
    buckets[hole] = 0;
  }
}

function bucketOf(hashA: number, hashB: number): number {
  return (hashA ^ (hashB >>> 16) ^ (hashA >>> 15)) & (BUCKETS - 1);
}
