// Memory for the keys of all rate limits of a balancer: a table of fixed size, in sets of eight cells. Invariant: it never
// grows. A key whose bucket is full again is evicted first, which loses nothing; else the one with the least demand, so that
// many new keys can't evict a busy one. Such evictions are counted.

/** Cells of a set: a key may be in any of them. */
const WAYS = 8;

/** The columns of the table, by cell. */
export class RateCells {
  /** Theoretical arrival time (GCRA) of each key, in ms: its bucket is full from then on. */
  readonly fullAtMs: Float64Array;
  /** The same of a bucket that all attempts drain, at an even part of the rate; shows demand. */
  readonly demandAtMs: Float64Array;
  readonly arrivals: Float64Array;
  readonly admitted: Float64Array;
  /** The part of the limit that this balancer may use. */
  readonly fraction: Float32Array;
  /** 1 if the key is reported to the master. */
  readonly isReported: Uint8Array;
  readonly #high: Int32Array;
  readonly #low: Int32Array;
  readonly #setMask: number;
  /** Cells taken from a key whose bucket was not full. */
  evictions = 0;

  /** @param cells a power of two, at least 8 */
  constructor(cells: number) {
    this.fullAtMs = new Float64Array(cells);
    this.demandAtMs = new Float64Array(cells);
    this.arrivals = new Float64Array(cells);
    this.admitted = new Float64Array(cells);
    this.fraction = new Float32Array(cells);
    this.isReported = new Uint8Array(cells);
    this.#high = new Int32Array(cells);
    this.#low = new Int32Array(cells);
    this.#setMask = cells / WAYS - 1;
  }

  /** The cell of a key; -1 if it has none. */
  find(high: number, low: number): number {
    const first = (low & this.#setMask) * WAYS;
    for (let cell = first; cell < first + WAYS; cell++) if (this.#low[cell] === low && this.#high[cell] === high) return cell;
    return -1;
  }

  /** The cell of a key; a key without one gets that of another, with a full bucket. */
  take(high: number, low: number, nowMs: number, fraction: number): number {
    const found = this.find(high, low);
    if (found >= 0) return found;
    const first = (low & this.#setMask) * WAYS;
    let least = first;
    let leastMs = Number.POSITIVE_INFINITY;
    for (let cell = first; cell < first + WAYS; cell++) {
      const isFull = (this.fullAtMs[cell] as number) <= nowMs;
      const demandMs = isFull ? (this.demandAtMs[cell] as number) - 1e15 : (this.demandAtMs[cell] as number);
      if (demandMs >= leastMs) continue;
      least = cell;
      leastMs = demandMs;
    }
    if ((this.fullAtMs[least] as number) > nowMs) this.evictions++;
    this.#high[least] = high;
    this.#low[least] = low;
    this.fullAtMs[least] = this.demandAtMs[least] = this.arrivals[least] = this.admitted[least] = this.isReported[least] = 0;
    this.fraction[least] = fraction;
    return least;
  }

  /** Whether the cell still belongs to this key. */
  holds(cell: number, high: number, low: number): boolean {
    return this.#high[cell] === high && this.#low[cell] === low;
  }

  /** The key of a cell. */
  highOf(cell: number): number {
    return this.#high[cell] as number;
  }

  /** The key of a cell. */
  lowOf(cell: number): number {
    return this.#low[cell] as number;
  }
}
