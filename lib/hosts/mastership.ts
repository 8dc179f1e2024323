// One mastership, from election to end: receives reports and load messages, checks hosts, and writes the table in
// flushes. Every write carries the term; the first write that Redis refuses because of a newer term ends the
// mastership.

import type { Clock } from '../clock.js';
import { SECOND } from '../clock.js';
import { type HostChecks, startHostChecks } from '../health/host-checks.js';
import type { Log } from '../log.js';
import type { RedisAddress } from '../redis/address.js';
import { type Commands, logDenial, openSubscription } from '../redis/connect.js';
import { publishEvent } from '../redis/fleet-store.js';
import { writeCosts } from '../redis/cost-store.js';
import { publishTable, readPoolNames, writeHosts } from '../redis/host-store.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import { partlyNamedPhrases } from '../redis/partly-named.js';
import type { QuietPublisher } from '../redis/quiet-publish.js';
import { ExchangeBudget, gatherMs } from '../redis/load-interval.js';
import type { MessageSigner } from '../redis/sign.js';
import type { Site } from '../site-model.js';
import { countingStatics } from '../site-hosts.js';
import { shareLeaseMs } from '../site-limits.js';
import type { Count } from '../table/counters.js';
import { healthByPool } from '../config/pool-rules.js';
import type { HealthRules, HostTls } from '../config/traffic-config.js';
import { buildFlushTables } from './flush-tables.js';
import { FiguresMaster } from './figures-master.js';
import { Gathering } from './gathering.js';
import { HostRegistry, TICK_MS } from './host-registry.js';
import { LimitMaster } from './limit-master.js';
import { Intake } from './intake.js';
import { inherit, type Known } from './inheritance.js';
import { SNAPSHOT_EVERY_MS, STORE_EVERY_MS, StoredHashes } from './stored-hashes.js';
import { poolRowsOf, StoredPools } from './stored-pools.js';
import { OtherBalancers } from './other-balancers.js';
import { Strangers } from './strangers.js';
import { WriteTrouble } from './write-trouble.js';

/** Interval at which request costs are written, for people to read. */
const COSTS_EVERY_MS = 2 * SECOND;

/** Delay before a failed flush is retried. */
const RETRY_FLUSH_MS = 100;

/** Maximum hashes per flush, since Redis serves nothing else meanwhile. The rest follow in the next flushes. */
const MAX_HASHES = 200;

/** The dependencies of a mastership. */
export interface MastershipOptions extends Known {
  readonly address: RedisAddress;
  readonly client: Commands;
  /** Uses the same client, which outlives masterships. */
  readonly publisher: QuietPublisher;
  /** Checks what arrives. */
  readonly gate: MessageGate;
  /** Signs what is published and stored. */
  readonly signer: MessageSigner;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly count: Count;
  readonly log: Log;
  readonly health: HealthRules;
  readonly tls: HostTls;
  /** A write that fails for this long won't succeed soon. */
  readonly leaseTtlMs: number;
  /** When Redis last came back; -Infinity if it was never away. */
  readonly redisBackAtMs: number;
  /** The id that its tables are stamped with. */
  readonly mastership: string;
  /** The site in force at the election; null: none. */
  readonly site: Site | null;
  /** This balancer's name. */
  readonly name: string;
  readonly onFenced: (term: number) => void;
  /** This master could not publish for a whole lease. */
  readonly onUnwritten: (term: number, reason: string) => void;
  /** No other balancer signs with a key that is known here. Called again and again. */
  readonly onUnheard: (term: number) => void;
}

/** A running mastership. */
export interface Mastership {
  /** The keys were replaced: the next table is full, so that whoever could not check the last ones can start from it. */
  onKeys(): void;
  /** Another site is in force; null: none. */
  setSite(site: Site | null): void;
  /** A balancer has left the fleet in good order. */
  onLeft(balancer: string): void;
  stop(): void;
}

/** Starts to receive and to publish. */
export function startMastership(options: MastershipOptions): Mastership {
  const { client, publisher, gate, signer, keys, clock, count, log, term, mastership } = options;
  let { site } = options;
  let health = healthByPool(site, options.health);
  const registry = new HostRegistry((pool) => health.of(pool));
  const stored = new StoredHashes();
  const storedPools = new StoredPools();
  const strangers = new Strangers(clock());
  const others = new OtherBalancers(options.name, clock(), () => gate.ring.isKeyed);
  const trouble = new WriteTrouble(log, options.leaseTtlMs);
  const intake = new Intake({
    ...{ keys, gate, registry, others, clock, count },
    limits: { onLoad: (message) => limits.onLoad(message) },
    onTaken: (isLoadAlone) => gathering.soon(isLoadAlone),
  });
  const figures = new FiguresMaster({ client, publisher, keys, gate, signer, clock, count, term, mastership });
  const budget = new ExchangeBudget();
  let used = performance.eventLoopUtilization();
  /** What the log has said of hosts that not all balancers name. */
  let warnedOf: ReadonlySet<string> = new Set();
  let isStopped = false;
  let isWriting = false;
  // The first table is full, so that balancers need nothing of an earlier master's.
  let isFullDue = true;
  let isStoreDue = true;
  let isStarted = false;
  let checks: HostChecks | undefined;
  // A thread restarted in the same term must not reuse a sequence number.
  let seq = options.stamp.mastership === mastership ? options.stamp.seq + 1000 : 0;
  let snapshotAtMs = Number.NEGATIVE_INFINITY;
  /** Redis is full: the whole table is published instead of stored. */
  let isSnapshotRefused = false;
  let costsAtMs = Number.NEGATIVE_INFINITY;

  /** Whether the subscription has been lost since it was last ready. */
  let wasLost = false;
  const sayDenial = logDenial(log, keys.reports);
  const subscription = openSubscription(
    options.address,
    [keys.reports, keys.load, keys.figures],
    (channel, text) => {
      if (channel === keys.figures) {
        figures.onMessage(text);
        return;
      }
      gathering.heard();
      intake.onMessage(channel, text);
    },
    {
      // Also after each reconnect, since Redis may have come back empty.
      onReady: () => {
        isFullDue = true;
        if (wasLost) limits.onRedisBack();
        wasLost = false;
        gathering.soon();
      },
      onLost(reason) {
        wasLost = true;
        sayDenial(reason);
      },
    },
  );

  const everyMs = (): number => budget.intervalMs(registry.balancers, registry.size);
  const gathering = new Gathering({
    clock,
    subscription,
    waitMs: (isLoadAlone) => gatherMs(everyMs(), isLoadAlone),
    isDue: () => !isStopped && !isWriting && isStarted && (registry.hasChanges || isFullDue || isStoreDue || limits.isDue),
    flush: () => void flush(),
  });

  const limits = new LimitMaster({
    leaseMs: shareLeaseMs(options.leaseTtlMs),
    ...{ term, seq, clock, count, everyMs },
    redisBackAtMs: options.redisBackAtMs,
    onDue: () => gathering.soon(true),
  });

  async function flush(): Promise<void> {
    if (isStopped || isWriting) return;
    isWriting = true;
    gathering.begin();
    const nowMs = clock();
    // A balancer without a snapshot to start from needs a full table.
    const isFull = isFullDue || (isSnapshotRefused && nowMs - snapshotAtMs >= SNAPSHOT_EVERY_MS);
    registry.learn(nowMs);
    const changes = registry.takeChanges(nowMs);
    // New hosts and changed states are stored at once; everything is when Redis may have come back empty.
    const isUrgent = isFull || changes.isMembership;
    const isStoring = isStoreDue || isUrgent;
    const allRows = isUrgent || (isStoring && nowMs - snapshotAtMs >= SNAPSHOT_EVERY_MS) ? registry.rows(nowMs) : null;
    const previousSeq = seq;
    seq++;
    const { message, snapshot } = buildFlushTables({
      stamp: { term, mastership, seq },
      previousSeq,
      isFull,
      changes,
      allRows,
      costs: registry.costs,
      everyMs: everyMs(),
      limits: limits.deal(seq),
    });
    const news = new Set(isUrgent ? message.hosts.map(({ name }) => name) : []);
    for (const { name } of [...message.hosts, ...message.figures, ...message.loads]) stored.changed(name);
    const names = isStoring ? stored.take(MAX_HASHES, news, nowMs) : [];
    const pools = isStoring ? storedPools.take(MAX_HASHES, nowMs) : { pools: [], gonePools: [] };
    // More may be due.
    isStoreDue = names.length === MAX_HASHES || pools.pools.length === MAX_HASHES;
    const rows = names.flatMap((name) => registry.row(name, nowMs) ?? []);

    // Without anything to store, no script has to check the term: every balancer drops tables of an older one.
    const stores = [rows, message.hosts, message.gone, pools.pools, pools.gonePools];
    const isQuiet = snapshot === null && stores.every(({ length }) => length === 0);
    const outcome = isQuiet
      ? publishTable(publisher, keys, message, signer)
      : await writeHosts(client, keys, { message, snapshot, rows, ...pools, figures }, Date.now(), signer);
    isWriting = false;
    if (isStopped) return;
    switch (outcome.kind) {
      case 'fenced':
        count('writes_fenced');
        log('warn', 'a newer master exists: this one steps down', { term, newer: outcome.term });
        stop();
        options.onFenced(outcome.term);
        return;
      case 'failed':
        count('writes_failed');
        // It may or may not have been published; the next one is full, which closes any gap.
        isFullDue = true;
        for (const name of names) stored.changed(name);
        storedPools.failed(pools);
        if (trouble.failed(nowMs, clock(), outcome.reason)) options.onUnwritten(term, outcome.reason);
        gathering.again(RETRY_FLUSH_MS);
        return;
      case 'partial':
        count('writes_failed');
        trouble.notStored(outcome.reason);
        isSnapshotRefused ||= snapshot !== null;
        break;
      case 'written':
        trouble.succeeded(snapshot !== null || names.length > 0);
        isSnapshotRefused &&= snapshot === null;
        break;
    }
    isFullDue = false;
    if (snapshot !== null) snapshotAtMs = nowMs;
    for (const name of changes.gone) stored.left(name);
    if (isFull) strangers.onFullTable();
    for (const each of changes.news) {
      void publishEvent(client, keys, each, signer).catch(() => undefined);
      log(each.kind === 'host-conflict' ? 'warn' : 'info', each.kind, { host: each.name, detail: each.detail });
    }
    gathering.end(nowMs);
  }

  function tick(): void {
    const nowMs = clock();
    const since = used;
    used = performance.eventLoopUtilization();
    budget.take(performance.eventLoopUtilization(used, since).utilization);
    for (const name of registry.tick(nowMs)) stored.changed(name);
    const unions = partlyNamedPhrases(registry.partlyNamed);
    for (const phrase of unions) if (!warnedOf.has(phrase)) log('warn', `--host differs between balancers: ${phrase}`);
    warnedOf = new Set(unions);
    if (others.areUnheard(nowMs)) options.onUnheard(term);
    registry.learn(nowMs);
    if (nowMs - costsAtMs >= COSTS_EVERY_MS && client.status === 'ready') {
      costsAtMs = nowMs;
      void writeCosts(client, keys, term, registry.costEstimates()).catch(() => undefined);
    }
    for (const name of figures.takeEjectionChanges()) stored.changed(name);
    stored.tick(nowMs);
    storedPools.tick(poolRowsOf(registry.rows(nowMs), site), nowMs);
    void strangers.tick(nowMs, client, keys, registry).then(() => gathering.soon());
  }

  const checkHosts = (): HostChecks =>
    startHostChecks({
      rules: () => health,
      tls: options.tls,
      clock,
      hosts: () => registry.hostsToProbe(clock()),
      onChecked({ name, url }, isGood) {
        if (!isGood) count('checks_failed');
        // A host that has moved meanwhile is a different one.
        if (registry.row(name, clock())?.url !== url) return;
        registry.onProbe(name, isGood, clock());
        gathering.soon();
      },
    });

  async function begin(): Promise<void> {
    const { rows, costs } = await inherit(client, keys, options, gate);
    if (isStopped) return;
    registry.seed(rows, clock(), costs);
    nameHosts();
    void readPoolNames(client, keys).then(
      (names) => storedPools.found(names),
      () => undefined,
    );
    isStarted = true;
    intake.begin();
    checks = checkHosts();
    void flush();
  }

  /** The hosts that the site names, and those of the command line that count beside it. */
  function nameHosts(): void {
    health = healthByPool(site, options.health);
    registry.nameSite(site, clock());
    registry.nameOwn(options.name, countingStatics(options.statics, site), clock());
    limits.setSite(site);
  }

  const timer = setInterval(tick, TICK_MS);
  const storeTimer = setInterval(() => {
    isStoreDue = stored.isAnyDue(clock()) || storedPools.isAnyDue(clock());
    gathering.soon(true);
  }, STORE_EVERY_MS);
  void begin();

  function stop(): void {
    if (isStopped) return;
    isStopped = true;
    clearInterval(timer);
    clearInterval(storeTimer);
    checks?.stop();
    gathering.stop();
    limits.stop();
    figures.stop();
    subscription.close();
  }

  return {
    setSite(next) {
      site = next;
      nameHosts();
      gathering.soon();
    },
    onLeft(balancer) {
      limits.leave(balancer);
      figures.leave(balancer);
    },
    onKeys() {
      isFullDue = true;
      gathering.soon();
    },
    stop,
  };
}
