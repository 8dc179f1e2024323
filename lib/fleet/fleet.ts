// The fleet thread of one balancer: heartbeats, the lease, the local copy of the host table, load messages. Everything
// here may wait for Redis; no request ever waits for this.

import type { MessagePort } from 'node:worker_threads';
import { monotonicClock, SECOND } from '../clock.js';
import type { Log } from '../log.js';
import type { InbandReport } from '../model.js';
import { describeAddress, parseRedisAddress } from '../redis/address.js';
import { openCommands, reasonOf } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';
import { KeyRing } from '../redis/fleet-key.js';
import { createLeaseStore } from '../redis/lease-store.js';
import { MessageGate } from '../redis/message-gate.js';
import { QuietPublisher } from '../redis/quiet-publish.js';
import { encodeReport } from '../redis/report-message.js';
import { changeSettings } from '../redis/settings.js';
import { MessageSigner } from '../redis/sign.js';
import { isPlausibleTerm } from '../redis/term.js';
import { counterOf } from '../table/counters.js';
import { setHighestTerm } from '../table/fleet-cells.js';
import { openTable, WIDE_HEADER } from '../table/layout.js';
import type { FleetThreadData, FleetToHosts, FromFleet, HostsToFleet, ToFleet } from '../thread-messages.js';
import { openFleetEvents } from './fleet-events.js';
import { InbandReports } from './inband-reports.js';
import { KeyWatch } from './key-watch.js';
import { roleOf } from './lease.js';
import { startLeaseDriver } from './lease-driver.js';
import { HEARTBEAT_MS, leaseTimes } from './lease-waits.js';
import { LoadSync } from './load-sync.js';
import { MasterWatch } from './master-watch.js';
import { Membership } from './membership.js';
import { NAME_UNCHECKED, NameWatch } from './name-watch.js';
import { oneAtATime } from './one-at-a-time.js';
import { RedisState } from './redis-state.js';
import { SettingsSync } from './settings-sync.js';
import { OwnChecks } from './own-checks.js';
import { openTableSync } from './table-sync.js';
import { WhyAnswers } from './why-answers.js';

/** Interval at which the median usage is updated and hosts that a new master never named are removed. */
const UPKEEP_MS = 250;

/** Maximum time to leave the fleet: a hanging Redis must not delay the exit. */
const LEAVE_TIMEOUT_MS = 1500;

/** The running fleet thread. */
export interface Fleet {
  onMessage(message: ToFleet): void;
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
  const redis = new RedisState(log, describeAddress(dataAddress));
  let hostsPort = data.hostsPort;
  let hasJoined = false;
  let isStopping = false;
  /** The current master's name in Redis. */
  let masterName: string | null = null;
  let heartbeatsUntilPrune = 0;
  let balancers = 1;
  const sendHeartbeat = oneAtATime(sendOneHeartbeat);

  const clients = addresses.map((address, index) =>
    openCommands(address, {
      onReady: () => {
        // The data's Redis counts as reachable once it accepts a heartbeat.
        if (index === 0) void sendHeartbeat();
        else log('info', 'lease redis is reachable', { redis: describeAddress(address) });
        lease.send({ type: 'redis-ready' });
      },
      onLost: (reason) => {
        if (isStopping) return;
        if (index === 0) {
          post({ type: 'redis-lost' });
          names.onUnknown();
          redis.lost(reason);
        } else {
          log('warn', 'lease redis is not reachable', { redis: describeAddress(address), reason });
        }
      },
    }),
  );
  const [client] = clients as [(typeof clients)[0]];
  const membership = new Membership(client, keys, config, columns, clock, signer);
  const names = new NameWatch({ name: membership.name, clock, count, log, post, sendHeartbeat: () => void sendHeartbeat() });
  const loads = new LoadSync({
    publisher: new QuietPublisher(client, log),
    signer,
    keys,
    config,
    columns,
    clock,
    isHeard: () => membership.name.state === 'ours',
  });
  const inband = new InbandReports(columns.reportedAt, Math.random);
  loads.setClasses(data.classes);
  let [isTableRead, isHeartbeatDone, isSynced] = [false, false, false];
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
    },
    onRead() {
      isTableRead = true;
      reportSynced();
    },
  });
  const keyWatch = new KeyWatch({ clock, log, isKeyed: () => ring.isKeyed, ids: () => ring.ids });
  const ownChecks = new OwnChecks({ table, rules: config.health, tls: config.tls, clock, count, log });
  const watch = new MasterWatch({
    clock,
    log,
    leaseTtlMs: config.leaseTtlMs,
    why: whyNoMaster,
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
      postToHosts(becomeMaster(term, mastership));
      void membership.announce({ kind: 'master-elected', name: config.name, term, mastership });
      void sendHeartbeat();
    },
    onSlave(term, reason) {
      log('info', 'this balancer is slave', { term, reason });
      post({ type: 'role', role: 'slave', term });
      postToHosts({ type: 'become-slave' });
      if (!isStopping) void sendHeartbeat();
    },
    onReleased: (term) => void membership.announce({ kind: 'master-released', name: config.name, term }),
  });

  /** Reports once that both the table and the operators' settings were read, or could not be. */
  function reportSynced(): void {
    if (isSynced || !isTableRead || !isHeartbeatDone) return;
    isSynced = true;
    post({ type: 'synced' });
  }

  /** What the hosts thread needs to take over. */
  function becomeMaster(term: number, mastership: string): FleetToHosts {
    return {
      type: 'become-master',
      term,
      mastership,
      stamp: table.writer.stamp,
      rows: inband.withAgents(table.writer.rows(clock())),
      costs: loads.costs,
    };
  }

  function whyNoMaster(): string {
    if (redis.reason !== '') return `Redis can't be used: ${redis.reason}`;
    if (keyWatch.bar !== '') return keyWatch.bar;
    if (lease.state.barred !== '') return lease.state.barred;
    if (masterName !== null) return `${masterName} is master, but no table of it arrives`;
    return lease.trouble || 'no balancer has become master';
  }

  /** Handles a term from any source; the highest one is stored where it outlives this thread. */
  function sawTerm(term: number, mastership = ''): void {
    const { highestTerm, highestMastership } = lease.state;
    const isNews = term > highestTerm || (term === highestTerm && mastership !== '' && mastership !== highestMastership);
    if (isNews && isPlausibleTerm(term, highestTerm)) lease.send({ type: 'term-seen', term, mastership });
    // Includes a term that this balancer has just taken itself.
    setHighestTerm(columns, lease.state.highestTerm);
  }

  function postToHosts(message: FleetToHosts): void {
    hostsPort.postMessage(message);
  }

  function listenToHosts(port: MessagePort): void {
    port.on('message', (message: HostsToFleet) => {
      if (message.type === 'fenced') sawTerm(message.term);
      else if (message.type === 'unheard') stepDownUnheard(message.term);
      else lease.send({ type: 'write-refused', term: message.term, reason: `the host table can't be published: ${message.reason}` });
    });
  }

  /** Of two balancers with different keys neither is right; of more, the one that no other understands is not. */
  function stepDownUnheard(term: number): void {
    if (balancers < 3 || lease.state.phase !== 'master' || lease.state.term !== term) return;
    log('error', 'no other balancer has the fleet key of this one, or its time: it steps down', { keys: ring.ids.join(',') });
    keyWatch.onUnheard();
    checkBar();
  }

  function checkBar(): void {
    const bar = names.bar === '' ? keyWatch.bar : names.bar;
    if (bar !== lease.state.barred) lease.send({ type: 'bar', reason: bar });
  }

  async function sendOneHeartbeat(): Promise<void> {
    if (isStopping) return;
    const standing = {
      role: roleOf(lease.state),
      term: columns.wideHeader[WIDE_HEADER.highestTerm] as number,
      remembered: settings.remembered,
      noMaster: watch.reason,
      fleetKey: ring.summary,
    };
    const sentAtMs = clock();
    try {
      const fleet = await membership.sendHeartbeat(standing);
      if (isStopping) return;
      lease.send({ type: 'round-trip', ms: clock() - sentAtMs });
      redis.taken(fleet.denied);
      masterName = fleet.master;
      balancers = fleet.order.length;
      inband.balancers = fleet.order.length;
      loads.setBalancers(fleet.order.length);
      names.onHeartbeat();
      checkBar();
      const isNamed = membership.name.state === 'ours';
      if (isNamed) lease.send({ type: 'rank', rank: membership.rankIn(fleet) });
      if (isNamed && !hasJoined) void membership.announce({ kind: 'balancer-joined', name: config.name });
      hasJoined = isNamed;
      sawTerm(fleet.term.term, fleet.term.mastership);
      settings.take(fleet.settings, lease.state.phase === 'master');
      if (standing.role === 'master' && heartbeatsUntilPrune-- <= 0) {
        heartbeatsUntilPrune = 1;
        await membership.prune(fleet.order);
      }
    } catch (error) {
      // A lost connection is logged already; otherwise Redis refuses or does not answer.
      if (client.status === 'ready') redis.refused(reasonOf(error));
      else redis.missed(reasonOf(error));
      // A heartbeat before the connection is up proves nothing.
      if (client.status === 'ready') names.onUnknown();
    }
    isHeartbeatDone ||= client.status === 'ready';
    reportSynced();
  }

  function sendInband(reports: readonly InbandReport[]): void {
    if (client.status !== 'ready') return;
    for (const { slot: _, ...report } of inband.due(reports, clock())) {
      count('inband_published');
      const text = encodeReport({ ...report, intervalMs: SECOND, bye: false, via: 'inband' });
      client.publish(keys.reports, signer.sign(keys.reports, text, 'balancer')).catch(() => undefined);
    }
  }

  function upkeep(): void {
    table.upkeep();
    loads.upkeep(table.writer);
    watch.check();
    // Also without a heartbeat: a table that is signed with another key bars at once.
    if (keyWatch.bar !== '') checkBar();
  }

  const events = openFleetEvents(dataAddress, keys, gate, count, log, {
    onElected: sawTerm,
    onReleased: () => lease.send({ type: 'lease-released' }),
    onOperator: () => void sendHeartbeat(),
    // Of two balancers with one name only the owner answers.
    onWhy: (event) => void (hasJoined && why.ask(event)),
  });

  listenToHosts(hostsPort);
  loads.start(table.writer);
  const timers = [setInterval(sendHeartbeat, HEARTBEAT_MS), setInterval(upkeep, UPKEEP_MS)];

  return {
    onMessage(message) {
      switch (message.type) {
        case 'verdict':
          table.rebuild();
          break;
        case 'hosts-known':
          table.admitKnown();
          break;
        case 'inband-reports':
          sendInband(message.reports);
          break;
        case 'why-answer':
          why.answer(message.token, message.answer);
          break;
        case 'slot-released':
          table.writer.release(message.slot);
          break;
        case 'classes':
          loads.setClasses(message.classes);
          break;
        case 'fleet-key':
          ring.replace('--fleet-key', message.text);
          gate.onKeys();
          keyWatch.onKeys();
          table.readAgain();
          void sendHeartbeat();
          break;
        case 'hosts-port':
          hostsPort = message.port;
          listenToHosts(hostsPort);
          // The hosts thread was restarted and must know that this balancer is master.
          if (lease.state.phase === 'master') {
            postToHosts(becomeMaster(lease.state.term, lease.state.mastership));
          }
          break;
        case 'resign':
          void lease.stop();
          break;
        case 'stop':
          break;
      }
    },
    async stop() {
      isStopping = true;
      for (const timer of timers) clearInterval(timer);
      names.stop();
      loads.stop();
      let timeout: NodeJS.Timeout | undefined;
      await Promise.race([
        lease.stop().then(() => membership.leave()),
        new Promise((resolve) => {
          timeout = setTimeout(resolve, LEAVE_TIMEOUT_MS);
        }),
      ]);
      clearTimeout(timeout);
      events.close();
      ownChecks.end();
      table.close();
      hostsPort.close();
      for (const each of clients) each.disconnect();
    },
  };
}
