// One balancer: the composition root of its three threads. Client requests stay in this thread; the fleet and hosts
// threads start last, and everything stops in reverse order. Invariant: no part uses one that is created after it; a
// part that must talk to a thread before that thread starts gets an outbox.

import { randomInt, randomUUID } from 'node:crypto';
import { prepareRequests } from './balancer-requests.js';
import { startThreads } from './balancer-threads.js';
import { monotonicClock } from './clock.js';
import { type BalancerConfig, consolePortOf, formatDuration, machineName, reachableAddress } from './config/config.js';
import { openKeyFile } from './config/key-file.js';
import { readOtlpHeaders } from './config/otlp.js';
import { dashboardFiles } from './console/dashboard/files.js';
import { healthPages, type HealthFacts } from './console/health.js';
import { guardReports } from './console/guard-reports.js';
import { PageExchanges } from './console/page-bridge.js';
import { startConsole } from './console/server.js';
import { readConsoleToken } from './console/token.js';
import { type Lookup, systemLookup } from './health/host-addresses.js';
import { MeercatError } from './errors.js';
import { type FleetState, listenToFleet } from './fleet-listener.js';
import { readHostTls } from './health/host-tls.js';
import type { Log } from './log.js';
import type { Role } from './model.js';
import { watchLoopLag } from './loop-lag.js';
import { Outbox } from './outbox.js';
import { releaseStartMemory } from './release-memory.js';
import { Random } from './routing/random.js';
import { createShutdown } from './shutdown.js';
import { StartGate } from './start-gate.js';
import { counterOf } from './table/counters.js';
import { createTable, HEADER, openTable, WIDE_HEADER } from './table/layout.js';
import { readStamp } from './table/stamp.js';
import { setConnections, setLoopLag } from './table/traffic-cells.js';
import type { ThreadConfig, ToFleet } from './thread-messages.js';
import { type KeepThread, keepThread } from './threads.js';
import { openAccessLog } from './traffic/log/access-log.js';
import { Deadlines } from './deadlines.js';
import { readSiteSource } from './config/site-source.js';
import { healthRulesOf } from './config/traffic-config.js';
import { startMemoryGuard } from './traffic/request/memory-guard.js';
import { startTraffic } from './traffic/server.js';
import { openTlsContexts } from './traffic/client/tls-contexts.js';
import { readVersion } from './version.js';

/** How often request classes are recomputed, and what changes slowly is told to the fleet thread. */
const TURN_MS = 1000;

/** A running balancer. */
export interface Balancer {
  readonly name: string;
  readonly port: number;
  readonly consolePort: number;
  /** This balancer's current role in the fleet. */
  readonly role: Role;
  /** Reloads the certificates; open connections keep theirs. Throws MEERCAT_BAD_CONFIG and keeps the old ones if the new ones are invalid. */
  reloadTls(): void;
  /** Reads the file with the fleet key again, which also happens by itself when it changes. Throws MEERCAT_BAD_CONFIG and keeps the old keys if the new ones are invalid. */
  reloadFleetKey(): void;
  /** Reopens the access log after rotation. */
  reopenLogs(): void;
  /** Reports not ready and releases the lease; after the drain delay, stops accepting, finishes requests in flight and leaves the fleet. */
  stop(): Promise<void>;
}

/** A running balancer that also exposes its shared table, to measure its freshness. */
export interface MeasurableBalancer extends Balancer {
  readonly table: SharedArrayBuffer;
}

/**
 * Starts a balancer. It serves as soon as this resolves, with or without Redis. Rejects with
 * MEERCAT_PORT_TAKEN, MEERCAT_NAME_TAKEN, MEERCAT_START_FAILED or MEERCAT_BAD_CONFIG (a file that can't be read); `config` must have passed `checkRelations`.
 * @param keep starts the fleet and hosts threads; tests of other things hand in one that is cheap to start
 * @param lookup finds the addresses of hosts that have names
 */
export async function startBalancer(
  config: BalancerConfig,
  log: Log,
  keep: KeepThread = keepThread,
  lookup: Lookup = systemLookup,
): Promise<MeasurableBalancer> {
  const hostTls = readHostTls(config);
  const token = readConsoleToken(config);
  const fleetKey = openKeyFile({ flag: '--fleet-key', file: config.fleetKeyFile, kinds: ['fleet'] }, log);
  const site = await readSiteSource(config);
  const table = createTable();
  const columns = openTable(table);
  const count = counterOf(columns.counters);
  const clock = monotonicClock();
  // Routing needs no cryptographic randomness, but no two balancers may share a sequence.
  const random = new Random(randomInt(2 ** 31));
  const shutdown = createShutdown((error) => log('error', 'a part did not stop', { reason: String(error) }));
  shutdown.add(() => fleetKey.close());
  const state: FleetState = { role: 'slave', settings: {}, pools: [], site: null, secret: '' };
  let isStopping = false;
  const toFleet = new Outbox<ToFleet>();

  const instance = randomUUID();
  if (hostTls.isInsecure) log('warn', 'certificates of hosts are NOT verified: --host-insecure is set', {});
  const tls = config.tlsCerts.length === 0 ? undefined : openTlsContexts(config.tlsCerts, config.tlsKeys);
  const accessLog = openAccessLog(config.accessLog, config.accessLogFile, log, () => count('access_log_dropped'), config.processes > 1);
  if (accessLog !== undefined) shutdown.add(() => accessLog.close());
  const memory = startMemoryGuard(config.memoryLimit);
  shutdown.add(() => memory.stop());
  const deadlines = new Deadlines(clock);
  shutdown.add(() => deadlines.stop());
  const { hosts, siteSwitch, explainer, slowest } = prepareRequests({
    config,
    columns,
    clock,
    count,
    random,
    deadlines,
    memory,
    accessLog,
    tls: hostTls,
    lookup,
    instance,
    toFleet,
    log,
    shutdown,
  });

  const context = siteSwitch.defaultContext;
  const gate = new StartGate();
  shutdown.add(() => gate.close());

  let port = config.port;
  let isListening = false;
  const nameOf = (): string => (config.name === '' ? `${machineName()}-${port}` : config.name);
  const standing = (): HealthFacts => {
    const known = hosts.known();
    return {
      name: nameOf(),
      role: state.role,
      term: columns.wideHeader[WIDE_HEADER.highestTerm] as number,
      table: readStamp(columns.wideHeader),
      inflight: columns.header[HEADER.inflight] as number,
      isStopping,
      waitingFor: isListening ? gate.waitingFor : 'the port for clients is not open yet',
      hosts: known.length,
      hostsTakenOut: known.filter(({ slot }) => columns.operator[slot] !== 0).length,
      ...siteSwitch.standing(),
    };
  };
  const closeAll = async (error: unknown): Promise<never> => {
    await shutdown.run();
    throw error;
  };
  // Before the client port: a failed start must not have accepted clients.
  const bridge = new PageExchanges((message) => toFleet.post(message));
  const console = await startConsole({
    port: consolePortOf(config),
    bind: config.consoleBind,
    token,
    pages: healthPages(standing),
    files: dashboardFiles(),
    bridge,
    clock,
    reports: guardReports(count, log, clock),
  }).catch(closeAll);
  shutdown.add(() => console.close());
  const traffic = await startTraffic({
    port: config.port,
    bind: config.bind,
    isPortShared: config.isPortShared,
    config,
    context,
    deadlines,
    tls,
    log,
  }).catch(closeAll);
  port = traffic.port;
  isListening = true;
  const name = nameOf();

  const threadConfig: ThreadConfig = {
    name,
    url: `${tls === undefined ? 'http' : 'https'}://${reachableAddress(config.bind)}:${traffic.port}`,
    version: readVersion(),
    instance,
    joinedAtMs: Date.now(),
    redis: config.redis,
    namespace: config.namespace,
    leaseTtlMs: config.leaseTtlMs,
    algorithm: config.algorithm,
    statics: config.statics,
    site,
    dnsServers: config.dnsServers,
    health: healthRulesOf(config),
    tls: hostTls,
    otlp: config.otlpEndpoint === '' ? null : { url: config.otlpEndpoint, headers: readOtlpHeaders(config.otlpHeaders) },
  };

  const giveFleetKey = startThreads({
    entries: { fleet: new URL('./fleet-entry.js', import.meta.url), hosts: new URL('./hosts/thread.js', import.meta.url) },
    keep,
    table,
    config: threadConfig,
    fleetKey: () => fleetKey.text,
    toFleet,
    count,
    log,
    shutdown,
    present: () => ({
      known: hosts.known(),
      leaving: hosts.leaving(),
      pools: state.pools,
      classes: siteSwitch.namedClasses(),
      settings: state.settings,
      site: state.site,
      secret: state.secret,
      certificates: tls?.expiries ?? [],
      hasResigned: isStopping,
    }),
    onFleetMessage: listenToFleet({
      state,
      hosts,
      explainer,
      gate,
      siteSwitch,
      toFleet,
      pages: bridge,
      log,
    }),
    onFleetDeath() {
      bridge.onThreadDeath();
      state.role = 'slave';
      gate.onThreadDeath();
    },
  });
  fleetKey.watch(giveFleetKey);
  const loopLag = watchLoopLag();
  shutdown.add(() => loopLag.close());
  const turnTimer = setInterval(() => {
    setConnections(columns, traffic.connections, traffic.http2Connections);
    setLoopLag(columns, loopLag.take());
    const requests = slowest.take();
    if (requests.length > 0) toFleet.post({ type: 'slowest', requests });
    siteSwitch.releaseGone();
    const changes = siteSwitch.turnClasses(clock());
    for (const [id] of changes) hosts.turns.forgetClass(id);
    if (changes.length > 0) toFleet.post({ type: 'classes', classes: changes });
  }, TURN_MS);
  shutdown.add(() => clearInterval(turnTimer));
  shutdown.add(async () => {
    isStopping = true;
    // The next master takes over now, not after the last request.
    toFleet.post({ type: 'resign' });
    // A balancer that never served has no clients to drain.
    if (config.drainDelayMs > 0 && gate.isOpen) {
      log('info', 'not ready any more; requests are still accepted', { for: formatDuration(config.drainDelayMs) });
      await new Promise((resolve) => setTimeout(resolve, config.drainDelayMs));
    }
    const left = await traffic.drain(config.drainTimeoutMs);
    context.tracer?.flush();
    if (left > 0) log('warn', 'requests were still in flight when the time was up', { requests: left });
  });

  releaseStartMemory();
  const holder = await gate.opened;
  if (holder !== null) {
    await shutdown.run();
    throw new MeercatError(
      'MEERCAT_NAME_TAKEN',
      `--name: another balancer of this fleet has the name ${name} (${holder}): give each its own`,
    );
  }
  await traffic.open().catch(closeAll);
  log('info', 'serving', {
    url: threadConfig.url,
    console: `http://${reachableAddress(config.consoleBind)}:${console.port}`,
    algorithm: config.algorithm,
  });
  if (memory.isOver) log('warn', 'the process takes more than 95 % of its memory already: requests are refused (--memory-limit)', {});
  return {
    name,
    port: traffic.port,
    consolePort: console.port,
    get role() {
      return state.role;
    },
    table,
    reloadTls() {
      if (tls === undefined) return;
      tls.reload();
      toFleet.post({ type: 'certificates', certificates: tls.expiries });
      log('info', 'the certificates were reloaded', {});
    },
    reloadFleetKey: () => fleetKey.reload(),
    reopenLogs: () => accessLog?.reopen(),
    stop: () => shutdown.run(),
  };
}
