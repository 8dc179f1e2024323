// The functions that a program may call, as docs/library.md describes them; index.ts gives them their names. Each makes
// complete what the program said, and says errors in the program's words. Invariant: what a function needs is loaded when it
// is called, and nothing before.

import type { Agent } from './agent/agent.js';
import type { Balancer } from './balancer.js';
import { type BalancerConfig, machineName } from './config/config.js';
import { FIELDS } from './config/fields.js';
import {
  AGENT_FIELDS,
  type AgentOptions,
  type BalancerOptions,
  checkLog,
  completeAgent,
  completeBalancer,
  completeFleet,
  errorInFields,
  type FieldTable,
  FLEET_FIELDS,
  type FleetOptions,
  inFields,
} from './config/options.js';
import { parseStaticHost } from './config/values.js';
import { MeercatError } from './errors.js';
import { createLog, type Log, LOG_LEVELS, type LogLevel } from './log.js';
import type { GivenHost } from './model.js';
import type { FleetView } from './redis/fleet-view.js';

/**
 * Starts a balancer in this process; it serves when this resolves, with or without Redis. Missing fields have the values of
 * `DEFAULTS`. Rejects with a MeercatError: MEERCAT_BAD_CONFIG, MEERCAT_PORT_TAKEN, MEERCAT_NAME_TAKEN or MEERCAT_START_FAILED.
 * @param log takes its log lines; missing: JSON on stderr, from `logLevel` on
 */
export async function startFromOptions(options: BalancerOptions = {}, log?: Log): Promise<Balancer> {
  const config = completeBalancer(options);
  checkLog(log);
  const { startBalancer: start } = await import('./balancer.js');
  const name = config.name === '' ? `${machineName()}-${config.port}` : config.name;
  const balancer: Balancer = await translated(FIELDS, start(config, log ?? createLog(config.logLevel, name)));
  return {
    name: balancer.name,
    port: balancer.port,
    consolePort: balancer.consolePort,
    get role() {
      return balancer.role;
    },
    reloadTls: () => inFields(FIELDS, () => balancer.reloadTls()),
    reloadFleetKey: () => inFields(FIELDS, () => balancer.reloadFleetKey()),
    reopenLogs: () => balancer.reopenLogs(),
    stop: () => balancer.stop(),
  };
}

/**
 * Starts an agent, which reports the CPU and memory of a host until it is stopped; it survives any loss of Redis. Rejects
 * with a MeercatError: MEERCAT_BAD_CONFIG, MEERCAT_PORT_TAKEN or MEERCAT_START_FAILED.
 * @param log takes its log lines; missing: JSON on stderr, from `info` on
 */
export async function startAgentFromOptions(options: AgentOptions, log?: Log): Promise<Agent> {
  const complete = completeAgent(options);
  checkLog(log);
  const { startAgent: start } = await import('./agent/agent.js');
  return await translated(AGENT_FIELDS, start(complete, log ?? createLog('info', complete.name)));
}

/**
 * Reads the fleet as it stands in Redis, once; opens a connection for that and closes it. Rejects with a MeercatError:
 * MEERCAT_BAD_CONFIG, or MEERCAT_NO_REDIS when Redis can't be used. A namespace that nobody uses gives an empty fleet.
 */
export async function readFleetOnce(options: FleetOptions = {}): Promise<FleetView> {
  const { redis, namespace } = completeFleet(options);
  const [{ connectForPerson }, { readFleet: read }, { buildKeys }, { reasonOf }] = await Promise.all([
    import('./console/status.js'),
    import('./redis/fleet-view.js'),
    import('./redis/keys.js'),
    import('./redis/reason.js'),
  ]);
  const client = await translated(FLEET_FIELDS, connectForPerson(redis));
  try {
    return await read(client, buildKeys(namespace));
  } catch (error) {
    throw new MeercatError('MEERCAT_NO_REDIS', `redis: it can't be read: ${reasonOf(error)}`, { cause: error });
  } finally {
    client.disconnect();
  }
}

/** The complete configuration that these options make, as a start would use it. Throws MEERCAT_BAD_CONFIG. */
export function checkBalancerConfig(options: BalancerOptions = {}): BalancerConfig {
  return completeBalancer(options);
}

/** Reads a host as the flag `--host` has it, `[dns+|srv+]URL[,name=NAME]`, for the field `statics`. Throws MEERCAT_BAD_CONFIG. */
export function readHost(text: string): GivenHost {
  return inFields({ parseStaticHost: FIELDS.statics }, () => parseStaticHost(String(text)));
}

/**
 * The log that Meercat writes by itself: JSON lines on stderr, each with this name. Throws MEERCAT_BAD_CONFIG for a level
 * that there is not.
 */
export function createLogFor(level: LogLevel, name: string): Log {
  if (!LOG_LEVELS.includes(level))
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `level: one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(String(level).slice(0, 80))}`,
    );
  return createLog(level, String(name));
}

/** Passes on what a start gives, and says its errors under the names of fields. */
function translated<Result>(fields: FieldTable, starting: Promise<Result>): Promise<Result> {
  return starting.catch((error: unknown) => {
    throw errorInFields(fields, error);
  });
}
