// Brings the master's tables into the shared table: subscribes first, then reads the snapshot, and again
// after every reconnect. The only one in a balancer that writes the host table.

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { HostTable, OperatorWord } from '../model.js';
import { parseRedisAddress } from '../redis/address.js';
import { type Commands, openSubscription } from '../redis/connect.js';
import { readSnapshot } from '../redis/host-store.js';
import type { Keys } from '../redis/keys.js';
import { decodeTable } from '../redis/table-message.js';
import { isPlausibleTerm } from '../redis/term.js';
import type { Rejection } from '../redis/decode.js';
import type { Count } from '../table/counters.js';
import { type TableColumns, WIDE_HEADER } from '../table/layout.js';
import { type SlotChange, TableWriter } from '../table/writer.js';
import type { FleetThreadData, FromFleet } from '../thread-messages.js';
import { type OrderOutcome, TableOrder } from './table-order.js';

/** How soon the snapshot is read again while messages are missing. */
const RETRY_SNAPSHOT_MS = 200;

/** What the sync is handed. */
export interface TableSyncOptions {
  readonly data: FleetThreadData;
  readonly client: Commands;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly count: Count;
  readonly columns: TableColumns;
  readonly log: Log;
  readonly post: (message: FromFleet) => void;
  /** Redis was read for the first time, or again after it was away. */
  readonly onRead: () => void;
  /** A table of a master was applied. */
  readonly onApplied: (table: HostTable) => void;
  /** A table of this term was seen, applied or not. */
  readonly onTerm: (term: number) => void;
}

/** The local table, kept in step. */
export interface TableSync {
  readonly writer: TableWriter;
  /** Builds the candidates' list anew, after this balancer changed what it holds against a host. */
  rebuild(): void;
  /** Takes all that an operator said of hosts. */
  setWords(words: ReadonlyMap<string, OperatorWord>): void;
  /** Takes what this balancer's own check of a host found. */
  setOwnDown(name: string, isDown: boolean): void;
  /** Lets go of what own checks found. */
  forgetChecks(): void;
  /** To be called a few times a second: the median usage, and hosts that nobody names any more. */
  upkeep(): void;
  close(): void;
}

/** Opens the sync; the static hosts are in the table when it returns. */
export function openTableSync(options: TableSyncOptions): TableSync {
  const { data, client, keys, clock, count, log, post } = options;
  const writer = new TableWriter(options.columns, count, data.config.health, data.known, data.nextSlot);
  const order = new TableOrder(writer.stamp);
  const [dataAddress] = data.config.redis.map(parseRedisAddress) as [ReturnType<typeof parseRedisAddress>];
  let rebuildTimer: NodeJS.Timeout | undefined;
  let snapshotTimer: NodeJS.Timeout | undefined;
  let isReading = false;
  let isClosed = false;
  let isDropping = false;

  function rebuild(): void {
    clearTimeout(rebuildTimer);
    const nowMs = clock();
    const wasPanic = writer.isPanic;
    const againAtMs = writer.rebuildCandidates(nowMs);
    if (writer.isPanic && !wasPanic) log('warn', 'more hosts are out than --max-ejected allows: all are used');
    if (!writer.isPanic && wasPanic) log('info', 'enough hosts are back: those that are out get no requests');
    if (againAtMs !== Number.POSITIVE_INFINITY && !isClosed) rebuildTimer = setTimeout(rebuild, Math.ceil(againAtMs - nowMs) + 1);
  }

  function announce({ added, removed }: SlotChange): void {
    // The list first: no request is to find a host in it that was just removed, nor none at all at the start.
    if (writer.isListOld) rebuild();
    if (added.length > 0 || removed.length > 0) post({ type: 'hosts', added, removed });
  }

  /** @param isStored whether the first table is the snapshot; those after it are messages that came meanwhile */
  function take(outcome: OrderOutcome, isStored = false): void {
    switch (outcome.kind) {
      case 'apply':
        for (const [index, table] of outcome.tables.entries()) {
          announce(writer.apply(table, clock(), isStored && index === 0));
          options.onApplied(table);
        }
        count('tables_applied', outcome.tables.length);
        isDropping = false;
        break;
      case 'old':
        count('tables_dropped_old');
        break;
      case 'gap':
        count('tables_gaps');
        break;
    }
    if (order.isBehind) readSoon(RETRY_SNAPSHOT_MS);
  }

  function decode(text: string): HostTable | undefined {
    const decoded = decodeTable(text);
    if (decoded.ok) return believe(decoded.value);
    drop(decoded.reason);
    return undefined;
  }

  /** A table of an absurd term would shut out all later masters. */
  function believe(table: HostTable): HostTable | undefined {
    const { term } = table.stamp;
    if (!isPlausibleTerm(term, options.columns.wideHeader[WIDE_HEADER.highestTerm] as number)) {
      drop('out_of_range');
      return undefined;
    }
    options.onTerm(term);
    return table;
  }

  function drop(reason: Rejection): void {
    count(reason === 'version' ? 'tables_dropped_version' : 'tables_dropped_malformed');
    // Said once, until a table was taken again: when none is, picks go by old figures.
    if (!isDropping) log('warn', 'a host table was dropped', { reason });
    isDropping = true;
  }

  function readSoon(inMs: number): void {
    // A read that was under way at the end fails, and is not to be tried again.
    if (isClosed) return;
    snapshotTimer ??= setTimeout(() => {
      snapshotTimer = undefined;
      void read();
    }, inMs);
  }

  async function read(): Promise<void> {
    if (isReading) return;
    isReading = true;
    try {
      const decoded = await readSnapshot(client, keys);
      if (decoded?.ok === true) {
        const table = believe(decoded.value);
        const outcome = table && order.onSnapshot(table);
        // That the snapshot is no news is no fault: only messages are counted as old.
        if (outcome?.kind === 'apply') take(outcome, true);
      } else if (decoded !== null) {
        drop(decoded.reason);
      }
      options.onRead();
      if (order.isBehind) readSoon(RETRY_SNAPSHOT_MS);
    } catch {
      // The subscription can be ready before the connection for commands is.
      readSoon(RETRY_SNAPSHOT_MS);
    } finally {
      isReading = false;
    }
  }

  const subscription = openSubscription(
    dataAddress,
    [keys.stats],
    (_channel, text) => {
      const table = decode(text);
      if (table !== undefined) take(order.onMessage(table));
    },
    { onReady: () => readSoon(0) },
  );

  announce(writer.setStatics(data.config.statics));
  rebuild();

  return {
    writer,
    rebuild,
    setWords(words) {
      const ejected = writer.setWords(words);
      // The list first: no request is to come to a host whose requests are being ended.
      if (writer.isListOld) rebuild();
      for (const { slot } of ejected) post({ type: 'host-ejected', slot });
    },
    setOwnDown(name, isDown) {
      writer.setOwnDown(name, isDown);
      if (writer.isListOld) rebuild();
    },
    forgetChecks() {
      writer.forgetChecks();
      if (writer.isListOld) rebuild();
    },
    upkeep() {
      const nowMs = clock();
      writer.refreshNeutral(nowMs);
      announce(writer.sweepOrphans(nowMs));
    },
    close() {
      isClosed = true;
      clearTimeout(rebuildTimer);
      clearTimeout(snapshotTimer);
      subscription.close();
    },
  };
}
