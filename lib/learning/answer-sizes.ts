// How large the answers of each host are beside those that others give to the same requests. A host that is quicker
// than others, with answers like theirs, is quick; one whose answers are empty, or a page of errors, does not do the work.

import { FLEET, MAX_CLASSES } from '../model.js';
import { paceAfter } from '../routing/pace.js';
import { medianOf } from '../routing/usage.js';
import type { TableColumns } from '../table/layout.js';

/**
 * Answers that are on average so many times larger or smaller than others' (a logarithm, of base 2) are others, or by
 * so much of what sizes of their class scatter: half of them may be empty because clients have them already.
 */
const ODD = Math.log2(1.5);
const ODD_OF_SCATTER = 0.6;

/** The mean size of a class is of about so many answers, of all hosts. */
const MEMORY = 512;

/** Follows the sizes of answers. O(1) an answer; allocates nothing for one. */
export class AnswerSizes {
  readonly #columns: TableColumns;
  /** By class: the mean of the logarithms of sizes, and their variance, of so many answers. */
  readonly #meanOf = new Float64Array(MAX_CLASSES);
  readonly #varianceOf = new Float64Array(MAX_CLASSES);
  readonly #answered = new Uint16Array(MAX_CLASSES);
  /** By slot: by how much its answers are larger than that, of what makes them others, as its pace is kept. */
  readonly #above: Float64Array;
  /** The same of the median host, of those that are not far quicker than others; NaN while not known. */
  #neutral = Number.NaN;

  constructor(columns: TableColumns) {
    this.#columns = columns;
    this.#above = new Float64Array(columns.pace.length);
  }

  /** A host gave an answer whose body has so many bytes, which is not in its pace yet. */
  record(slot: number, classId: number, bytes: number): void {
    const size = Math.log2(1 + bytes);
    const answers = this.#columns.answers[slot] as number;
    let mean = this.#meanOf[classId] as number;
    let variance = this.#varianceOf[classId] as number;
    // Those that are known not to be like others' are no measure, however many they are.
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

  /** Whether it is known what others' are like. */
  get areKnown(): boolean {
    return !Number.isNaN(this.#neutral);
  }

  /** Whether a host's answers are not like others', or may not be. */
  isOdd(slot: number): boolean {
    return !(Math.abs((this.#above[slot] as number) - this.#neutral) <= 1);
  }

  /** Works out what others' are like: those of hosts that need half the time that the median does, and more. */
  turn(): void {
    const { pace, fleet } = this.#columns;
    const leastPace = (fleet[FLEET.neutralPace] as number) / 2;
    const neutral = medianOf(this.#above.filter((_, slot) => (pace[slot] as number) >= leastPace));
    if (!Number.isNaN(neutral)) this.#neutral = neutral;
  }

  /** The id is another class's from now on. */
  forgetClass(classId: number): void {
    this.#answered[classId] = 0;
  }
}
