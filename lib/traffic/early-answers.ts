// Requests that were answered much sooner than their work takes anywhere: they count as in flight for a while
// longer. A host that answers without doing anything (an empty page, a wrong one) is never busy, and whoever picks
// by what is in flight would send it everything; so it can get about twice its share, not more.

import { MinHeap } from '../min-heap.js';
import { FLEET } from '../model.js';
import type { TableColumns } from '../table/layout.js';

/** A request that was answered in less than this share of the time that its work takes on the median host is not believed to be done. */
const TOO_SOON = 0.5;

/** More are not kept: those beyond are let go at once. */
const MAX_KEPT = 8192;

/** A host, as far as that is concerned. */
export interface KeptHost {
  readonly slot: number;
  /** True once the host left the table. */
  readonly isRemoved: boolean;
}

interface Kept {
  readonly host: KeptHost;
  readonly cost: number;
}

/** What is kept, by time. Normal answers never come here. */
export class EarlyAnswers {
  readonly #columns: TableColumns;
  readonly #heap = new MinHeap<Kept>();

  constructor(columns: TableColumns) {
    this.#columns = columns;
  }

  /** A request was answered: keeps it counted if that was too soon. Times are the process's clock's. */
  take(host: KeptHost, cost: number, startedAtMs: number, nowMs: number): void {
    const untilMs = startedAtMs + (TOO_SOON * cost) / (this.#columns.fleet[FLEET.neutralSpeed] as number);
    const heap = this.#heap;
    // Not so while the speed is not known (NaN).
    if (!(nowMs < untilMs) || heap.size >= MAX_KEPT) return;
    this.#add(host, 1, cost);
    heap.push(untilMs, { host, cost });
  }

  /** Lets those go whose time is over. */
  letGo(nowMs: number): void {
    const heap = this.#heap;
    while (heap.least <= nowMs) {
      const { host, cost } = heap.pop();
      if (!host.isRemoved) this.#add(host, -1, -cost);
    }
  }

  #add({ slot }: KeptHost, requests: number, cost: number): void {
    const { kept, work } = this.#columns;
    kept[slot] = (kept[slot] as number) + requests;
    work[slot] = (work[slot] as number) + cost;
  }
}
