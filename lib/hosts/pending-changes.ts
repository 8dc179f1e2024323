// What changed of hosts since the last flush: names only, until the flush takes what is known of them by then. Invariant:
// a host whose whole row is due is in no other list, and one that left is only among those that are gone.

import type { FiguresRow, HostRow, LoadRow } from '../model.js';
import type { HostChanges, HostNews } from './host-changes.js';

/** Where the figures of hosts come from at the flush; undefined for a host that is not known any more. */
export interface ChangeSources {
  rowOf(name: string): HostRow | undefined;
  figuresOf(name: string): FiguresRow | undefined;
  loadOf(name: string): LoadRow | undefined;
}

/** Gathers what a flush publishes. */
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

  /** Something in the row of a host changed that is neither reported nor load. */
  noteRow(name: string): void {
    this.#rows.add(name);
  }

  /** A host's report came. */
  noteFigures(name: string): void {
    this.#figures.add(name);
  }

  /** What a host has in flight or can do changed. */
  noteLoad(name: string): void {
    this.#loads.add(name);
  }

  /** A host came or changed its state: the snapshot is due. */
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

  /** A host that is not known here stands in what is stored, and is to be taken out. */
  noteStranger(name: string): void {
    this.#gone.add(name);
  }

  /** Something that people may want to know at once. */
  tell(kind: HostNews['kind'], name: string, detail: string): void {
    this.#news.push({ kind, name, detail });
  }

  /** All that changed since the last call. */
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
