// Compares the response sizes of each host with those of other hosts for the same requests. A host that is faster than
// others with similar responses is just fast; one whose responses are empty, or a page of errors, does not do the work.

import { FLEET, MAX_CLASSES } from '../model.js';
import { paceAfter } from '../routing/pace.js';
import { medianOf } from '../routing/usage.js';
import type { TableColumns } from '../table/layout.js';

/**
 * A host's responses are odd when their mean size differs by this factor (log2), or by this fraction of the standard
 * deviation of their class if that is more: half of the responses may be empty because clients have them cached.
 */
const ODD = Math.log2(1.5);
const ODD_OF_SCATTER = 0.6;

/** The mean size of a class averages about this many responses, over all hosts. */
const MEMORY = 512;

/** Tracks the sizes of responses. O(1) per response, without allocation. */
export class AnswerSizes {
  readonly #columns: TableColumns;
  /** By class: mean and variance of the log2 sizes, and the number of responses they rest on. */
  readonly #meanOf = new Float64Array(MAX_CLASSES);
  readonly #varianceOf = new Float64Array(MAX_CLASSES);
  readonly #answered = new Uint16Array(MAX_CLASSES);
  /** By slot: how much larger its responses are than the class mean, in units of the odd limit; a moving average like the pace. */
  readonly #above: Float64Array;
  /** The same for the median host among those not much faster than others; NaN while unknown. */
  #neutral = Number.NaN;

  constructor(columns: TableColumns) {
    this.#columns = columns;
    this.#above = new Float64Array(columns.pace.length);
  }

  /** Records the body size of a response that is not in the host's pace yet. */
  record(slot: number, classId: number, bytes: number): void {
    const size = Math.log2(1 + bytes);
    const answers = this.#columns.answers[slot] as number;
    let mean = this.#meanOf[classId] as number;
    let variance = this.#varianceOf[classId] as number;
    // Odd responses don't count towards the mean, however many there are.
    if (answers === 0 || !this.isOdd(slot) || !this.areKnown) {
      const answered = Math.min((this.#answered[classId] as number) + 1, MEMORY);
      this.#answered[classId] = answered;
      variance += ((size - mean) ** 2 * (1 - 1 / answered) - variance) / answered;
      this.#varianceOf[classId] = variance;
      mean += (size - mean) / answered;
      this.#meanOf[classId] = mean;
    }
    const odd = Math.max(ODD, ODD_OF_SCATTER * Math.sqrt(variance));
    this.#above[slot] = paceAfter(this.#above[slot] as number, answers, 1, (size - mean) / odd);
  }

  /** Whether the usual sizes are known. */
  get areKnown(): boolean {
    return !Number.isNaN(this.#neutral);
  }

  /** Whether a host's responses are odd, or can't be judged yet. */
  isOdd(slot: number): boolean {
    return !(Math.abs((this.#above[slot] as number) - this.#neutral) <= 1);
  }

  /** Updates the usual sizes: the median over the hosts that need at least half the median time. */
  turn(): void {
    const { pace, fleet } = this.#columns;
    const leastPace = (fleet[FLEET.neutralPace] as number) / 2;
    const neutral = medianOf(this.#above.filter((_, slot) => (pace[slot] as number) >= leastPace));
    if (!Number.isNaN(neutral)) this.#neutral = neutral;
  }

  /** The id belongs to another class from now on. */
  forgetClass(classId: number): void {
    this.#answered[classId] = 0;
  }
}
