// One balancer: the composition root of its three threads. Clients' requests stay in this thread; the
// fleet and hosts threads are started here, and stopped in reverse.

import { randomInt, randomUUID } from 'node:crypto';
import { MessageChannel } from 'node:worker_threads';
import { monotonicClock } from './clock.js';
import { type BalancerConfig, machineName, reachableAddress } from './config/config.js';
import { startConsole } from './console/health.js';
import { type Lookup, systemLookup } from './health/host-addresses.js';
import { MeercatError } from './errors.js';
import { readHostTls } from './health/host-tls.js';
import type { Log } from './log.js';
import type { Role } from './model.js';
import { createPolicy } from './routing/policy.js';
import { probeHost } from './health/probe-host.js';
import { releaseStartMemory } from './release-memory.js';
import { Random } from './routing/random.js';
import { RequestClasses } from './routing/request-classes.js';
import { RetryBudget } from './routing/retry-budget.js';
import { createShutdown } from './shutdown.js';
import { StartGate } from './start-gate.js';
import { counterOf } from './table/counters.js';
import { createTable, HEADER, openTable, WIDE_HEADER } from './table/layout.js';
import { TableReader } from './table/reader.js';
import { readStamp } from './table/stamp.js';
import type { FleetThreadData, FromFleet, FromHosts, HostsThreadData, ThreadConfig, ToFleet, ToHosts } from './thread-messages.js';
import { type KeepThread, keepThread } from './threads.js';
import { openAccessLog } from './traffic/log/access-log.js';
import { Deadlines } from './deadlines.js';
import type { ExchangeContext } from './traffic/request/exchange.js';
import { createPickLog, Explainer } from './traffic/request/explainer.js';
import { healthRulesOf } from './config/traffic-config.js';
import { HostPool } from './traffic/host/host-pool.js';
import { LoadHeaders } from './traffic/host/load-headers.js';
import { startMemoryGuard } from './traffic/request/memory-guard.js';
import { startTraffic } from './traffic/server.js';
import { openTlsContexts } from './traffic/client/tls-contexts.js';
import { readVersion } from './version.js';

/** How often requests are sorted into classes anew. */
const TURN_MS = 1000;

/** A running balancer. */
export interface Balancer {
  readonly name: string;
  readonly port: number;
  readonly consolePort: number;
  /** What this balancer is in the fleet now. */
  readonly role: Role;
  /** The shared table; for those who measure how fresh it is. */
  readonly table: SharedArrayBuffer;
  /** Reads the certificates anew; connections that are open keep theirs. Throws MEERCAT_BAD_CONFIG and keeps the old ones when they are wrong. */
  reloadTls(): void;
  /** Opens the access log anew, after its file was moved away. */
  reopenLogs(): void;
  /** Stops accepting, finishes what is in flight, releases the lease, leaves the fleet. */
  stop(): Promise<void>;
}

/**
 * Starts a balancer. It serves as soon as this resolves, with or without Redis. Rejects with
 * MEERCAT_PORT_TAKEN, MEERCAT_NAME_TAKEN, MEERCAT_START_FAILED or MEERCAT_BAD_CONFIG (a file that can't be read); `config` must have passed `checkBalancerConfig`.
 * @param keep starts the fleet and hosts threads; tests of other things hand in one that is cheap to start
 * @param lookup finds the addresses of hosts that have names
 */
export async function startBalancer(config: BalancerConfig, log: Log, keep: KeepThread = keepThread, lookup: Lookup = systemLookup): Promise<Balancer> {
  const hostTls = readHostTls(config);
  const table = createTable();
  const columns = openTable(table);
  const count = counterOf(columns.counters);
  const clock = monotonicClock();
  // Routing needs no secrets, but no two balancers may have the same stream.
  const random = new Random(randomInt(2 ** 31));
  const shutdown = createShutdown((error) => log('error', 'a part did not stop', { reason: String(error) }));
  let role: Role = 'slave';
  let isStopping = false;
  let settings: Readonly<Record<string, string>> = {};

  const instance = randomUUID();
  if (hostTls.isInsecure) log('warn', 'certificates of hosts are NOT verified: --host-insecure is set', {});
  const tls = config.tlsCerts.length === 0 ? undefined : openTlsContexts(config.tlsCerts, config.tlsKeys);
  const accessLog = openAccessLog(config.accessLog, config.accessLogFile, () => count('access_log_dropped'), config.processes > 1);
  if (accessLog !== undefined) shutdown.add(() => accessLog.close());
  const memory = startMemoryGuard(config.memoryLimit);
  shutdown.add(() => memory.stop());
  const deadlines = new Deadlines(clock);
  shutdown.add(() => deadlines.stop());
  const pool = new HostPool({
    columns,
    clock,
    count,
    deadlines,
    rules: config,
    tls: hostTls,
    probe: probeHost,
    lookup,
    events: {
      onVerdict: () => fleet?.post({ type: 'verdict' }),
      onReleased: (slot) => fleet?.post({ type: 'slot-released', slot }),
      onEjection: (host, what, reason) => log(what === 'back' ? 'info' : 'warn', `host ${what}`, { host, reason }),
      onAddresses: (host, addresses) => log('info', 'the name of a host has other addresses', { host, addresses: addresses.join(' ') }),
      onLookupFailed: (host, reason) => log('warn', 'the name of a host can\'t be looked up: the addresses known so far are used', { host, reason }),
    },
  });
  const classes = new RequestClasses(randomInt(2 ** 31));
  const loads = new LoadHeaders({ clock, count, isKept: config.isLoadHeaderKept, onReports: (reports) => fleet?.post({ type: 'inband-reports', reports }) });
  shutdown.add(() => loads.stop());
  // Picks are kept only where the access log tells the ids to ask for them.
  const picks = accessLog === undefined ? undefined : createPickLog(columns);
  const context: ExchangeContext = {
    classes,
    costs: columns,
    view: new TableReader(columns, config.slowStartMs, config.hostMaxInflight),
    pool,
    clock,
    count,
    timeouts: config,
    // Tells this process from all others, and nothing else.
    pseudonym: `meercat-${instance.slice(0, 8)}`,
    loads,
    tunnels: new Set(),
    budget: new RetryBudget(config.retryBudgetPercent),
    memory,
    accessLog,
    ids: picks && { log: picks, prefix: instance.slice(0, 8) },
    policy: createPolicy(config.algorithm, random, picks),
  };
  const explainer = new Explainer({ context, columns, random: new Random(randomInt(2 ** 31)), clock });

  const traffic = await startTraffic({ port: config.port, bind: config.bind, isPortShared: config.isPortShared, config, context, deadlines, tls, log }).catch(async (error: unknown) => {
    pool.close();
    await shutdown.run();
    throw error;
  });
  shutdown.add(() => pool.close());
  const name = config.name === '' ? `${machineName()}-${traffic.port}` : config.name;

  const health = (): ReturnType<Parameters<typeof startConsole>[1]> => ({
    status: isStopping ? 'stopping' : 'serving',
    name,
    role,
    term: columns.wideHeader[WIDE_HEADER.highestTerm] as number,
    table: readStamp(columns.wideHeader),
    hosts: pool.known().length,
    inflight: columns.header[HEADER.inflight] as number,
  });
  const console = await startConsole(config.consolePort, health).catch(async (error: unknown) => {
    await traffic.drain(0);
    await shutdown.run();
    throw error;
  });
  shutdown.add(() => console.close());

  const threadConfig: ThreadConfig = {
    name,
    url: `${tls === undefined ? 'http' : 'https'}://${reachableAddress(config.bind)}:${traffic.port}`,
    version: readVersion(),
    instance,
    joinedAtMs: Date.now(),
    redis: config.redis,
    namespace: config.namespace,
    leaseTtlMs: config.leaseTtlMs,
    statics: config.statics,
    health: healthRulesOf(config),
    tls: hostTls,
  };

  // The fleet and hosts threads talk on a channel of their own; when one is started again, both get a new one.
  const ports = new MessageChannel();
  const gate = new StartGate(config.statics.length > 0);
  const hosts = keep<ToHosts, FromHosts>({
    entry: new URL('./hosts/thread.js', import.meta.url),
    start(isAgain) {
      const { port1, port2 } = isAgain ? new MessageChannel() : ports;
      if (isAgain) fleet.post({ type: 'hosts-port', port: port1 }, [port1]);
      const data: HostsThreadData = { table, config: threadConfig, fleetPort: port2 };
      return { data, transfer: [port2] };
    },
    onMessage: (message) => {
      if (message.type === 'log') log(...message.line);
    },
    onDeath(reason) {
      count('hosts_thread_restarts');
      log('error', 'the hosts thread died and is started again', { reason });
    },
    stopMessage: { type: 'stop' },
  });
  shutdown.add(() => hosts.stop());

  const fleet = keep<ToFleet, FromFleet>({
    entry: new URL('./fleet/thread.js', import.meta.url),
    start(isAgain) {
      const { port1, port2 } = isAgain ? new MessageChannel() : ports;
      if (isAgain) hosts.post({ type: 'fleet-port', port: port2 }, [port2]);
      const data: FleetThreadData = { table, config: threadConfig, known: pool.known(), leaving: pool.leaving(), classes: classes.named(), settings, hostsPort: port1, hasResigned: isStopping };
      return { data, transfer: [port1] };
    },
    onMessage: onFleetMessage,
    onDeath(reason) {
      count('fleet_thread_restarts');
      log('error', 'the fleet thread died and is started again; routing goes on', { reason });
      role = 'slave';
      gate.onThreadDeath();
    },
    stopMessage: { type: 'stop' },
  });
  shutdown.add(() => fleet.stop());
  shutdown.add(async () => {
    isStopping = true;
    // The next master takes over now, not when the last request is done.
    fleet.post({ type: 'resign' });
    const left = await traffic.drain(config.drainTimeoutMs);
    if (left > 0) log('warn', 'requests were still in flight when the time was up', { requests: left });
  });

  function onFleetMessage(message: FromFleet): void {
    switch (message.type) {
      case 'hosts':
        for (const { slot } of message.removed) pool.remove(slot);
        for (const host of message.added) {
          pool.add(host);
          explainer.hostCame(host);
        }
        if (message.added.length === 0) break;
        fleet.post({ type: 'hosts-known' });
        gate.onAnnounced();
        break;
      case 'listed':
        gate.onListed();
        break;
      case 'synced':
        gate.onSynced();
        break;
      case 'name-checked':
        gate.onNameChecked();
        break;
      case 'name-taken':
        gate.onNameTaken(message.holder);
        break;
      case 'role':
        role = message.role;
        break;
      case 'settings': {
        settings = message.fields;
        // What an operator sets for the fleet wins over this balancer's flag.
        const algorithm = message.algorithm ?? config.algorithm;
        if (algorithm === context.policy.algorithm) break;
        context.policy = createPolicy(algorithm, random, picks);
        log('info', 'the algorithm is set for the whole fleet', { algorithm });
        break;
      }
      case 'why':
        fleet.post({ type: 'why-answer', token: message.token, answer: explainer.answer(message.question) });
        break;
      case 'host-ejected':
        // An operator has ejected the host: its requests in flight end here.
        pool.endAll(message.slot);
        break;
      case 'log':
        log(...message.line);
        break;
      case 'stopped':
    }
  }

  const turnTimer = setInterval(() => {
    const changes = classes.turn(clock());
    for (const { id } of changes) pool.forgetClass(id);
    if (changes.length > 0) fleet.post({ type: 'classes', classes: changes.map(({ id, name: className }) => [id, className]) });
  }, TURN_MS);
  shutdown.add(() => clearInterval(turnTimer));

  releaseStartMemory();
  const holder = await gate.opened;
  if (holder !== null) {
    await shutdown.run();
    throw new MeercatError('MEERCAT_NAME_TAKEN', `--name: another balancer of this fleet has the name ${name} (${holder}): give each its own`);
  }
  await traffic.open().catch((error: unknown) => shutdown.run().then(() => Promise.reject(error)));
  log('info', 'serving', { url: threadConfig.url, console: `http://127.0.0.1:${console.port}`, algorithm: config.algorithm });
  return {
    name,
    port: traffic.port,
    consolePort: console.port,
    get role() {
      return role;
    },
    table,
    reloadTls() {
      if (tls === undefined) return;
      tls.reload();
      log('info', 'the certificates were read anew', {});
    },
    reopenLogs: () => accessLog?.reopen(),
    stop: () => shutdown.run(),
  };
}
