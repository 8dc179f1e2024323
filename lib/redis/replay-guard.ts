// Which messages of a sender were seen. A sender's numbers are about the time of sending, so that what is older than the
// window needs no memory: it is refused as too old. Invariant: no number of a run is accepted twice.

/** Messages on a Redis Cluster can overtake each other by this much, in µs; later ones are dropped. */
const REORDER_MICROS = 1_000_000;

/** Numbers remembered of one run; within the time above more are not sent. */
const MAX_RECENT = 4096;

/** Senders remembered; each has a good key, but a key for many hosts has many names. */
const MAX_SENDERS = 100_000;

/** Runs of one sender: a start of its process each, and each of its threads. */
const MAX_RUNS = 16;

/** Old numbers are dropped in batches of at least this many: dropping each one costs more than checking it. */
const MIN_TRIM = 64;

interface Run {
  highest: number;
  /** Numbers below this one are not remembered, and refused. */
  floor: number;
  /** The highest one and those shortly before it, in ascending order. */
  recent: number[];
  /** How long `recent` gets before it is trimmed. */
  trimAt: number;
}

/** The numbers seen on one channel. */
export class ReplayGuard {
  readonly #senders = new Map<string, Map<string, Run>>();
  #nextSweepMicros = 0;

  /** The senders remembered. */
  get size(): number {
    return this.#senders.size;
  }

  /**
   * Whether this number is new; it is remembered then. To be asked only about messages whose signature is good.
   * @param oldestMicros numbers below this one are refused elsewhere
   */
  isNew(sender: string, run: string, seq: number, oldestMicros: number): boolean {
    this.#sweep(oldestMicros);
    let runs = this.#senders.get(sender);
    if (runs === undefined) {
      if (this.#senders.size >= MAX_SENDERS) return false;
      this.#senders.set(sender, (runs = new Map()));
    }
    const known = runs.get(run);
    if (known === undefined) {
      if (runs.size >= MAX_RUNS) forgetOldest(runs);
      runs.set(run, { highest: seq, floor: 0, recent: [seq], trimAt: MIN_TRIM });
      return true;
    }
    if (seq > known.highest) {
      known.highest = seq;
      known.recent.push(seq);
    } else {
      if (seq < Math.max(known.floor, known.highest - REORDER_MICROS)) return false;
      const at = placeOf(known.recent, seq);
      if (known.recent[at] === seq) return false;
      known.recent.splice(at, 0, seq);
    }
    if (known.recent.length >= known.trimAt) trim(known);
    return true;
  }

  /** Forgets runs whose messages are all too old by now. */
  #sweep(oldestMicros: number): void {
    if (oldestMicros < this.#nextSweepMicros) return;
    this.#nextSweepMicros = oldestMicros + 10 * REORDER_MICROS;
    for (const [sender, runs] of this.#senders) {
      for (const [run, { highest }] of runs) if (highest < oldestMicros) runs.delete(run);
      if (runs.size === 0) this.#senders.delete(sender);
    }
  }
}

function trim(run: Run): void {
  const { recent, highest } = run;
  const oldest = placeOf(recent, highest - REORDER_MICROS);
  const from = Math.max(oldest, recent.length - MAX_RECENT);
  run.floor = Math.max(run.floor, from > oldest ? (recent[from] as number) : highest - REORDER_MICROS);
  run.recent = recent.slice(from);
  run.trimAt = Math.max(MIN_TRIM, 2 * run.recent.length);
}

/** Where this number stands in ascending ones, or would stand. */
function placeOf(ascending: readonly number[], seq: number): number {
  let [from, to] = [0, ascending.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((ascending[middle] as number) < seq) from = middle + 1;
    else to = middle;
  }
  return from;
}

function forgetOldest(runs: Map<string, Run>): void {
  let oldest: [string, number] | undefined;
  for (const [run, { highest }] of runs) if (oldest === undefined || highest < oldest[1]) oldest = [run, highest];
  if (oldest !== undefined) runs.delete(oldest[0]);
}
