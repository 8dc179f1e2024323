// Requests that were answered much sooner than their work takes anywhere: they count as in flight for a while
// longer. A host that answers without doing anything (an empty page, a wrong one) is never busy, and whoever picks
// by what is in flight would send it everything; so it can get about twice its share, not more.

import type { TableColumns } from '../table/layout.js';

/** More are not kept: those beyond are let go at once. */
const MAX_KEPT = 8192;

/** A host, as far as that is concerned. */
export interface KeptHost {
  readonly slot: number;
  /** True once the host left the table. */
  readonly isRemoved: boolean;
}

interface Kept {
  readonly untilMs: number;
  readonly host: KeptHost;
  readonly cost: number;
}

/** What is kept, in a binary heap by time. Normal answers never come here. */
export class EarlyAnswers {
  readonly #columns: TableColumns;
  readonly #heap: Kept[] = [];

  constructor(columns: TableColumns) {
    this.#columns = columns;
  }

  /** Keeps a request counted until then (process's clock). */
  keep(host: KeptHost, cost: number, untilMs: number): void {
    const heap = this.#heap;
    if (heap.length >= MAX_KEPT) return;
    this.#add(host, 1, cost);
    const kept = { untilMs, host, cost };
    let at = heap.push(kept) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent] as Kept;
      if (above.untilMs <= untilMs) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = kept;
  }

  /** Lets those go whose time is over. */
  letGo(nowMs: number): void {
    const heap = this.#heap;
    while (heap.length > 0 && (heap[0] as Kept).untilMs <= nowMs) {
      const { host, cost } = heap[0] as Kept;
      if (!host.isRemoved) this.#add(host, -1, -cost);
      const last = heap.pop() as Kept;
      const count = heap.length;
      if (count === 0) return;
      let at = 0;
      for (;;) {
        let child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && (heap[child + 1] as Kept).untilMs < (heap[child] as Kept).untilMs) child++;
        const below = heap[child] as Kept;
        if (below.untilMs >= last.untilMs) break;
        heap[at] = below;
        at = child;
      }
      heap[at] = last;
    }
  }

  #add({ slot }: KeptHost, requests: number, cost: number): void {
    const { kept, work } = this.#columns;
    kept[slot] = (kept[slot] as number) + requests;
    work[slot] = (work[slot] as number) + cost;
  }
}
