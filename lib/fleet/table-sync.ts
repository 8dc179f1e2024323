// Brings the master's tables into the shared table: subscribes first, then reads the snapshot, again after every
// reconnect. Owns the balancer's only `TableWriter`: nothing else adds, removes or changes hosts.

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { HostTable, OperatorState, Stamp, StaticHost } from '../model.js';
import { parseRedisAddress } from '../redis/address.js';
import { DEFAULT_POOL, type SiteInForce } from '../site-model.js';
import { type Commands, logDenial, openSubscription } from '../redis/connect.js';
import { isTermHeldBy, readSnapshot } from '../redis/host-store.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import { type Opened, openTableMessage } from '../redis/signed-messages.js';
import type { SignatureFault } from '../redis/sign.js';
import type { Signature } from '../redis/signature.js';
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

/** If every table was dropped for this long, the applied one is suspect. */
const STUCK_AFTER_MS = 2000;

/** The dependencies of the table sync. */
export interface TableSyncOptions {
  readonly data: FleetThreadData;
  readonly client: Commands;
  readonly keys: Keys;
  /** Checks who signed a table. */
  readonly gate: MessageGate;
  readonly clock: Clock;
  readonly count: Count;
  readonly columns: TableColumns;
  readonly log: Log;
  readonly post: (message: FromFleet) => void;
  /** Redis was read for the first time, or again after a reconnect. */
  readonly onRead: () => void;
  /** A master's table was applied. */
  readonly onApplied: (table: HostTable) => void;
  /** A table with this term and mastership arrived, applied or not. */
  readonly onTerm: (stamp: Stamp) => void;
  /** What the signature of each arriving table says, null without one; and why it was refused, if it was. */
  readonly onSignature: (claimed: Signature | null, refused: SignatureFault | null) => void;
}

/** The local table, kept in sync. */
export interface TableSync {
  readonly writer: TableWriter;
  /** Rebuilds the candidates, after this balancer changed its verdict on a host. */
  rebuild(): void;
  /** The traffic thread knows the hosts it was last sent: they may be picked. */
  admitKnown(): void;
  /**
   * Takes another site and its pools. It is passed on when its hosts may be picked.
   * @param nameHosts calls `setStatics`: first with the hosts of this site and of those before it, whose routes are still in
   * use; and when the traffic thread has switched with those of this site alone
   */
  setSite(inForce: SiteInForce, nameHosts: (hasSwitched: boolean) => void): void;
  /** The traffic thread goes by the site that it was last sent. */
  siteTaken(): void;
  /** Calls back when no site waits to be passed on: now, or later. */
  afterSite(call: () => void): void;
  /** The traffic thread has no requests any more of these pools. */
  dropPools(names: readonly string[]): void;
  /** Takes hosts out that the site names no more. */
  withdraw(names: readonly string[]): void;
  /** Time since a table last came; null before the first. */
  ageMs(): number | null;
  /** Replaces the hosts that this balancer names. */
  setStatics(statics: readonly StaticHost[]): void;
  /** Applies the operators' settings of all hosts. */
  setOperatorStates(operatorStates: ReadonlyMap<string, OperatorState>): void;
  /** Applies the result of this balancer's own check of a host. */
  setOwnDown(name: string, isDown: boolean): void;
  /** Reads the stored table again: with other keys another one may count. */
  readAgain(): void;
  /** Discards the results of own checks. */
  forgetChecks(): void;
  /** Call a few times a second: updates the median usage and removes hosts that nobody names any more. */
  upkeep(): void;
  close(): void;
}

/** Opens the sync. */
export function openTableSync(options: TableSyncOptions): TableSync {
  const { data, client, keys, gate, clock, count, log, post } = options;
  const writer = new TableWriter(options.columns, count, data.config.health, data.known, data.leaving, data.pools);
  const order = new TableOrder(writer.stamp, () => options.columns.wideHeader[WIDE_HEADER.highestTerm] as number);
  const [dataAddress] = data.config.redis.map(parseRedisAddress) as [ReturnType<typeof parseRedisAddress>];
  let rebuildTimer: NodeJS.Timeout | undefined;
  let snapshotTimer: NodeJS.Timeout | undefined;
  let isReading = false;
  let isClosed = false;
  let isDropping = false;
  /** Messages with new hosts that the traffic thread has not answered. */
  let unanswered = 0;
  /** The site that waits for its hosts to be known; null: none. */
  let arriving: SiteInForce | null = null;
  /** Sites that were passed on and that the traffic thread has not taken yet; and what names the hosts of the last one. */
  let untaken = 0;
  let nameArrived: (hasSwitched: boolean) => void = () => undefined;
  /** What waits for the site to be passed on. */
  let afterSite: (() => void)[] = [];
  /** The pools of the site that came last. */
  let poolNames: ReadonlySet<string> = new Set();
  let appliedAtMs = clock();
  let hasApplied = false;
  /** When the first and the last table were dropped since one was applied; NaN when none was. */
  let droppedSinceMs = Number.NaN;
  let droppedAtMs = Number.NaN;

  function rebuild(): void {
    clearTimeout(rebuildTimer);
    const nowMs = clock();
    const before = new Set(writer.panics);
    const againAtMs = writer.rebuildCandidates(nowMs);
    const panics = writer.panics;
    for (const pool of panics)
      if (!before.delete(pool)) log('warn', 'more hosts are out than --max-ejected allows: all are used', factsOf(pool));
    for (const pool of before) log('info', 'enough hosts are back: those that are out get no requests', factsOf(pool));
    if (againAtMs !== Number.POSITIVE_INFINITY && !isClosed) rebuildTimer = setTimeout(rebuild, Math.ceil(againAtMs - nowMs) + 1);
  }

  function announce({ added, removed }: SlotChange): void {
    // Rebuild the list first: a removed host must be out of it before the traffic thread forgets the host. An added
    // host enters the list once the traffic thread has acknowledged it.
    if (writer.isListOld) rebuild();
    if (added.length > 0) unanswered++;
    if (added.length > 0 || removed.length > 0) post({ type: 'hosts', added, removed });
  }

  /** Passes the site on when its hosts are candidates, so that the first request finds them. */
  function passSite(): void {
    if (arriving === null || unanswered > 0) return;
    post({ type: 'site', ...arriving, pools: writer.pools });
    arriving = null;
    untaken++;
    for (const call of afterSite) call();
    afterSite = [];
  }

  /** @param isStored whether the first table is the snapshot; the others are messages that arrived meanwhile */
  function take(outcome: OrderOutcome, isStored = false): void {
    switch (outcome.kind) {
      case 'apply':
        for (const [index, table] of outcome.tables.entries()) {
          announce(writer.apply(table, clock(), isStored && index === 0));
          options.onApplied(table);
        }
        count('tables_applied', outcome.tables.length);
        isDropping = false;
        hasApplied = true;
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

  function open(opened: Opened<HostTable>): HostTable | undefined {
    if (opened.ok) {
      options.onSignature(opened.claimed, null);
      return admit(opened.value);
    }
    // What is forged says nothing of the tables that count: only what is wrong with a master's own is a reason to restart.
    if (opened.isCounted) options.onSignature(opened.claimed, opened.reason as SignatureFault);
    else drop(opened.reason as Rejection);
    return undefined;
  }

  /** Rejects absurd stamps: an absurd term would shut out all later masters, an absurd seq all later tables of its master. */
  function admit(table: HostTable): HostTable | undefined {
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

  /** Restarts from the snapshot when every arriving table is dropped: a forged table may have set a seq that no real one reaches. */
  async function restartWhenStuck(): Promise<void> {
    const nowMs = clock();
    const isStuck =
      nowMs - appliedAtMs >= STUCK_AFTER_MS && nowMs - droppedSinceMs >= STUCK_AFTER_MS && nowMs - droppedAtMs < STUCK_AFTER_MS;
    if (!isStuck || isReading) return;
    droppedSinceMs = nowMs;
    isReading = true;
    try {
      const opened = await readSnapshot(client, keys, gate);
      const table = opened?.ok === true ? opened.value : undefined;
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
      // Retried while tables are being dropped.
    } finally {
      isReading = false;
    }
  }

  function drop(reason: Rejection): void {
    dropped();
    count(reason === 'version' ? 'tables_dropped_version' : 'tables_dropped_malformed');
    // Logged once until a table is accepted again; until then picks use stale figures.
    if (!isDropping) log('warn', 'a host table was dropped', { reason });
    isDropping = true;
  }

  function readSoon(inMs: number): void {
    // A read in progress at the end fails; don't retry it.
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
      const opened = await readSnapshot(client, keys, gate);
      const table = opened === null ? undefined : open(opened);
      const outcome = table && order.onSnapshot(table);
      // A snapshot that is not newer is no fault: only messages count as old.
      if (outcome?.kind === 'apply' || outcome?.kind === 'rival') take(outcome, true);
      options.onRead();
      if (order.isBehind) readSoon(RETRY_SNAPSHOT_MS);
    } catch {
      // The subscription can be ready before the command connection.
      readSoon(RETRY_SNAPSHOT_MS);
    } finally {
      isReading = false;
    }
  }

  const subscription = openSubscription(
    dataAddress,
    [keys.stats],
    (_channel, text) => {
      const table = open(openTableMessage(gate, keys.stats, text, false));
      if (table !== undefined) take(order.onMessage(table));
    },
    { onReady: () => readSoon(0), onLost: logDenial(log, keys.stats) },
  );

  // The previous thread may have died while a host moved: the traffic thread knows both addresses.
  announce(writer.admitKnown());
  rebuild();

  return {
    writer,
    rebuild,
    admitKnown() {
      unanswered = Math.max(0, unanswered - 1);
      announce(writer.admitKnown());
      post({ type: 'listed' });
      passSite();
    },
    setSite(inForce, nameHosts) {
      poolNames = new Set(inForce.site?.pools.map(({ name }) => name));
      writer.addPools([...poolNames]);
      arriving = inForce;
      nameArrived = nameHosts;
      nameHosts(false);
      passSite();
    },
    siteTaken() {
      untaken = Math.max(0, untaken - 1);
      if (untaken === 0 && arriving === null) nameArrived(true);
    },
    afterSite(call) {
      if (arriving === null) call();
      else afterSite.push(call);
    },
    dropPools(names) {
      writer.dropPools(names.filter((name) => !poolNames.has(name)));
      rebuild();
    },
    withdraw(names) {
      writer.withdraw(names);
      if (writer.isListOld) rebuild();
    },
    ageMs: () => (hasApplied ? clock() - appliedAtMs : null),
    setStatics: (statics) => announce(writer.setStatics(statics)),
    setOperatorStates(operatorStates) {
      const ejected = writer.setOperatorStates(operatorStates);
      // Rebuild the list first: no new request may reach a host whose requests are being ended.
      if (writer.isListOld) rebuild();
      for (const { slot } of ejected) post({ type: 'host-ejected', slot });
    },
    setOwnDown(name, isDown) {
      writer.setOwnDown(name, isDown);
      if (writer.isListOld) rebuild();
    },
    readAgain: () => readSoon(0),
    forgetChecks() {
      writer.forgetChecks();
      if (writer.isListOld) rebuild();
    },
    upkeep() {
      const nowMs = clock();
      void restartWhenStuck();
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

/** What the log says of a pool: nothing of the one that needs no name. */
function factsOf(pool: string): { readonly pool?: string } {
  return pool === DEFAULT_POOL ? {} : { pool };
}

/** Formats a stamp for the log. */
function stampText({ term, mastership, seq }: Stamp): string {
  return `${term}.${seq} of ${mastership || 'an unknown mastership'}`;
}
