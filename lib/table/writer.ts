// The fleet thread's writer of the host table, the only place that allocates slots and builds the candidate lists.
// Merges two sources: the master's tables, and the static hosts that this balancer was started with.

import { HOST_STATES, type HostRow, type HostTable, type OperatorState, type Stamp, type StaticHost } from '../model.js';
import { neutralUsageOf } from '../routing/usage.js';
import { poolOf } from '../host-id.js';
import { CandidateLists, PLAIN_RULES } from './candidates.js';
import type { Count } from './counters.js';
import { clearPool, type TableColumns } from './layout.js';
import { type Entry, lineOf, newestKnown, newEntry, slotHostOf } from './entry.js';
import { refreshNeutral } from './neutral.js';
import { OperatorStates } from './operator-states.js';
import { type NamedPool, PoolIndexes } from './pool-indexes.js';
import { type SlotHost, Slots } from './slots.js';
import {
  clearRow,
  forgetFigures,
  setFleetFigure,
  setPool,
  setWeight,
  writeFigures,
  writeLoad,
  writeRow,
  writeStamp,
} from './fleet-cells.js';
import { readRow } from './rows.js';
import { readStamp } from './stamp.js';

/** How the slot allocation changed. A removed slot is reused only after `release`. */
export interface SlotChange {
  readonly added: readonly SlotHost[];
  readonly removed: readonly SlotHost[];
}

/** How long a host that a new master does not know is kept, so that its agent can report. */
export const KEEP_ORPHANS_MS = 5000;

/** Writes the shared table. One instance per process at a time, in the fleet thread. */
export class TableWriter {
  readonly #columns: TableColumns;
  readonly #count: Count;
  readonly #candidates: CandidateLists;
  readonly #pools: PoolIndexes;
  readonly #entries = new Map<string, Entry>();
  readonly #slots: Slots;
  #isListOld = true;
  #mastership = '';
  #hosts: SlotHost[] | undefined;
  readonly #operatorStates: OperatorStates;
  /** The hosts that this balancer names, by name. */
  #statics: ReadonlyMap<string, StaticHost> = new Map();

  /**
   * @param rules who is a candidate
   * @param known the hosts that already have slots, after the previous thread died, oldest first: of two with one name,
   * the later is where the host moved to, and `admitKnown` removes the other
   * @param leaving slots of removed hosts that are not released yet
   * @param pools the site's pools, as the previous thread numbered them
   */
  constructor(
    columns: TableColumns,
    count: Count,
    rules = PLAIN_RULES,
    known: readonly SlotHost[] = [],
    leaving: readonly number[] = [],
    pools: readonly NamedPool[] = [],
  ) {
    this.#columns = columns;
    this.#count = count;
    this.#pools = new PoolIndexes(pools);
    this.#candidates = new CandidateLists(
      columns,
      count,
      rules,
      this.#pools.all.map(([, index]) => index),
    );
    this.#slots = new Slots(columns.slots, [...known.map(({ slot }) => slot), ...leaving]);
    for (const host of known) this.#entries.set(host.name, newEntry(host, true, this.#entries.get(host.name)));
    this.#operatorStates = new OperatorStates(columns, known);
    if (known.length === 0) setFleetFigure(columns, 'neutralUsage', neutralUsageOf(new Float64Array(0)));
  }

  /** Whether hosts or their eligibility changed since the candidate list was built. */
  get isListOld(): boolean {
    return this.#isListOld;
  }

  /**
   * The stamp of the last applied table; `NO_STAMP` before the first. After a restart of the thread, it has the applied
   * term and seq, but an unknown mastership.
   */
  get stamp(): Stamp {
    return { ...readStamp(this.#columns.wideHeader), mastership: this.#mastership };
  }

  /** Adds pools, and takes their hosts in; hosts of unknown pools stay in the table, and are candidates nowhere. */
  addPools(names: readonly string[]): void {
    for (const [, index] of this.#pools.add(names)) this.#openPool(index);
    this.#assignPools();
  }

  /** Drops pools that the traffic thread no longer uses. */
  dropPools(names: readonly string[]): void {
    this.#pools.drop(names);
    this.#assignPools();
  }

  #openPool(index: number): void {
    clearPool(this.#columns, index);
    setFleetFigure(this.#columns, 'neutralUsage', neutralUsageOf(new Float64Array(0)), index);
  }

  #assignPools(): void {
    for (const entry of this.#entries.values())
      for (const { slot, name } of lineOf(entry)) setPool(this.#columns, slot, this.#pools.of(poolOf(name)));
    this.#isListOld = true;
  }

  /** All pools with their indexes, `default` first. */
  get pools(): readonly NamedPool[] {
    return this.#pools.all;
  }

  /**
   * Replaces the static hosts, which are routed to even without a master. One that is no longer among them is removed,
   * unless the master publishes it.
   */
  setStatics(statics: readonly StaticHost[]): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    const before = this.#statics;
    this.#statics = new Map(statics.map((host) => [host.name, host]));
    for (const name of before.keys()) {
      const entry = this.#entries.get(name);
      if (entry !== undefined && !entry.isPublished && !this.#statics.has(name)) this.#remove(entry, change);
    }
    for (const host of statics) {
      const { name, weight = 1 } = host;
      let entry = this.#entries.get(name);
      if (entry !== undefined) this.#readmit(entry);
      if (entry === undefined) entry = this.#add(host, change);
      else if (!entry.isPublished && !isSamePlace(entry, host)) entry = this.#move(entry, host, change);
      if (entry !== undefined && !entry.isPublished && setWeight(this.#columns, entry.slot, weight)) this.#isListOld = true;
    }
    return change;
  }

  /**
   * Takes hosts out that the site names no more, before the master says so: they are no candidates until it publishes them
   * again. Those that report are left to it, since they have an agent.
   */
  withdraw(names: readonly string[]): void {
    for (const name of names) {
      const entry = this.#entries.get(name);
      if (entry === undefined || this.#statics.has(name) || !Number.isNaN(this.#columns.reportedAt[entry.slot])) continue;
      entry.isWithdrawn = true;
      this.#isListOld = true;
    }
  }

  /**
   * Writes a full or partial table. The caller has checked that it is newer than `stamp`.
   *
   * A full table of the same master removes the hosts that it does not name. A new master may just have started, or
   * Redis may have come back empty: hosts that it does not name are kept for another 5 s, in which their agents can
   * report, before `sweepOrphans` removes them.
   * @param nowMs its arrival (process clock): ages of reports are counted back from here
   * @param isStored whether it is the snapshot in Redis. Its master may be long gone, so it does not move a static host
   * of this balancer to another URL; a live master's table does, as that master knows what the others name
   */
  apply(table: HostTable, nowMs: number, isStored = false): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    const named = table.isFull ? new Set<string>() : undefined;
    for (const row of table.hosts) {
      named?.add(row.name);
      if (!isStored || (this.#statics.get(row.name)?.url ?? row.url) === row.url) this.#applyRow(row, nowMs, change);
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
    if (named !== undefined) {
      const isNewMaster = table.stamp.term !== this.stamp.term;
      for (const [name, entry] of this.#entries) {
        if (!entry.isPublished || named.has(name)) continue;
        if (isNewMaster) entry.orphanedAtMs = nowMs;
        // An orphan keeps its grace period, however many full tables the new master sends.
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

  /** The traffic thread knows the hosts it was sent: they may be picked. Removes their predecessors. */
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

  /** Releases a removed slot for reuse, once nothing uses it. */
  release(slot: number): void {
    this.#slots.giveBack(slot);
  }

  /**
   * Rebuilds the candidate lists and publishes them atomically; see `CandidateLists`.
   * @returns when to rebuild because an ejection ends (process clock), or Infinity
   */
  rebuildCandidates(nowMs: number): number {
    this.#isListOld = false;
    return this.#candidates.build(
      this.#pools.all.map(([, index]) => index),
      [...this.#entries.values()].filter(({ isWithdrawn }) => !isWithdrawn).map((entry) => newestKnown(entry, this.#columns.known)),
      nowMs,
    );
  }

  /** The pools in panic mode: too many of their hosts are out, so all are candidates. */
  get panics(): readonly string[] {
    const all = this.#pools.all;
    const panics = new Set(this.#candidates.panics(all.map(([, index]) => index)));
    return all.flatMap(([name, index]) => (panics.has(index) ? name : []));
  }

  /** Replaces the operators' settings, for hosts that may join later too; returns the hosts in the table that are newly `ejected`. */
  setOperatorStates(operatorStates: ReadonlyMap<string, OperatorState>): SlotHost[] {
    this.#operatorStates.take(operatorStates);
    const ejected: SlotHost[] = [];
    for (const entry of this.#entries.values()) {
      if (this.#applyState(entry) && this.#operatorStates.of(entry.name) === 'ejected') ejected.push(entry);
    }
    return ejected.map(slotHostOf);
  }

  /** The known operators' settings, by host. */
  get operatorStates(): ReadonlyMap<string, OperatorState> {
    return this.#operatorStates.all;
  }

  /** Records the result of this balancer's own check; it overrides the table until `forgetChecks`. */
  setOwnDown(name: string, isDown: boolean): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.ownDown = isDown;
    this.#isListOld = true;
  }

  /** Whether a host is down by this balancer's own check, else by the table; false for an unknown one. */
  isDown(name: string): boolean {
    const entry = this.#entries.get(name);
    return entry !== undefined && (entry.ownDown ?? HOST_STATES[this.#columns.state[entry.slot] as number] === 'down');
  }

  /** Discards the results of own checks, as the table is current again. */
  forgetChecks(): void {
    for (const entry of this.#entries.values()) {
      if (entry.ownDown !== null) this.#isListOld = true;
      entry.ownDown = null;
    }
  }

  /** Recomputes the neutral figures, assumed for hosts of which nothing is known. */
  refreshNeutral(nowMs: number): void {
    const slots = new Map<number, number[]>(this.#pools.all.map(([, index]) => [index, []]));
    for (const { slot } of this.#entries.values()) slots.get(this.#columns.pool[slot] as number)?.push(slot);
    for (const [pool, ofPool] of slots) refreshNeutral(this.#columns, pool, ofPool, nowMs);
  }

  /** All hosts with their slots. */
  hosts(): readonly SlotHost[] {
    this.#hosts ??= [...this.#entries.values()].map(slotHostOf);
    return this.#hosts;
  }

  /** The table as rows: a new master starts from them if Redis has an older one. */
  rows(nowMs: number): HostRow[] {
    // Leave out hosts that no master has published, unless own checks found them down, and those that the site names no more.
    return [...this.#entries.values()]
      .filter((entry) => !entry.isWithdrawn && (entry.isPublished || entry.ownDown === true))
      .map((entry) => {
        const row = readRow(this.#columns, { ...entry, isStatic: this.#statics.has(entry.name) }, nowMs);
        // Own checks made without a master are newer than the last table.
        return Object.assign(row, entry.ownDown === true && { state: 'down' });
      });
  }

  #applyRow(row: HostRow, nowMs: number, change: { added: SlotHost[]; removed: SlotHost[] }): void {
    let entry = this.#entries.get(row.name);
    const own = this.#statics.get(row.name);
    // A master of an earlier version does not say how the host was found.
    const host = own?.url === row.url ? own : row;
    if (entry !== undefined && !isSamePlace(entry, host)) entry = this.#move(entry, host, change);
    entry ??= this.#add(host, change);
    if (entry === undefined) return;
    this.#readmit(entry);
    entry.isPublished = true;
    entry.orphanedAtMs = Number.NaN;
    if (writeRow(this.#columns, entry.slot, row, nowMs)) this.#isListOld = true;
  }

  /**
   * Moves a host to a new slot for its new address. Connections and requests in flight keep the old slot until the
   * traffic thread knows the new one.
   */
  #move(entry: Entry, to: StaticHost, change: { added: SlotHost[]; removed: SlotHost[] }): Entry | undefined {
    const moved = this.#add(to, change);
    if (moved === undefined) {
      this.#remove(entry, change);
      return undefined;
    }
    moved.predecessor = entry;
    return moved;
  }

  #add({ name, url, authority }: StaticHost, change: { added: SlotHost[] }): Entry | undefined {
    const slot = this.#slots.take();
    if (slot === undefined) {
      this.#count('hosts_dropped_full');
      return undefined;
    }
    clearRow(this.#columns, slot);
    setPool(this.#columns, slot, this.#pools.of(poolOf(name)));
    const entry = newEntry({ slot, name, url, authority });
    this.#entries.set(name, entry);
    this.#applyState(entry);
    this.#hosts = undefined;
    this.#isListOld = true;
    change.added.push(slotHostOf(entry));
    return entry;
  }

  #readmit(entry: Entry): void {
    this.#isListOld ||= entry.isWithdrawn;
    entry.isWithdrawn = false;
  }

  /** True when the operator's setting of the host changed. */
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
    // A static host stays, at its own URL, without figures.
    const own = this.#statics.get(name);
    if (own?.url === entry.url) {
      forgetFigures(this.#columns, entry.slot);
      this.#isListOld = true;
      return;
    }
    if (own === undefined) this.#remove(entry, change);
    else this.#move(entry, own, change);
  }
}

/** Whether connections to one of them serve the other. */
function isSamePlace(one: StaticHost, other: StaticHost): boolean {
  return one.url === other.url && one.authority === other.authority;
}
