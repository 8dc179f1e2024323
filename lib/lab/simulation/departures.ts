// The next completion time of each host, and which host is first: an indexed heap with one entry per host, which moves
// when the host's time changes. A host with many requests costs no more than one with few.

/** Hosts ordered by the time of their next departure. */
export class Departures {
  readonly #times: Float64Array;
  /** The hosts in heap order, and each host's index in the heap. */
  readonly #heap: Int32Array;
  readonly #places: Int32Array;

  /** Creates the heap for all hosts, without departures. */
  constructor(hosts: number) {
    this.#times = new Float64Array(hosts).fill(Number.POSITIVE_INFINITY);
    this.#heap = Int32Array.from({ length: hosts }, (_, host) => host);
    this.#places = this.#heap.slice();
  }

  /** The host with the next departure. */
  get first(): number {
    return this.#heap[0] as number;
  }

  /** Time of that departure; Infinity if there is none. */
  get firstMs(): number {
    return this.#times[this.#heap[0] as number] as number;
  }

  /** Sets the time of a host's next departure; Infinity for none. */
  set(host: number, atMs: number): void {
    const before = this.#times[host] as number;
    this.#times[host] = atMs;
    if (atMs < before) this.#rise(host, atMs);
    else if (atMs > before) this.#sink(host, atMs);
  }

  #rise(host: number, atMs: number): void {
    let place = this.#places[host] as number;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = this.#heap[parent] as number;
      if ((this.#times[other] as number) <= atMs) break;
      this.#put(other, place);
      place = parent;
    }
    this.#put(host, place);
  }

  #sink(host: number, atMs: number): void {
    const size = this.#heap.length;
    let place = this.#places[host] as number;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= size) break;
      if (child + 1 < size && this.#timeAt(child + 1) < this.#timeAt(child)) child++;
      if (this.#timeAt(child) >= atMs) break;
      this.#put(this.#heap[child] as number, place);
      place = child;
    }
    this.#put(host, place);
  }

  #timeAt(place: number): number {
    return this.#times[this.#heap[place] as number] as number;
  }

  #put(host: number, place: number): void {
    this.#heap[place] = host;
    this.#places[host] = place;
  }
}
