// What changed since the last flush: host names only; the flush fetches the current figures. Invariant: a host whose
// whole row is due is in no other list, and one that left is only among those gone.

import type { FiguresRow, HostRow, LoadRow } from '../model.js';
import type { HostChanges, HostNews } from './host-changes.js';

/** Where a flush gets the hosts' figures; undefined for a host that is no longer known. */
export interface ChangeSources {
  rowOf(name: string): HostRow | undefined;
  figuresOf(name: string): FiguresRow | undefined;
  loadOf(name: string): LoadRow | undefined;
}

/** Collects what a flush publishes. */
export class PendingChanges {
  readonly #rows = new Set<string>();
  readonly #figures = new Set<string>();
  readonly #loads = new Set<string>();
  #gone = new Set<string>();
  #news: HostNews[] = [];
  #isMembership = false;

  /** Whether no host changed. */
  get isEmpty(): boolean {
    return this.#rows.size === 0 && this.#figures.size === 0 && this.#loads.size === 0 && this.#gone.size === 0;
  }

  /** A part of the host's row changed that is neither a figure nor the load. */
  noteRow(name: string): void {
    this.#rows.add(name);
  }

  /** A report arrived. */
  noteFigures(name: string): void {
    this.#figures.add(name);
  }

  /** The host's load or capacity changed. */
  noteLoad(name: string): void {
    this.#loads.add(name);
  }

  /** A host joined or changed its state: the snapshot is due. */
  noteMembership(name: string): void {
    this.#gone.delete(name);
    this.#rows.add(name);
    this.#isMembership = true;
  }

  /** A host left. */
  noteLeft(name: string): void {
    this.#rows.delete(name);
    this.#gone.add(name);
    this.#isMembership = true;
  }

  /** A host in Redis is unknown here and must be removed. */
  noteStranger(name: string): void {
    this.#gone.add(name);
  }

  /** Adds an event for people. */
  addNews(kind: HostNews['kind'], name: string, detail: string): void {
    this.#news.push({ kind, name, detail });
  }

  /** All changes since the last call. */
  take({ rowOf, figuresOf, loadOf }: ChangeSources): Pick<HostChanges, 'rows' | 'figures' | 'loads' | 'gone' | 'news' | 'isMembership'> {
    const alone = (names: ReadonlySet<string>): string[] => [...names].filter((name) => !this.#rows.has(name));
    const changes = {
      rows: [...this.#rows].flatMap((name) => rowOf(name) ?? []),
      figures: alone(this.#figures).flatMap((name) => figuresOf(name) ?? []),
      loads: alone(this.#loads).flatMap((name) => loadOf(name) ?? []),
      gone: [...this.#gone],
      news: this.#news,
      isMembership: this.#isMembership,
    };
    for (const names of [this.#rows, this.#figures, this.#loads]) names.clear();
    [this.#gone, this.#news, this.#isMembership] = [new Set(), [], false];
    return changes;
  }
}
