// The fleet thread of one balancer: heartbeats, the lease, the local copy of the host table, load messages. Everything
// here may wait for Redis; no request ever waits for this.

import { monotonicClock } from '../clock.js';
import { healthByPool } from '../config/pool-rules.js';
import type { FleetSight } from '../fleet-sight.js';
import type { Log } from '../log.js';
import { describeAddress, parseRedisAddress } from '../redis/address.js';
import { buildKeys } from '../redis/keys.js';
import { KeyRing } from '../redis/fleet-key.js';
import { createLeaseStore } from '../redis/lease-store.js';
import { MessageGate } from '../redis/message-gate.js';
import { QuietPublisher } from '../redis/quiet-publish.js';
import { changeSettings } from '../redis/settings.js';
import { MessageSigner } from '../redis/sign.js';
import { siteHostsOf } from '../site-hosts.js';
import type { SiteInForce } from '../site-model.js';
import { counterOf } from '../table/counters.js';
import { openTable, WIDE_HEADER } from '../table/layout.js';
import type { FleetThreadData, FromFleet } from '../thread-messages.js';
import { Candidacy } from './candidacy.js';
import { createDocumentReader } from './document-reader.js';
import { openFleetConnections } from './fleet-connections.js';
import { EventListeners } from './event-listeners.js';
import { EjectionEvents } from './ejection-events.js';
import { FiguresSync } from './figures-sync.js';
import { openFleetEvents } from './fleet-events.js';
import { Heartbeats } from './heartbeats.js';
import { HostsLink } from './hosts-link.js';
import { InbandReports } from './inband-reports.js';
import { KeyWatch } from './key-watch.js';
import { roleOf } from './lease.js';
import { startLeaseDriver } from './lease-driver.js';
import { HEARTBEAT_MS, leaseTimes } from './lease-waits.js';
import { LimitSync } from './limit-sync.js';
import { LoadSync } from './load-sync.js';
import { listenToMainThread, type ToFleetParts } from './main-thread-messages.js';
import { MasterWatch } from './master-watch.js';
import { Membership } from './membership.js';
import { NAME_UNCHECKED, NameWatch } from './name-watch.js';
import { RedisState } from './redis-state.js';
import { openSecretSync } from './secret-sync.js';
import { buildSight } from './sight.js';
import { SettingsSync } from './settings-sync.js';
import { openSiteSync } from './site-sync.js';
import { OwnChecks } from './own-checks.js';
import { FlagHosts, OwnHosts, siteSourcesOf, sourcesOf } from './own-hosts.js';
import { openTableSync } from './table-sync.js';
import { WhyAnswers } from './why-answers.js';

/** Interval at which the median usage is updated and hosts that a new master never named are removed. */
const UPKEEP_MS = 250;

/** Longest wait at the start for the first host of a living fleet: the default lease and half a second, in which there is a master again. */
const HOSTS_WITHIN_MS = 2000;

/** Maximum time to leave the fleet: a hanging Redis must not delay the exit. */
const LEAVE_TIMEOUT_MS = 1500;

/** The running fleet thread. */
export interface Fleet {
  /** What the console's pages may see. */
  readonly sight: FleetSight;
  onMessage(message: ToFleetParts): void;
  /** Steps down, releases the lease, leaves the fleet, closes the connections. */
  stop(): Promise<void>;
}

/** Starts the fleet thread's parts; works at once, with or without Redis. */
export function startFleet(data: FleetThreadData, post: (message: FromFleet) => void): Fleet {
  const { config } = data;
  const clock = monotonicClock();
  const columns = openTable(data.table);
  const count = counterOf(columns.counters);
  const keys = buildKeys(config.namespace);
  const log: Log = (...line) => post({ type: 'log', line });
  const addresses = config.redis.map(parseRedisAddress);
  const [dataAddress] = addresses as [(typeof addresses)[0]];
  const ring = new KeyRing('--fleet-key', data.fleetKey);
  const gate = new MessageGate(ring, count, log);
  const signer = new MessageSigner(ring, config.name);
  const redis = new RedisState(log, describeAddress(dataAddress), clock);
  const sendHeartbeat = (): Promise<void> => heartbeats.send();
  const sawTerm = (term: number, mastership?: string): void => candidacy.sawTerm(term, mastership);

  const connections = openFleetConnections(addresses, log, {
    // The data's Redis counts as reachable once it accepts a heartbeat.
    onDataReady() {
      limits.setRedisAway(false);
      void sendHeartbeat();
    },
    onDataLost(reason) {
      reportLost();
      names.onUnknown();
      limits.setRedisAway(true);
      redis.lost(reason);
    },
    onReady: () => lease.send({ type: 'redis-ready' }),
  });
  const { clients } = connections;
  const [client] = clients;
  const membership = new Membership(client, keys, config, columns, clock, signer);
  const names = new NameWatch({ name: membership.name, clock, count, log, post, sendHeartbeat: () => void sendHeartbeat() });
  const limits = new LimitSync({ config, columns, clock, count, post });
  const publisher = new QuietPublisher(client, log);
  const isHeard = (): boolean => membership.name.state === 'ours';
  const loads = new LoadSync({
    publisher,
    signer,
    keys,
    config,
    columns,
    clock,
    isHeard,
    limits,
  });
  const inband = new InbandReports(columns.reportedAt, Math.random);
  loads.setClasses(data.classes);
  let [isTableRead, isHeartbeatDone, isSynced, isHostWaitOver] = [false, false, false, false];
  let hostWait: NodeJS.Timeout | undefined;
  const table = openTableSync({
    data,
    client,
    keys,
    gate,
    clock,
    count,
    columns,
    log,
    post,
    onTerm: ({ term, mastership }) => sawTerm(term, mastership),
    onSignature(claimed, refused) {
      if (refused === null) keyWatch.onTable(claimed);
      else keyWatch.onRefused(refused, claimed);
    },
    onApplied(applied) {
      watch.heard();
      inband.onTable(applied);
      loads.onTable(applied, table.writer, clock());
      reportSynced();
    },
    onRead() {
      isTableRead = true;
      reportSynced();
    },
  });
  const flagHosts = new FlagHosts(config.statics, log);
  let health = healthByPool(null, config.health);
  /** The hosts that the site names by their URLs. */
  let siteHosts: ReadonlySet<string> = new Set();
  const ownHosts = new OwnHosts({
    dnsServers: config.dnsServers,
    clock,
    count,
    log,
    isDown: (id) => table.writer.isDown(id),
    onHosts(statics) {
      // The master knows those of the site.
      loads.setStatics(statics.filter(({ name }) => !siteHosts.has(name)));
      table.setStatics(statics);
      reportSynced();
    },
  });
  const keyWatch = new KeyWatch({ clock, log, isKeyed: () => ring.isKeyed, ids: () => ring.ids });
  const ownChecks = new OwnChecks({ table, rules: () => health, tls: config.tls, clock, count, log });
  const watch = new MasterWatch({
    clock,
    log,
    leaseTtlMs: config.leaseTtlMs,
    why: () => candidacy.whyNoMaster(),
    onAlone: () => ownChecks.begin(),
    onHeard: () => ownChecks.end(),
  });
  const why = new WhyAnswers({ client, keys, name: config.name, clock, count, post });
  const settings = new SettingsSync({
    keys,
    table,
    count,
    log,
    post,
    known: data.settings,
    gate,
    change: (changes) => void changeSettings(client, keys, changes).catch(() => undefined),
  });

  const figures = new FiguresSync({
    ...{ config, columns, publisher, signer, keys, clock, isHeard },
    writer: table.writer,
    balancers: () => heartbeats.balancers,
  });
  const ejections = new EjectionEvents({
    balancer: config.name,
    clock,
    count,
    announce: (event) => void (heartbeats.hasJoined && membership.announce(event)),
  });
  let siteInForce: SiteInForce | null = null;
  const reader = createDocumentReader();
  const secrets = openSecretSync(data, { client, keys, ring, log, post, isMaster: () => lease.state.phase === 'master' });
  const site = openSiteSync(data, reader.read, {
    ...{ client, keys, gate, signer, clock, count, log },
    held: () => (lease.state.phase === 'master' ? lease.state : null),
    announce: (event) => void membership.announce(event),
    onSite(inForce) {
      siteInForce = inForce;
      health = healthByPool(inForce.site, config.health);
      const ofSite = siteHostsOf(inForce.site).map(({ name }) => name);
      const sources = [...siteSourcesOf(inForce.site), ...sourcesOf(flagHosts.beside(inForce.site))];
      table.setSite(inForce, (hasSwitched) => {
        const before = siteHosts;
        siteHosts = new Set(hasSwitched ? ofSite : [...before, ...ofSite]);
        if (!hasSwitched) return ownHosts.add(sources);
        ownHosts.name(sources);
        return table.withdraw([...before].filter((name) => !siteHosts.has(name)));
      });
      limits.setSite(inForce.site, table.writer.pools);
      hosts.setSite(inForce.site);
      secrets.onSite(inForce.site);
    },
  });

  const hosts = new HostsLink({
    port: data.hostsPort,
    inheritance: () => ({
      stamp: table.writer.stamp,
      rows: inband.withAgents(table.writer.rows(clock())),
      costs: loads.costs,
      statics: ownHosts.hosts.filter(({ name }) => !siteHosts.has(name)),
    }),
    onFenced: sawTerm,
    onUnheard: (term) => candidacy.stepDownUnheard(term),
    onUnwritten: (term, reason) => lease.send({ type: 'write-refused', term, reason: `the host table can't be published: ${reason}` }),
  });

  const lease = startLeaseDriver({
    store: createLeaseStore(clients, keys, config.leaseTtlMs, () => settings.remembered),
    barred: NAME_UNCHECKED,
    times: leaseTimes(config.leaseTtlMs),
    clock,
    highestTerm: columns.wideHeader[WIDE_HEADER.highestTerm] as number,
    hasResigned: data.hasResigned,
    describe: () => ({ name: config.name, url: config.url }),
    onMaster({ term, mastership }) {
      sawTerm(term, mastership);
      count('masterships');
      log('info', 'this balancer is master', { term });
      post({ type: 'role', role: 'master', term });
      hosts.becomeMaster({ term, mastership });
      void membership.announce({ kind: 'master-elected', name: config.name, term, mastership });
      void sendHeartbeat();
    },
    onSlave(term, reason) {
      log('info', 'this balancer is slave', { term, reason });
      post({ type: 'role', role: 'slave', term });
      hosts.becomeSlave();
      void sendHeartbeat();
    },
    onReleased: (term) => void membership.announce({ kind: 'master-released', name: config.name, term }),
  });

  const heartbeats = new Heartbeats({
    name: config.name,
    client,
    clock,
    membership,
    redis,
    names,
    lease,
    settings,
    site,
    facts: () => ({
      ...site.facts,
      role: roleOf(lease.state),
      term: columns.wideHeader[WIDE_HEADER.highestTerm] as number,
      remembered: settings.remembered,
      noMaster: watch.reason,
      fleetKey: ring.summary,
      tableAgeMs: table.ageMs() ?? Number.NaN,
      redisRttMs: heartbeats.roundTripMs ?? Number.NaN,
      leaseMs: lease.state.phase === 'master' ? Math.max(0, lease.state.validUntilMs - clock()) : Number.NaN,
      exchangeMs: loads.intervalMs(table.writer),
    }),
    onFleet({ order }) {
      inband.balancers = order.length;
      loads.setBalancers(order.length);
      limits.setBalancers(order.length);
      names.onHeartbeat();
      void secrets.check();
      candidacy.check();
    },
    onTerm: sawTerm,
    onFirst(isAnswered) {
      isHeartbeatDone ||= isAnswered;
      if (isAnswered) reportSynced();
      else reportLost();
    },
  });

  const candidacy = new Candidacy({ columns, log, ring, redis, names, keyWatch, lease, heartbeats });

  /** Reports that Redis can't be reached or does not answer, after the site that is known without it. */
  function reportLost(): void {
    void site.started.then(() => table.afterSite(() => post({ type: 'redis-lost' })));
  }

  /** Reports once that both the table and the operators' settings were read, or could not be. */
  function reportSynced(): void {
    if (isSynced || !isTableRead || !isHeartbeatDone) return;
    if (table.writer.hosts().length === 0 && !ownHosts.isComplete) return;
    // Nothing is stored, or no host, and others live: their master may be about to publish what they know.
    if (table.writer.hosts().length === 0 && heartbeats.balancers > 1 && !isHostWaitOver) {
      hostWait ??= setTimeout(() => {
        isHostWaitOver = true;
        reportSynced();
      }, HOSTS_WITHIN_MS);
      return;
    }
    isSynced = true;
    void site.started.then(() => table.afterSite(() => post({ type: 'synced' })));
  }

  function upkeep(): void {
    table.upkeep();
    loads.upkeep(table.writer);
    ownHosts.review();
    reportSynced();
    watch.check();
    // Also without a heartbeat: a table that is signed with another key bars at once.
    if (keyWatch.bar !== '') candidacy.check();
  }

  let { certificates } = data;
  const listeners = new EventListeners();
  const events = openFleetEvents(dataAddress, keys, gate, count, log, {
    onElected: sawTerm,
    onReleased: () => lease.send({ type: 'lease-released' }),
    onLeft: (name) => hosts.balancerLeft(name),
    onOperator: () => void sendHeartbeat(),
    // Of two balancers with one name only the owner answers.
    onWhy: (event) => void (heartbeats.hasJoined && why.ask(event)),
    onEvent: (event) => listeners.pass(event),
  });

  ownHosts.name(sourcesOf(config.statics));
  loads.start(table.writer);
  const timers = [setInterval(sendHeartbeat, HEARTBEAT_MS), setInterval(upkeep, UPKEEP_MS)];

  return {
    sight: buildSight({
      ...{ config, columns, clock, count, log, client, keys, signer, ring, gate },
      ...{ table, lease, redis, heartbeats, settings, loads, watch, membership, figures },
      onEvent: listeners.add,
      certificates: () => certificates,
      inForce: () => siteInForce,
    }),
    onMessage: listenToMainThread({
      setCertificates(loaded) {
        certificates = loaded;
      },
      client,
      keys,
      clock,
      count,
      ring,
      gate,
      signer,
      table,
      loads,
      figures,
      ejections,
      limits,
      inband,
      keyWatch,
      why,
      hosts,
      lease,
      heartbeats,
      site,
      secrets,
    }),
    async stop() {
      heartbeats.stop();
      connections.expectLoss();
      for (const timer of timers) clearInterval(timer);
      clearTimeout(hostWait);
      names.stop();
      ownHosts.stop();
      reader.close();
      loads.stop();
      figures.stop();
      let timeout: NodeJS.Timeout | undefined;
      await Promise.race([
        Promise.all([lease.stop().then(() => membership.leave()), site.saved, secrets.saved]),
        new Promise((resolve) => {
          timeout = setTimeout(resolve, LEAVE_TIMEOUT_MS);
        }),
      ]);
      clearTimeout(timeout);
      events.close();
      ownChecks.end();
      table.close();
      hosts.close();
      connections.close();
    },
  };
}
