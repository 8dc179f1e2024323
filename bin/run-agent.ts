// `meercat agent` once its flags are read: it answers every signal from its first moment, and says goodbye when it is
// stopped, also while it starts.

import { checkFleet, defaultHostName } from '../lib/config/config.js';
import type { Agent } from '../lib/agent/agent.js';
import { MeercatError, messageOf } from '../lib/errors.js';
import { captureConsole } from '../lib/library-output.js';
import { createLog, type Log, type LogLevel } from '../lib/log.js';
import { arePools, isName, MAX_POOLS_PER_HOST, NAME_RULE, POOL_RULE } from '../lib/redis/names.js';
import { openServiceManager } from '../lib/service-manager.js';
import { createShutdown, stopOnSignals } from '../lib/shutdown.js';
import { DEFAULT_POOL } from '../lib/site-model.js';
import { warnOf } from './commands.js';
import type { UnknownVariable } from './flag.js';

/** Where an agent answers HAProxy's agent checks by default. */
export const AGENT_CHECK_BIND = '127.0.0.1';

interface AgentFlags {
  readonly agentKey?: string;
  readonly redis: string;
  readonly namespace: string;
  readonly url: string;
  readonly name?: string;
  readonly pool?: readonly string[];
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
  const pools = flags.pool ?? [DEFAULT_POOL];
  if (!arePools(pools)) throw new MeercatError('MEERCAT_BAD_CONFIG', `--pool: 1 to ${MAX_POOLS_PER_HOST} different names: ${POOL_RULE}`);
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
      pools,
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
