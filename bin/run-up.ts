// `meercat up` once its flags are read: a whole fleet on this machine, shown until somebody stops it or stops reading.
// What is stopped during the start ends as soon as the start is through.

import { checkFleet, checkHostNames } from '../lib/config/config.js';
import { MeercatError } from '../lib/errors.js';
import { captureConsole } from '../lib/library-output.js';
import type { Log, LogLevel } from '../lib/log.js';
import type { Algorithm, GivenHost } from '../lib/model.js';
import type { FleetEvent } from '../lib/redis/event-message.js';
import { openServiceManager } from '../lib/service-manager.js';
import { createShutdown, type Shutdown, stopOnSignals } from '../lib/shutdown.js';
import { ENTRY } from './commands.js';

/** Demo hosts of `up` when nothing is said of hosts; with a site, in each pool that names none. */
export const DEMO_HOSTS = 3;
export const DEMO_HOSTS_PER_POOL = 2;

interface UpFlags {
  readonly balancers: number;
  readonly hosts?: number;
  readonly port: number;
  readonly redis?: string;
  readonly namespace: string;
  readonly algorithm: Algorithm;
  readonly host?: GivenHost[];
  readonly fleetKey?: string;
  readonly site?: string;
  readonly stateDir?: string;
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
  const { site: siteFile = '', stateDir = '' } = flags;
  const { readSiteSource } = await import('../lib/config/site-source.js');
  await readSiteSource({ siteFile, isSitePublished: true, stateDir });
  const perPool = siteFile === '' ? DEMO_HOSTS : DEMO_HOSTS_PER_POOL;
  const lines: string[] = [];
  const shutdown = createShutdown(() => undefined);
  let isStopping = false;
  let onLine = (line: string): void => {
    lines.push(line);
  };
  let onEvent = (_event: FleetEvent): void => undefined;
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
      hosts: flags.hosts ?? perPool,
      port: flags.port,
      redis: flags.redis ?? null,
      namespace: flags.namespace,
      algorithm: flags.algorithm,
      statics: flags.host ?? [],
      fleetKeyFile: flags.fleetKey ?? '',
      siteFile,
      stateDir,
      logLevel: flags.logLevel,
      entry: ENTRY,
    },
    { onLine: (line) => onLine(line), onEvent: (event) => onEvent(event) },
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
  // In raw mode a terminal makes no signal of Ctrl-C.
  const terminal = { output: process.stdout, input: process.stdout.isTTY ? process.stdin : undefined };
  const show = showFleet(fleet, terminal, () => process.kill(process.pid, 'SIGINT'));
  for (const line of lines) show.onLine(line);
  onLine = (line) => show.onLine(line);
  onEvent = (event) => show.onEvent(event);
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
