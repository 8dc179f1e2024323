// Brings the master's tables into the shared table: subscribes first, then reads the snapshot, and again after every
// reconnect. The only one in a balancer that has a `TableWriter`: hosts come, go and change by it alone.

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { HostTable, OperatorState, Stamp } from '../model.js';
import { parseRedisAddress } from '../redis/address.js';
import { type Commands, logDenial, openSubscription } from '../redis/connect.js';
import { isTermHeldBy, readSnapshot } from '../redis/host-store.js';
import type { Keys } from '../redis/keys.js';
import { decodeTable } from '../redis/table-message.js';
import { isPlausibleTerm } from '../redis/term.js';
import type { Rejection } from '../redis/decode.js';
import type { Count } from '../table/counters.js';
import { type TableColumns, WIDE_HEADER } from '../table/layout.js';
import { isPlausibleSeq } from '../table/stamp.js';
import { type SlotChange, TableWriter } from '../table/writer.js';
import type { FleetThreadData, FromFleet } from '../thread-messages.js';
import { type OrderOutcome, TableOrder } from './table-order.js';

/** How soon the snapshot is read again while messages are missing. */
const RETRY_SNAPSHOT_MS = 200;

/** After tables were dropped for this long and none was taken, something is wrong with what is in force. */
const DEAF_AFTER_MS = 2000;

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
  /** A table of this term and mastership was seen, applied or not. */
  readonly onTerm: (stamp: Stamp) => void;
}

/** The local table, kept in step. */
export interface TableSync {
  readonly writer: TableWriter;
  /** Builds the candidates' list anew, after this balancer changed what it holds against a host. */
  rebuild(): void;
  /** The traffic thread knows the hosts that it was told of last: they may be picked. */
  admitKnown(): void;
  /** Takes all that an operator said of hosts. */
  setOperatorStates(operatorStates: ReadonlyMap<string, OperatorState>): void;
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
  const writer = new TableWriter(options.columns, count, data.config.health, data.known, data.leaving);
  const order = new TableOrder(writer.stamp);
  const [dataAddress] = data.config.redis.map(parseRedisAddress) as [ReturnType<typeof parseRedisAddress>];
  let rebuildTimer: NodeJS.Timeout | undefined;
  let snapshotTimer: NodeJS.Timeout | undefined;
  let isReading = false;
  let isClosed = false;
  let isDropping = false;
  let appliedAtMs = clock();
  /** When the first table was dropped since one was applied, and the last; NaN when none was. */
  let droppedSinceMs = Number.NaN;
  let droppedAtMs = Number.NaN;

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
    // The list first: a host that was removed must not be picked any more when the traffic thread forgets it. One that
    // was added comes into the list when the traffic thread has answered that it knows it.
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
        appliedAtMs = clock();
        droppedSinceMs = Number.NaN;
        break;
      case 'old':
        count('tables_dropped_old');
        dropped();
        break;
      case 'rival':
        count('tables_dropped_rival');
        dropped();
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

  /** A table of an absurd term would shut out all later masters, and one of an absurd seq all later tables of its master. */
  function believe(table: HostTable): HostTable | undefined {
    const { stamp } = table;
    const isPlausible = isPlausibleTerm(stamp.term, options.columns.wideHeader[WIDE_HEADER.highestTerm] as number);
    if (!isPlausible || !isPlausibleSeq(stamp, writer.stamp, clock() - appliedAtMs)) {
      drop('out_of_range');
      return undefined;
    }
    options.onTerm(stamp);
    return table;
  }

  function dropped(): void {
    droppedAtMs = clock();
    if (Number.isNaN(droppedSinceMs)) droppedSinceMs = droppedAtMs;
  }

  /** Tables come and none is taken: a forged one can have been applied whose seq no real one reaches. */
  async function restartWhenDeaf(): Promise<void> {
    const nowMs = clock();
    const isDeaf = nowMs - appliedAtMs >= DEAF_AFTER_MS && nowMs - droppedSinceMs >= DEAF_AFTER_MS && nowMs - droppedAtMs < DEAF_AFTER_MS;
    if (!isDeaf || isReading) return;
    droppedSinceMs = nowMs;
    isReading = true;
    try {
      const decoded = await readSnapshot(client, keys);
      const table = decoded?.ok === true ? decoded.value : undefined;
      const isInForce = table !== undefined && (await isTermHeldBy(client, keys, table.stamp));
      log(
        'warn',
        isInForce
          ? 'every host table was dropped for 2 s: this balancer starts again from the stored one'
          : 'every host table was dropped for 2 s, and Redis has none of the master in force',
        { applied: stampText(writer.stamp), ...(table && { stored: stampText(table.stamp) }) },
      );
      if (!isInForce) return;
      count('tables_restarted');
      take(order.restart(table));
    } catch {
      // Tried again while tables are dropped.
    } finally {
      isReading = false;
    }
  }

  function drop(reason: Rejection): void {
    dropped();
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
        if (outcome?.kind === 'apply' || outcome?.kind === 'rival') take(outcome, true);
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
    { onReady: () => readSoon(0), onLost: logDenial(log, keys.stats) },
  );

  // The thread before this one can have died while a host moved: the traffic thread knows both of its addresses.
  announce(writer.admitKnown());
  announce(writer.setStatics(data.config.statics));
  rebuild();

  return {
    writer,
    rebuild,
    admitKnown() {
      announce(writer.admitKnown());
      post({ type: 'listed' });
    },
    setOperatorStates(operatorStates) {
      const ejected = writer.setOperatorStates(operatorStates);
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
      void restartWhenDeaf();
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

/** A stamp as one word, for the log. */
function stampText({ term, mastership, seq }: Stamp): string {
  return `${term}.${seq} of ${mastership || 'an unknown mastership'}`;
}
