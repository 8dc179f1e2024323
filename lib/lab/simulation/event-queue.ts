// The event queue in virtual time: a binary heap over typed arrays. Invariant: events run in time order, and those with
// equal times in scheduling order. Scheduling does not allocate once the heap has grown.

/** An event's action; receives the target and the payload with which it was scheduled. */
export type EventHandler<Payload> = (target: number, payload: Payload) => void;

const FIRST_SIZE = 1024;

/** The pending events. */
export class EventQueue {
  #times = new Float64Array(FIRST_SIZE);
  #orders = new Float64Array(FIRST_SIZE);
  /** Indexes of the events' other fields, which do not move. */
  #cells = new Int32Array(FIRST_SIZE);
  #size = 0;
  #scheduled = 0;
  readonly #targets: number[] = [];
  readonly #runs: EventHandler<never>[] = [];
  readonly #payloads: unknown[] = [];
  readonly #free: number[] = [];

  /** Time of the current or last event. */
  nowMs = 0;

  get size(): number {
    return this.#size;
  }

  /** Time of the next event; Infinity if there is none. */
  get nextMs(): number {
    return this.#size === 0 ? Number.POSITIVE_INFINITY : (this.#times[0] as number);
  }

  /** Schedules an event. Reuse `run`; do not create a closure per event. */
  schedule<Payload>(atMs: number, run: EventHandler<Payload>, target: number, payload: Payload): void {
    const cell = this.#free.pop() ?? this.#runs.length;
    this.#targets[cell] = target;
    this.#runs[cell] = run as EventHandler<never>;
    this.#payloads[cell] = payload;
    if (this.#size === this.#times.length) this.#grow();
    this.#rise(this.#size++, atMs, this.#scheduled++, cell);
  }

  /** Removes the next event and runs it. There must be one. */
  runNext(): void {
    const cell = this.#cells[0] as number;
    this.nowMs = this.#times[0] as number;
    this.#size--;
    if (this.#size > 0)
      this.#sink(this.#times[this.#size] as number, this.#orders[this.#size] as number, this.#cells[this.#size] as number);
    const run = this.#runs[cell] as EventHandler<unknown>;
    const payload = this.#payloads[cell];
    this.#payloads[cell] = undefined;
    this.#free.push(cell);
    run(this.#targets[cell] as number, payload);
  }

  #rise(place: number, time: number, order: number, cell: number): void {
    const times = this.#times;
    const orders = this.#orders;
    let at = place;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      // The rising event was scheduled last: on equal times it stays behind.
      if ((times[parent] as number) <= time) break;
      this.#move(parent, at);
      at = parent;
    }
    times[at] = time;
    orders[at] = order;
    this.#cells[at] = cell;
  }

  #sink(time: number, order: number, cell: number): void {
    const size = this.#size;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#isBefore(child + 1, this.#times[child] as number, this.#orders[child] as number)) child++;
      if (!this.#isBefore(child, time, order)) break;
      this.#move(child, at);
      at = child;
    }
    this.#times[at] = time;
    this.#orders[at] = order;
    this.#cells[at] = cell;
  }

  #isBefore(place: number, time: number, order: number): boolean {
    const own = this.#times[place] as number;
    return own < time || (own === time && (this.#orders[place] as number) < order);
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#times[from] as number;
    this.#orders[to] = this.#orders[from] as number;
    this.#cells[to] = this.#cells[from] as number;
  }

  #grow(): void {
    const size = 2 * this.#times.length;
    const times = new Float64Array(size);
    const orders = new Float64Array(size);
    const cells = new Int32Array(size);
    times.set(this.#times);
    orders.set(this.#orders);
    cells.set(this.#cells);
    this.#times = times;
    this.#orders = orders;
    this.#cells = cells;
  }
}
