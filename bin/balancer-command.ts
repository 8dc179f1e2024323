// `meercat balancer`: one balancer in this process, or with --processes a group of them behind one port, of which
// each runs this command again as a member.

import { type Command, Option } from 'commander';
import type { Balancer } from '../lib/balancer.js';
import {
  type BalancerConfig,
  checkRelations,
  CONSOLE_PORT_OFFSET,
  CONSOLE_TOKEN_VARIABLE,
  DEFAULTS,
  machineName,
} from '../lib/config/config.js';
import { OTLP_HEADERS_VARIABLE } from '../lib/config/otlp.js';
import { checkProcesses, type Member, memberConfig, parseMember } from '../lib/config/processes.js';
import { MeercatError, messageOf } from '../lib/errors.js';
import { captureConsole } from '../lib/library-output.js';
import { createLog, type Log } from '../lib/log.js';
import { openServiceManager, type ServiceManager } from '../lib/service-manager.js';
import { createShutdown, type Shutdown, stopOnSignals } from '../lib/shutdown.js';
import { nameOf, optionOf } from './balancer-flag.js';
import { BALANCER_FLAGS } from './balancer-flags.js';
import { ENTRY, warnOf } from './commands.js';
import type { UnknownVariable } from './flag.js';
import { helpEnd, REDIS_VARIABLES } from './shared-flags.js';

/** What the environment alone says: the secrets. */
type Secrets = Pick<BalancerConfig, 'consoleToken' | 'otlpHeaders'>;

/** Adds the command; `unknown` gives the variables that no command knows. */
export function addBalancer(program: Command, unknown: () => readonly UnknownVariable[], secrets: () => Secrets): Command {
  const balancer = program
    .command('balancer')
    .description('run one balancer of a fleet')
    .addHelpText(
      'after',
      `
Times are 500ms, 2s, 1m; sizes 64k, 16KiB, 1g. Repeatable flags take several values from the environment,
separated by spaces.

It serves also while Redis is away: hosts given by --host at once, the others when Redis comes.
SIGTERM makes /.meercat/ready say 503, gives mastership to the next balancer, goes on accepting for
--drain-delay, and then finishes what is in flight; a second one forces.
SIGHUP reloads the files of --tls-cert, --tls-key and --fleet-key; SIGUSR2 reopens the access log.

With --processes 2 or more this process serves nothing itself: it starts that many balancers and starts those
again that end. Signals go to it, and reach all; SIGUSR1 restarts one after the other while the rest serve.
Limits of connections, requests and memory count in each process.

Examples:
  meercat balancer --redis redis://10.0.0.1:6379               hosts come with their agents
  meercat balancer --host http://10.0.0.7:3000 --health-path /health
  meercat balancer --port 443 --tls-cert site.pem --tls-key site.key --processes 2 --access-log json
${helpEnd('0 stopped in order; 1 it could not start, or was ended by force', `${CONSOLE_TOKEN_VARIABLE}, the secret of the console`, `${OTLP_HEADERS_VARIABLE}, headers of exports`, ...REDIS_VARIABLES)}`,
    )
    .action(({ member, ...flags }: BalancerRunFlags) => runBalancer(flags, member, unknown(), secrets()));
  for (const [heading, flags] of BALANCER_FLAGS) for (const flag of flags) balancer.addOption(optionOf(flag, heading));
  // For the processes that it starts, and nobody else.
  return balancer.addOption(new Option('--member <number,port>').argParser(parseMember).hideHelp());
}

type Flags = Readonly<Record<string, unknown>>;

type BalancerRunFlags = Flags & { readonly member?: Member };

/** The configuration that these flags make, with the secrets that have no flags; what was not given has its default. */
function configOf(given: Readonly<Record<string, unknown>>, secrets: Secrets): BalancerConfig {
  const fields: Record<string, unknown> = { ...DEFAULTS, statics: [], name: '', ...secrets };
  for (const [, flags] of BALANCER_FLAGS) {
    for (const { field, flags: text } of flags) {
      const attribute = nameOf(text)
        .slice(2)
        .replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
      if (given[attribute] !== undefined) fields[field] = given[attribute];
    }
  }
  const port = fields.port as number;
  fields.consolePort ??= port === 0 || port + CONSOLE_PORT_OFFSET > 65_535 ? 0 : port + CONSOLE_PORT_OFFSET;
  return fields as unknown as BalancerConfig;
}

async function runBalancer(flags: Flags, member: Member | undefined, unknown: readonly UnknownVariable[], secrets: Secrets): Promise<void> {
  const config = checkRelations(configOf(flags, secrets));
  checkProcesses(config);
  if (member !== undefined) return await runMember(memberConfig(config, member), member.number);
  const log = createLog(config.logLevel, config.name === '' ? `${machineName()}-${config.port}` : config.name);
  warnOf(unknown, log);
  captureConsole(log);
  const shutdown = createShutdown((error) => log('error', 'a part did not stop', { reason: messageOf(error) }));
  // Before a group is started: only this process speaks for it.
  const manager = openServiceManager(log);
  if (config.processes > 1) return await runGroup(config, unknown, shutdown, manager, log);
  stopOnSignals(shutdown, log);
  const { balancer, reloadTls, reopenLogs } = await startServing(config, shutdown, log);
  shutdown.add(() => manager.stopping('draining'));
  process.on('SIGHUP', reloadTls);
  process.on('SIGUSR2', reopenLogs);
  // Without a listener Node.js would open its debugger.
  process.on('SIGUSR1', () => log('warn', 'SIGUSR1 restarts processes one after the other: there is only this one (--processes)', {}));
  const { port } = await balancer;
  manager.ready(`serving on port ${port}`);
}

interface Serving {
  /** Resolves when it serves. */
  readonly balancer: Promise<Balancer>;
  /** These two take effect when it serves. */
  reloadTls(): void;
  reopenLogs(): void;
}

/** Starts the balancer of this process; a shutdown that comes during the start takes effect when the start is through. */
async function startServing(config: BalancerConfig, shutdown: Shutdown, log: Log): Promise<Serving> {
  const { startBalancer } = await import('../lib/balancer.js');
  const balancer = startBalancer(config, log);
  shutdown.add(() =>
    balancer.then(
      (started) => started.stop(),
      () => undefined,
    ),
  );
  // Our own bug costs what it broke, not the process with all its other requests.
  void balancer.then(
    () => process.on('uncaughtException', (error) => logFault(error, log)),
    () => undefined,
  );
  const withBalancer = (act: (started: Balancer) => void) => (): void => void balancer.then(act, () => undefined);
  return {
    balancer,
    reloadTls: withBalancer((started) => {
      try {
        started.reloadTls();
      } catch (error) {
        log('error', 'the certificates could not be reloaded: the old ones stay', { reason: messageOf(error) });
      }
      try {
        started.reloadFleetKey();
      } catch (error) {
        log('error', 'the fleet key could not be read again: the old one stays', { reason: messageOf(error) });
      }
    }),
    reopenLogs: withBalancer((started) => started.reopenLogs()),
  };
}

function logFault(error: Error, log: Log): void {
  log('error', 'a fault inside the balancer; it goes on', { reason: messageOf(error), stack: error.stack });
}

/** The parent of several balancers. */
async function runGroup(
  config: BalancerConfig,
  unknown: readonly UnknownVariable[],
  shutdown: Shutdown,
  manager: ServiceManager,
  log: Log,
): Promise<void> {
  const { createProcessGroup } = await import('../lib/up/process-group.js');
  // It was warned of; each process would warn again.
  for (const { variable } of unknown) delete process.env[variable];
  const group = createProcessGroup({ config, entry: ENTRY, args: process.argv.slice(2) }, log);
  shutdown.add(() => group.stop());
  shutdown.add(() => manager.stopping('draining'));
  stopOnSignals(shutdown, log, { onForce: () => group.kill() });
  process.on('SIGHUP', () => group.tell({ type: 'reload-tls' }));
  process.on('SIGUSR2', () => group.tell({ type: 'reopen-logs' }));
  process.on('SIGUSR1', () => group.restart());
  const port = await group.start();
  if (port === null) return;
  process.on('uncaughtException', (error) => logFault(error, log));
  log('info', 'all processes are serving', { processes: config.processes, port });
  manager.ready(`${config.processes} processes serving on port ${port}`);
}

/** One of several balancers, from 1 on. */
async function runMember(config: BalancerConfig, number: number): Promise<void> {
  const { checkMember, followParent, tellFailed, tellServing, tellStopping } = await import('../lib/up/group-member.js');
  checkMember();
  const log = createLog(config.logLevel, config.name);
  captureConsole(log);
  const shutdown = createShutdown((error) => log('error', 'a part did not stop', { reason: messageOf(error) }));
  stopOnSignals(shutdown, log, { signals: ['SIGTERM'] });
  const { balancer, reloadTls, reopenLogs } = await startServing(config, shutdown, log);
  shutdown.add(() => tellStopping());
  followParent({ stop: () => void shutdown.run().then(() => process.exit(0)), reloadTls, reopenLogs }, log);
  try {
    await balancer;
  } catch (error) {
    // The parent says it, once for all.
    await tellFailed(ofMember(error, number));
    process.exit(1);
  }
  await tellServing();
}

/** The first one's console has the port of the flag; that of another one needs explaining. */
function ofMember(error: unknown, number: number): unknown {
  if (number === 1 || !(error instanceof MeercatError) || error.code !== 'MEERCAT_PORT_TAKEN') return error;
  const text = `${error.message} (this is that of process ${number}: each further process takes the next port)`;
  return new MeercatError(error.code, text, { cause: error });
}
