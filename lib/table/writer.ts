// The host table as the fleet thread writes it: the only place that gives out slots and builds the
// candidates' list. It is written from two sources that are merged here: what the master publishes,
// and the static hosts that this balancer was started with.

import { HOST_STATES, type HostRow, type HostTable, type OperatorState, type Stamp, type StaticHost } from '../model.js';
import { neutralUsageOf } from '../routing/usage.js';
import { CandidateList, PLAIN_RULES } from './candidates.js';
import type { Count } from './counters.js';
import type { TableColumns } from './layout.js';
import { type Entry, lineOf, newestKnown, newEntry, slotHostOf } from './entry.js';
import { refreshNeutral } from './neutral.js';
import { OperatorStates } from './operator-states.js';
import { type SlotHost, Slots } from './slots.js';
import { clearRow, forgetFigures, setFleetFigure, setLikelyBogus, writeFigures, writeLoad, writeRow, writeStamp } from './fleet-cells.js';
import { readRow } from './rows.js';
import { readStamp } from './stamp.js';

/** What changed in who has which slot. A removed slot is given out again only after `release`. */
export interface SlotChange {
  readonly added: readonly SlotHost[];
  readonly removed: readonly SlotHost[];
}

/** How long a host that a new master does not know is kept: its agent has this time to be heard. */
export const KEEP_ORPHANS_MS = 5000;

/** Writes the shared table. One instance a process at a time, in the fleet thread. */
export class TableWriter {
  readonly #columns: TableColumns;
  readonly #count: Count;
  readonly #candidates: CandidateList;
  readonly #entries = new Map<string, Entry>();
  readonly #slots: Slots;
  /** Whom the master called too quick. */
  #likelyBogus: readonly string[] = [];
  #isListOld = true;
  #mastership = '';
  #hosts: SlotHost[] | undefined;
  readonly #operatorStates: OperatorStates;
  /** The hosts that this balancer was started with: their URLs by name. */
  #statics: ReadonlyMap<string, string> = new Map();

  /**
   * @param rules who is a candidate
   * @param known the hosts that already have slots, when the thread before this one died, in the order in which they
   * came: of two with one name the later one is where that host moved to, and the other is removed by `admitKnown`
   * @param leaving the slots of hosts that were removed before, until they are released
   */
  constructor(columns: TableColumns, count: Count, rules = PLAIN_RULES, known: readonly SlotHost[] = [], leaving: readonly number[] = []) {
    this.#columns = columns;
    this.#count = count;
    this.#candidates = new CandidateList(columns, count, rules);
    this.#slots = new Slots(columns.slots, [...known.map(({ slot }) => slot), ...leaving]);
    for (const host of known) this.#entries.set(host.name, newEntry(host, true, this.#entries.get(host.name)));
    this.#operatorStates = new OperatorStates(columns, known);
    if (known.length === 0) setFleetFigure(columns, 'neutralUsage', neutralUsageOf(new Float64Array(0)));
  }

  /** Whether hosts came, went, or may be picked or not otherwise than before, since the candidates' list was built. */
  get isListOld(): boolean {
    return this.#isListOld;
  }

  /**
   * The stamp of the last table that was applied; `NO_STAMP` before the first. What a thread before this one applied has
   * its term and seq, of an unknown mastership.
   */
  get stamp(): Stamp {
    return { ...readStamp(this.#columns.wideHeader), mastership: this.#mastership };
  }

  /** Takes the static hosts, which need no master to be routed to. */
  setStatics(statics: readonly StaticHost[]): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    this.#statics = new Map(statics.map(({ name, url }) => [name, url]));
    for (const { name, url } of statics) if (!this.#entries.has(name)) this.#add(name, url, change);
    return change;
  }

  /**
   * Writes a table, whole or in part. The caller has checked that it is newer than `stamp`.
   *
   * A whole table of the same master removes what it does not name. A new master may just have
   * started, or Redis may have come back empty: hosts that it does not name are kept for 5 s more, in
   * which their agents report to it, and only then removed (`sweepOrphans`).
   * @param nowMs when it arrived, on the process's clock: ages of reports are counted back from here
   * @param isStored whether it is what Redis remembers. Its master may be long gone, and does not move a static host
   * of this balancer's to another URL; one that lives and publishes does, as it knows what the others name
   */
  apply(table: HostTable, nowMs: number, isStored = false): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    const named = table.isFull ? new Set<string>() : undefined;
    for (const row of table.hosts) {
      named?.add(row.name);
      if (!isStored || (this.#statics.get(row.name) ?? row.url) === row.url) this.#applyRow(row, nowMs, change);
    }
    for (const figures of table.figures) {
      const entry = this.#entries.get(figures.name);
      if (entry !== undefined) writeFigures(this.#columns, entry.slot, figures, nowMs);
    }
    for (const load of table.loads) {
      const entry = this.#entries.get(load.name);
      if (entry !== undefined) writeLoad(this.#columns, entry.slot, load);
    }
    for (const name of table.gone) this.#unpublish(name, change);
    this.#setLikelyBogus(table.likelyBogus ?? []);
    if (named !== undefined) {
      const isNewMaster = table.stamp.term !== this.stamp.term;
      for (const [name, entry] of this.#entries) {
        if (!entry.isPublished || named.has(name)) continue;
        if (isNewMaster) entry.orphanedAtMs = nowMs;
        // An orphan has its time, however many whole tables the new master sends within it.
        else if (Number.isNaN(entry.orphanedAtMs)) this.#unpublish(name, change);
      }
    }
    this.#mastership = table.stamp.mastership;
    writeStamp(this.#columns, table.stamp);
    return change;
  }

  /** Removes the hosts that a new master still does not name, 5 s after its first table. */
  sweepOrphans(nowMs: number): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    for (const [name, entry] of this.#entries) {
      if (nowMs - entry.orphanedAtMs >= KEEP_ORPHANS_MS) this.#unpublish(name, change);
    }
    return change;
  }

  /** The traffic thread knows the hosts that it was told of: they may be picked. Those that they replace leave now. */
  admitKnown(): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    this.#isListOld = true;
    for (const entry of this.#entries.values()) {
      if (entry.predecessor === undefined || this.#columns.known[entry.slot] === 0) continue;
      change.removed.push(...lineOf(entry.predecessor).map(slotHostOf));
      entry.predecessor = undefined;
    }
    return change;
  }

  /** Says that nothing uses a removed slot any more, so that another host may have it. */
  release(slot: number): void {
    this.#slots.giveBack(slot);
  }

  /**
   * Builds the candidates' list anew and puts it in force at one stroke; see `CandidateList`.
   * @returns when the list should next be built because an ejection ends (process's clock), or Infinity
   */
  rebuildCandidates(nowMs: number): number {
    this.#isListOld = false;
    return this.#candidates.build(
      Array.from(this.#entries.values(), (entry) => newestKnown(entry, this.#columns.known)),
      nowMs,
    );
  }

  /** Whether so many hosts are out that all are candidates. */
  get isPanic(): boolean {
    return this.#candidates.isPanic;
  }

  /** Takes what an operator said of hosts, all of it, also of hosts that may come later; gives those in the table that are `ejected` since now. */
  setOperatorStates(operatorStates: ReadonlyMap<string, OperatorState>): SlotHost[] {
    this.#operatorStates.take(operatorStates);
    const ejected: SlotHost[] = [];
    for (const entry of this.#entries.values()) {
      if (this.#applyState(entry) && operatorStates.get(entry.name) === 'ejected') ejected.push(entry);
    }
    return ejected.map(slotHostOf);
  }

  /** What an operator said of hosts, as far as it is known. */
  get operatorStates(): ReadonlyMap<string, OperatorState> {
    return this.#operatorStates.all;
  }

  /** Takes what this balancer's own check of a host found: it goes before what the table says, until `forgetChecks`. */
  setOwnDown(name: string, isDown: boolean): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.ownDown = isDown;
    this.#isListOld = true;
  }

  /** Whether the table says that a host is down; false for one that is not known. */
  isDown(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry !== undefined && HOST_STATES[this.#columns.state[entry.slot] as number] === 'down';
  }

  /** Lets go of what own checks found: the table knows better again. */
  forgetChecks(): void {
    for (const entry of this.#entries.values()) {
      if (entry.ownDown !== null) this.#isListOld = true;
      entry.ownDown = null;
    }
  }

  /** Computes anew what is assumed of hosts of which nothing is known: the medians of those whose figures can be believed. */
  refreshNeutral(nowMs: number): void {
    refreshNeutral(
      this.#columns,
      [...this.#entries.values()].map(({ slot }) => slot),
      nowMs,
    );
  }

  /** All hosts with their slots. */
  hosts(): readonly SlotHost[] {
    this.#hosts ??= [...this.#entries.values()].map(slotHostOf);
    return this.#hosts;
  }

  /** The table as rows: what a new master starts from when Redis remembers less than it does. */
  rows(nowMs: number): HostRow[] {
    // A host that no master has published yet is of no interest to the next one, unless it was found to be down.
    return [...this.#entries.values()]
      .filter((entry) => entry.isPublished || entry.ownDown === true)
      .map((entry) => {
        const row = readRow(this.#columns, { ...entry, isStatic: this.#statics.has(entry.name) }, nowMs);
        // What this balancer found while there was no master is newer than what the last one said.
        return Object.assign(row, entry.ownDown === true && { state: 'down' });
      });
  }

  #applyRow(row: HostRow, nowMs: number, change: { added: SlotHost[]; removed: SlotHost[] }): void {
    let entry = this.#entries.get(row.name);
    if (entry !== undefined && entry.url !== row.url) {
      entry = this.#move(entry, row.url, change);
    }
    entry ??= this.#add(row.name, row.url, change);
    if (entry === undefined) return;
    entry.isPublished = true;
    entry.orphanedAtMs = Number.NaN;
    if (writeRow(this.#columns, entry.slot, row, nowMs)) this.#isListOld = true;
  }

  /** A new address is a new host: connections and requests in flight belong to the old one, which leaves when the traffic thread knows the new one. */
  #move(entry: Entry, url: string, change: { added: SlotHost[]; removed: SlotHost[] }): Entry | undefined {
    const moved = this.#add(entry.name, url, change);
    if (moved === undefined) {
      this.#remove(entry, change);
      return undefined;
    }
    moved.predecessor = entry;
    return moved;
  }

  #setLikelyBogus(names: readonly string[]): void {
    const mark = (host: string, isQuick: boolean): void => {
      const entry = this.#entries.get(host);
      if (entry !== undefined) setLikelyBogus(this.#columns, entry.slot, isQuick);
    };
    for (const host of this.#likelyBogus) mark(host, false);
    for (const host of names) mark(host, true);
    this.#likelyBogus = names;
  }

  #add(name: string, url: string, change: { added: SlotHost[] }): Entry | undefined {
    const slot = this.#slots.take();
    if (slot === undefined) {
      this.#count('hosts_dropped_full');
      return undefined;
    }
    clearRow(this.#columns, slot);
    const entry = newEntry({ slot, name, url });
    this.#entries.set(name, entry);
    this.#applyState(entry);
    this.#hosts = undefined;
    this.#isListOld = true;
    change.added.push({ slot, name, url });
    return entry;
  }

  /** True when an operator said something else of the host before. */
  #applyState(entry: Entry): boolean {
    const hasChanged = this.#operatorStates.apply(entry);
    this.#isListOld ||= hasChanged;
    return hasChanged;
  }

  #remove(entry: Entry, change: { removed: SlotHost[] }): void {
    this.#entries.delete(entry.name);
    this.#hosts = undefined;
    this.#isListOld = true;
    change.removed.push(...lineOf(entry).map(slotHostOf));
  }

  #unpublish(name: string, change: { added: SlotHost[]; removed: SlotHost[] }): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.isPublished = false;
    entry.orphanedAtMs = Number.NaN;
    // A static host stays, at its own URL, with nothing known of it.
    const url = this.#statics.get(name);
    if (url === entry.url) {
      forgetFigures(this.#columns, entry.slot);
      this.#isListOld = true;
      return;
    }
    if (url === undefined) this.#remove(entry, change);
    else this.#move(entry, url, change);
  }
}
