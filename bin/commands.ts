// What each command does once its flags are read: check what belongs together, start it, see to its end.
// Each part of lib is loaded by the command that needs it.

import { fileURLToPath } from 'node:url';
import { checkFleet, checkHostNames, defaultHostName, parsePort } from '../lib/config/config.js';
import type { Agent } from '../lib/agent/agent.js';
import type { OperatorAction } from '../lib/console/operator.js';
import { MeercatError, messageOf } from '../lib/errors.js';
import type { BenchFlags } from '../lib/lab/context.js';
import { captureConsole } from '../lib/library-output.js';
import { createLog, type Log, type LogLevel } from '../lib/log.js';
import { type Algorithm, ALGORITHMS, type StaticHost } from '../lib/model.js';
import { isName, NAME_RULE } from '../lib/redis/names.js';
import { openServiceManager } from '../lib/service-manager.js';
import { createShutdown, type Shutdown, stopOnSignals } from '../lib/shutdown.js';
import type { UnknownVariable } from './flag.js';

/** The command line itself, which child processes run. */
export const ENTRY = fileURLToPath(new URL('./meercat.js', import.meta.url));

/** Demo hosts of `up` when nothing is said of hosts. */
export const DEMO_HOSTS = 3;

/** Where an agent answers HAProxy's agent checks by default. */
export const AGENT_CHECK_BIND = '127.0.0.1';

interface UpFlags {
  readonly balancers: number;
  readonly hosts?: number;
  readonly port: number;
  readonly redis?: string;
  readonly namespace: string;
  readonly algorithm: Algorithm;
  readonly host?: StaticHost[];
  readonly fleetKey?: string;
  readonly logLevel: LogLevel;
}

/** `meercat up`. */
export async function runUp(flags: UpFlags): Promise<void> {
  const { startLocalFleet } = await import('../lib/up/local-fleet.js');
  const { showFleet } = await import('../lib/console/live.js');
  checkFleet(flags.redis === undefined ? [] : [flags.redis], flags.namespace);
  checkHostNames(flags.host ?? []);
  if (flags.hosts !== undefined && flags.host !== undefined)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      '--hosts and --host exclude each other: --hosts starts demo hosts, --host balances one that runs already; leave one of them out',
    );
  const lines: string[] = [];
  const shutdown = createShutdown(() => undefined);
  let isStopping = false;
  let onLine = (line: string): void => {
    lines.push(line);
  };
  const log: Log = (level, message) => {
    if (level === 'warn' || level === 'error') onLine(message);
  };
  // Whoever closes the terminal has seen enough.
  stopOnSignals(shutdown, log, { signals: ['SIGINT', 'SIGTERM', 'SIGHUP'] });
  stopWithoutReader(shutdown);
  captureConsole((level, message, fields) => log(level, `${message}: ${String(fields?.text)}`));
  // Before anything is started: a balancer of the fleet does not speak for all of it.
  const manager = openServiceManager(log);
  process.stderr.write('meercat: starting the fleet …\n');
  // A signal during the start: what is up so far is stopped as soon as the start is through.
  const starting = startLocalFleet(
    {
      balancers: flags.balancers,
      hosts: flags.hosts ?? DEMO_HOSTS,
      port: flags.port,
      redis: flags.redis ?? null,
      namespace: flags.namespace,
      algorithm: flags.algorithm,
      statics: flags.host ?? [],
      fleetKeyFile: flags.fleetKey ?? '',
      logLevel: flags.logLevel,
      entry: ENTRY,
    },
    { onLine: (line) => onLine(line) },
    log,
  );
  shutdown.add(() => {
    isStopping = true;
    return starting.then(
      (fleet) => fleet.stop(),
      () => undefined,
    );
  });
  shutdown.add(() => manager.stopping('stopping'));
  const fleet = await starting;
  if (isStopping) return;
  manager.ready(`${flags.balancers} balancers from port ${flags.port} on`);
  const show = showFleet(fleet, process.stdout);
  for (const line of lines) show.onLine(line);
  onLine = (line) => show.onLine(line);
  shutdown.add(() => show.stop());
}

/**
 * Stops in order when nobody reads the output any more, as after `meercat up | head`: a fleet that was started to be
 * looked at must not go on unseen. A full disk behind the output costs lines alone.
 */
function stopWithoutReader(shutdown: Shutdown): void {
  let isClosed = false;
  process.stdout.removeAllListeners('error').on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE' || isClosed) return;
    isClosed = true;
    process.stderr.write('meercat: nobody reads the output any more: stopping the fleet …\n');
    void shutdown.run().then(() => process.exit(0));
  });
}

/** Warns of variables that are set and mean nothing: a setting with a typo is not in force. */
export function warnOf(unknown: readonly UnknownVariable[], log: Log): void {
  for (const { variable, nearest } of unknown)
    log('warn', 'a variable is not known and is ignored', { variable, ...(nearest !== undefined && { nearest }) });
}

interface AgentFlags {
  readonly agentKey?: string;
  readonly redis: string;
  readonly namespace: string;
  readonly url: string;
  readonly name?: string;
  readonly interval: number;
  readonly probe: string;
  readonly cores?: number;
  readonly listenAgentCheck?: number;
  readonly agentCheckBind?: string;
  readonly logLevel: LogLevel;
}

/** What an agent answers to the signals that mean something to a balancer. */
const NOTHING_TO_DO = [
  ['SIGUSR1', 'nothing to restart'],
  ['SIGUSR2', 'nothing to reopen'],
] as const;

/** `meercat agent`. */
export async function runAgent(flags: AgentFlags, unknown: readonly UnknownVariable[]): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const name = flags.name ?? defaultHostName(flags.url);
  if (!isName(name)) throw new MeercatError('MEERCAT_BAD_CONFIG', `--name: ${NAME_RULE}`);
  const { listenAgentCheck: port, agentCheckBind: bind } = flags;
  if (bind !== undefined && port === undefined)
    throw new MeercatError('MEERCAT_BAD_CONFIG', '--agent-check-bind needs --listen-agent-check PORT: without it nothing is listened on');
  const log = createLog(flags.logLevel, name);
  warnOf(unknown, log);
  captureConsole(log);
  process.on('SIGHUP', () => {
    if (flags.agentKey === undefined) log('info', 'nothing to reload', { signal: 'SIGHUP' });
    else
      void starting.then(
        (agent) => reloadKey(agent, log),
        () => undefined,
      );
  });
  for (const [signal, message] of NOTHING_TO_DO) process.on(signal, () => log('info', message, { signal }));
  const { startAgent } = await import('../lib/agent/agent.js');
  const shutdown = createShutdown((error) => log('error', 'a part did not stop', { reason: messageOf(error) }));
  const starting = startAgent(
    {
      redis: flags.redis,
      namespace: flags.namespace,
      name,
      url: flags.url,
      agentKeyFile: flags.agentKey ?? '',
      intervalMs: flags.interval,
      probe: flags.probe,
      coresLimit: flags.cores,
      agentCheck: port === undefined ? undefined : { port, bind: bind ?? AGENT_CHECK_BIND },
      onGone: () => void shutdown.run().then(() => process.exit(1)),
    },
    log,
  );
  shutdown.add(() =>
    starting.then(
      (agent) => agent.stop(),
      () => undefined,
    ),
  );
  const manager = openServiceManager(log);
  shutdown.add(() => manager.stopping('saying goodbye'));
  stopOnSignals(shutdown, log);
  await starting;
  manager.ready(`reporting ${name}`);
}

function reloadKey(agent: Agent, log: Log): void {
  try {
    agent.reloadKey();
  } catch (error) {
    log('error', 'the key could not be read again: the old one stays', { reason: messageOf(error) });
  }
}

interface StatusFlags {
  readonly fleetKey?: string;
  readonly redis: string;
  readonly namespace: string;
  readonly watch: boolean;
  readonly json: boolean;
  readonly costs: boolean;
}

/** `meercat status`. */
export async function runStatus(flags: StatusFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const { printStatus } = await import('../lib/console/status.js');
  const abort = new AbortController();
  process.on('SIGINT', () => abort.abort());
  process.on('SIGTERM', () => abort.abort());
  await printStatus(
    {
      redis: flags.redis,
      namespace: flags.namespace,
      fleetKeyFile: flags.fleetKey,
      isWatching: flags.watch,
      isJson: flags.json,
      isCosts: flags.costs,
    },
    process.stdout,
    abort.signal,
  );
}

/** `meercat restart`. */
export async function runRestart(flags: Omit<StatusFlags, 'watch' | 'costs'>): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const { restartFleet } = await import('../lib/console/restart.js');
  await restartFleet({ redis: flags.redis, namespace: flags.namespace, fleetKeyFile: flags.fleetKey, isJson: flags.json }, process.stdout);
}

interface OperatorFlags {
  readonly fleetKey?: string;
  readonly redis: string;
  readonly namespace: string;
  readonly json: boolean;
}

/** `meercat drain`, `undrain` and `eject`. */
export async function runOperator(action: OperatorAction, host: string, flags: OperatorFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const shown = JSON.stringify(host.slice(0, 80));
  if (!isName(host)) throw new MeercatError('MEERCAT_BAD_CONFIG', `${shown} can't be the name of a host: ${NAME_RULE}`);
  const { operate } = await import('../lib/console/operator.js');
  await operate(
    { action, host, redis: flags.redis, namespace: flags.namespace, fleetKeyFile: flags.fleetKey, isJson: flags.json },
    process.stdout,
  );
}

/** What stands for each balancer's own algorithm. */
const OWN_ALGORITHM = 'own';

/** `meercat algorithm`. */
export async function runAlgorithm(name: string, flags: OperatorFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const algorithm = name === OWN_ALGORITHM ? null : ALGORITHMS.find((each) => each === name);
  if (algorithm === undefined)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `${JSON.stringify(name.slice(0, 80))} is no algorithm: ${ALGORITHMS.join(', ')}, or ${OWN_ALGORITHM} for that of each balancer`,
    );
  const { setAlgorithm } = await import('../lib/console/operator.js');
  await setAlgorithm(
    { algorithm, redis: flags.redis, namespace: flags.namespace, fleetKeyFile: flags.fleetKey, isJson: flags.json },
    process.stdout,
  );
}

interface WhyFlags extends OperatorFlags {
  readonly balancer?: string;
}

/** `meercat why`. */
export async function runWhy(what: string, path: string | undefined, flags: WhyFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const { askWhy, readQuestion } = await import('../lib/console/why.js');
  const question = readQuestion(what, path, flags.balancer);
  if ('method' in question && path !== undefined && question.method !== what)
    process.stderr.write(`meercat: ${what} is taken as ${question.method}: methods of HTTP are case-sensitive\n`);
  await askWhy(
    {
      question,
      balancer: flags.balancer,
      redis: flags.redis,
      namespace: flags.namespace,
      fleetKeyFile: flags.fleetKey,
      isJson: flags.json,
    },
    process.stdout,
  );
}

interface BenchmarkFlags extends BenchFlags {
  readonly json?: true | string;
}

/** `meercat bench`. */
export async function runBenchmark(name: string, { json, ...flags }: BenchmarkFlags): Promise<void> {
  const { runBench } = await import('../lib/lab/bench.js');
  process.exitCode = await runBench({ name, flags, json: json ?? false, entry: ENTRY });
}

/** A demo host of `meercat up`; it tells its port to its parent. */
export async function runDemoHost(flags: { readonly name: string; readonly port: string }): Promise<void> {
  const { startDemoHost } = await import('../lib/up/demo-host.js');
  const shutdown = createShutdown(() => undefined);
  const host = await startDemoHost(flags.name, parsePort('--port', flags.port));
  shutdown.add(() => host.close());
  stopOnSignals(shutdown, () => undefined);
  process.send?.({ port: host.port });
}

/** The Redis in JavaScript of `meercat up`. */
export async function runEmbedded(flags: { readonly port: string }): Promise<void> {
  const { runEmbeddedRedis } = await import('../lib/up/local-server.js');
  const shutdown = createShutdown(() => undefined);
  stopOnSignals(shutdown, () => undefined);
  await runEmbeddedRedis(parsePort('--port', flags.port));
}
