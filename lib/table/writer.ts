// The host table as the fleet thread writes it: the only place that gives out slots and builds the
// candidates' list. It is written from two sources that are merged here: what the master publishes,
// and the static hosts that this balancer was started with.

import { HOST_STATES, type HostRow, type HostTable, type Stamp, type StaticHost } from '../model.js';
import { neutralUsageOf, STALE_MS, usageOf } from '../routing/usage.js';
import type { Count } from './counters.js';
import { HEADER, type TableColumns, WIDE_HEADER } from './layout.js';

/** A host and its slot, as the other threads must know them: what is not a number goes by message. */
export interface SlotHost {
  readonly slot: number;
  readonly name: string;
  readonly url: string;
}

/** What changed in who has which slot. A removed slot is given out again only after `release`. */
export interface SlotChange {
  readonly added: readonly SlotHost[];
  readonly removed: readonly SlotHost[];
}

interface Entry {
  readonly slot: number;
  readonly name: string;
  readonly url: string;
  isStatic: boolean;
  isPublished: boolean;
  /** When a new master's first table did not name it; NaN when it is named. */
  orphanedAtMs: number;
}

/** How long a host that a new master does not know is kept: its agent has this time to be heard. */
const KEEP_ORPHANS_MS = 5000;

const STATE_UP = HOST_STATES.indexOf('up');
const STATE_DOWN = HOST_STATES.indexOf('down');

/** Writes the shared table. One instance a process at a time, in the fleet thread. */
export class TableWriter {
  readonly #columns: TableColumns;
  readonly #count: Count;
  readonly #entries = new Map<string, Entry>();
  readonly #freeSlots: number[] = [];
  #nextSlot: number;
  #isListOld = true;
  #hosts: SlotHost[] | undefined;

  /**
   * @param known the hosts that already have slots, when the thread before this one died
   * @param nextSlot the first slot that was never given out
   */
  constructor(columns: TableColumns, count: Count, known: readonly SlotHost[] = [], nextSlot = 0) {
    this.#columns = columns;
    this.#count = count;
    this.#nextSlot = nextSlot;
    for (const host of known) this.#entries.set(host.name, { ...host, isStatic: false, isPublished: true, orphanedAtMs: Number.NaN });
    if (known.length === 0) columns.wideHeader[WIDE_HEADER.neutralUsage] = neutralUsageOf(new Float64Array(0));
  }

  /** Whether hosts came, went or changed their state since the candidates' list was built. */
  get isListOld(): boolean {
    return this.#isListOld;
  }

  /** The stamp of the last table that was applied; `{ term: 0, seq: 0 }` before the first. */
  get stamp(): Stamp {
    const { wideHeader } = this.#columns;
    return { term: wideHeader[WIDE_HEADER.term] as number, seq: wideHeader[WIDE_HEADER.seq] as number };
  }

  /** Takes the static hosts, which need no master to be routed to. */
  setStatics(statics: readonly StaticHost[]): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    for (const host of statics) {
      const known = this.#entries.get(host.name);
      if (known !== undefined) {
        known.isStatic = true;
        continue;
      }
      const entry = this.#add(host.name, host.url, change);
      if (entry !== undefined) {
        entry.isStatic = true;
        this.#columns.state[entry.slot] = STATE_UP;
      }
    }
    return change;
  }

  /**
   * Writes a table, whole or in part. The caller has checked that it is newer than `stamp`.
   *
   * A whole table of the same master removes what it does not name. A new master may just have
   * started, or Redis may have come back empty: hosts that it does not name are kept for 5 s more, in
   * which their agents report to it, and only then removed (`sweepOrphans`).
   * @param nowMs when it arrived, on the process's clock: ages of reports are counted back from here
   */
  apply(table: HostTable, nowMs: number): SlotChange {
    const change = { added: [] as SlotHost[], removed: [] as SlotHost[] };
    const named = table.isFull ? new Set<string>() : undefined;
    for (const row of table.hosts) {
      named?.add(row.name);
      this.#applyRow(row, nowMs, change);
    }
    for (const name of table.gone) this.#unpublish(name, change);
    if (named !== undefined) {
      const isNewMaster = table.stamp.term !== this.stamp.term;
      for (const [name, entry] of this.#entries) {
        if (!entry.isPublished || named.has(name)) continue;
        if (isNewMaster) entry.orphanedAtMs = nowMs;
        // An orphan has its time, however many whole tables the new master sends within it.
        else if (Number.isNaN(entry.orphanedAtMs)) this.#unpublish(name, change);
      }
    }
    const { wideHeader } = this.#columns;
    wideHeader[WIDE_HEADER.term] = table.stamp.term;
    wideHeader[WIDE_HEADER.seq] = table.stamp.seq;
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

  /** Says that nothing uses a removed slot any more, so that another host may have it. */
  release(slot: number): void {
    this.#freeSlots.push(slot);
  }

  /**
   * Builds the candidates' list anew and puts it in force at one stroke. Left out is what is down and
   * what this balancer holds something against. If that leaves nobody, all that are not down are
   * candidates, and if all are down, all are: sending anyway beats refusing everything.
   * @returns when the list should next be built because a local verdict ends (process's clock), or Infinity
   */
  rebuildCandidates(nowMs: number): number {
    const { header, lists, state, avoidUntil } = this.#columns;
    const next = Atomics.load(header, HEADER.activeList) === 0 ? 1 : 0;
    const list = lists[next];
    let count = 0;
    let rebuildAtMs = Number.POSITIVE_INFINITY;
    for (const { slot } of this.#entries.values()) {
      const avoided = avoidUntil[slot] as number;
      if (avoided > nowMs) {
        rebuildAtMs = Math.min(rebuildAtMs, avoided);
        continue;
      }
      if (state[slot] !== STATE_DOWN) list[++count] = slot;
    }
    if (count === 0) for (const { slot } of this.#entries.values()) if (state[slot] !== STATE_DOWN) list[++count] = slot;
    if (count === 0) for (const { slot } of this.#entries.values()) list[++count] = slot;
    list[0] = count;
    this.#isListOld = false;
    Atomics.store(header, HEADER.activeList, next);
    return rebuildAtMs;
  }

  /** Computes the neutral usage anew, from the hosts whose figures can be believed. */
  refreshNeutralUsage(nowMs: number): void {
    const { usage, reportedAt, wideHeader } = this.#columns;
    const known = new Float64Array(this.#entries.size);
    let count = 0;
    for (const { slot } of this.#entries.values()) {
      const figure = usage[slot] as number;
      if (nowMs - (reportedAt[slot] as number) < STALE_MS && !Number.isNaN(figure)) known[count++] = figure;
    }
    wideHeader[WIDE_HEADER.neutralUsage] = neutralUsageOf(known.subarray(0, count));
  }

  /** All hosts with their slots. */
  hosts(): readonly SlotHost[] {
    this.#hosts ??= [...this.#entries.values()].map(({ slot, name, url }) => ({ slot, name, url }));
    return this.#hosts;
  }

  /** The table as rows: what a new master starts from when Redis remembers less than it does. */
  rows(nowMs: number): HostRow[] {
    const columns = this.#columns;
    const known = (figure: number | undefined): number | null =>
      figure === undefined || Number.isNaN(figure) ? null : figure;
    return [...this.#entries.values()]
      .filter((entry) => entry.isPublished)
      .map(({ slot, name, url, isStatic }) => {
        const reportedAt = known(columns.reportedAt[slot]);
        return {
          name,
          url,
          state: HOST_STATES[columns.state[slot] as number] ?? 'silent',
          isStatic: isStatic && reportedAt === null,
          cpu: known(columns.cpu[slot]),
          memory: known(columns.memory[slot]),
          cores: known(columns.cores[slot]),
          rps: null,
          ageMs: reportedAt === null ? null : Math.max(0, nowMs - reportedAt),
          inflight: columns.fleetInflight[slot] as number,
          fleetRps: columns.fleetRps[slot] as number,
        };
      });
  }

  #applyRow(row: HostRow, nowMs: number, change: { added: SlotHost[]; removed: SlotHost[] }): void {
    let entry = this.#entries.get(row.name);
    if (entry !== undefined && entry.url !== row.url) {
      // A new address is a new host: connections and requests in flight belong to the old one.
      const { isStatic } = entry;
      this.#remove(entry, change);
      entry = this.#add(row.name, row.url, change);
      if (entry !== undefined) entry.isStatic = isStatic;
    }
    entry ??= this.#add(row.name, row.url, change);
    if (entry === undefined) return;
    entry.isPublished = true;
    entry.orphanedAtMs = Number.NaN;
    const { slot } = entry;
    const columns = this.#columns;
    columns.cpu[slot] = row.cpu ?? Number.NaN;
    columns.memory[slot] = row.memory ?? Number.NaN;
    columns.cores[slot] = row.cores ?? Number.NaN;
    columns.usage[slot] = usageOf(row.cpu, row.memory);
    columns.reportedAt[slot] = row.ageMs === null ? Number.NaN : nowMs - row.ageMs;
    const state = HOST_STATES.indexOf(row.state);
    if (columns.state[slot] !== state) this.#isListOld = true;
    columns.state[slot] = state;
    columns.fleetInflight[slot] = row.inflight;
    columns.fleetRps[slot] = row.fleetRps;
  }

  #add(name: string, url: string, change: { added: SlotHost[] }): Entry | undefined {
    const slot = this.#freeSlots.pop() ?? (this.#nextSlot < this.#columns.capacity ? this.#nextSlot++ : undefined);
    if (slot === undefined) {
      this.#count('hosts_dropped_full');
      return undefined;
    }
    const columns = this.#columns;
    columns.cpu[slot] = columns.memory[slot] = columns.cores[slot] = Number.NaN;
    columns.usage[slot] = columns.reportedAt[slot] = Number.NaN;
    columns.fleetInflight[slot] = columns.fleetRps[slot] = 0;
    columns.state[slot] = STATE_UP;
    const entry = { slot, name, url, isStatic: false, isPublished: false, orphanedAtMs: Number.NaN };
    this.#entries.set(name, entry);
    this.#hosts = undefined;
    this.#isListOld = true;
    change.added.push({ slot, name, url });
    return entry;
  }

  #remove(entry: Entry, change: { removed: SlotHost[] }): void {
    this.#entries.delete(entry.name);
    this.#hosts = undefined;
    this.#isListOld = true;
    change.removed.push({ slot: entry.slot, name: entry.name, url: entry.url });
  }

  #unpublish(name: string, change: { removed: SlotHost[] }): void {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.isPublished = false;
    entry.orphanedAtMs = Number.NaN;
    if (!entry.isStatic) {
      this.#remove(entry, change);
      return;
    }
    // A static host stays, with nothing known of it.
    const columns = this.#columns;
    columns.usage[entry.slot] = columns.reportedAt[entry.slot] = Number.NaN;
    columns.cpu[entry.slot] = columns.memory[entry.slot] = Number.NaN;
    columns.state[entry.slot] = STATE_UP;
    this.#isListOld = true;
  }
}
