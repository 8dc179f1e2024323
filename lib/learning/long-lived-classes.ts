// Which classes of requests are long-lived: their answers are streams, or take longer than anyone waits for a page while
// the host only waits too. What is known of a class follows its last few answers, in both directions. Pure.

import { MAX_CLASSES, MAX_POOLS } from '../model.js';
import { REST_CLASS } from '../routing/request-classes.js';

/**
 * A request that its host owed the next byte for this long, in ms, is long-lived. 10 s is the longest time that keeps a
 * person's attention (Nielsen, "Usability Engineering", 1993, chapter 5), so what lasts longer is not a page.
 */
export const LONG_LIVED_MS = 10_000;

/** Weight of the newest answer: three of a kind in a row decide. */
const WEIGHT = 1 / 4;

/** The class is long-lived when more than this fraction of its answers are. */
const MOST = 1 / 2;

/** The fraction of long-lived answers by class. O(1) per answer, without allocation. */
export class LongLivedClasses {
  readonly #share = new Float64Array(MAX_CLASSES * MAX_POOLS);

  /** Whether a request of this class is expected to be long-lived. The rest is a mixture, of which nothing is expected. */
  has(classId: number): boolean {
    return (this.#share[classId] as number) > MOST && classId !== REST_CLASS;
  }

  /** Records an answer. */
  note(classId: number, isLongLived: boolean): void {
    const share = this.#share[classId] as number;
    if (share !== 0 || isLongLived) this.#share[classId] = share + ((isLongLived ? 1 : 0) - share) * WEIGHT;
  }

  /** The id belongs to another class from now on. */
  forget(classId: number): void {
    this.#share[classId] = 0;
  }
}

/**
 * Whether an answer that took this long shows a class of requests that wait, such as long polls: its CPU time is known,
 * and less than a tenth of the duration. A host that is merely overloaded must not hide its requests.
 * @param costMs expected CPU time; NaN when unknown
 */
export function isLongWait(tookMs: number, costMs: number): boolean {
  return tookMs >= LONG_LIVED_MS && costMs < tookMs / 10;
}
