// The flags that several commands have, and what their help says alike.

import { DEFAULTS, parseAlgorithm, parseLogLevel, parseStaticHost } from '../lib/config/config.js';
import { MeercatError } from '../lib/errors.js';
import { LOG_LEVELS, type LogLevel } from '../lib/log.js';
import { ALGORITHMS } from '../lib/model.js';
import { ADDRESS_VARIABLES, completeAddress } from '../lib/redis/address.js';
import { Flag } from './flag.js';

/** Where Redis is: one address; `shown` is what help says of the default. */
export const redisFlag = (shown: string = DEFAULTS.redis[0]): Flag =>
  new Flag(
    '--redis <url>',
    'Redis: redis://[user:password@]host:6379[/db], rediss:// for TLS, redis+sentinel://h1,h2/mymaster, redis+cluster://h1,h2',
    { parse: parseOneRedis, complete: completeAddress },
  ).default(DEFAULTS.redis[0], shown);
/** Which fleet of a Redis. */
export const namespaceFlag = (): Flag =>
  new Flag('--namespace <name>', "first part of every key and channel; '{meercat}' on Redis Cluster").default(DEFAULTS.namespace);
/** The file with the fleet's key, or with an operator's. */
export const fleetKeyFlag = (help = "the fleet's key or an operator's, in a fleet that signs its messages (meercat fleet-key)"): Flag =>
  new Flag('--fleet-key <file>', help);
/** How hosts are picked. */
export const algorithmFlag = (): Flag =>
  new Flag('--algorithm <name>', `how hosts are picked: ${ALGORITHMS.join(', ')}`, { parse: parseAlgorithm }).default(DEFAULTS.algorithm);
/** How much is logged. */
export const logLevelFlag = (fallback: LogLevel): Flag =>
  new Flag('--log-level <level>', LOG_LEVELS.join(', '), { parse: parseLogLevel }).default(fallback);
/** A host without an agent. */
export const hostFlag = (): Flag =>
  new Flag('--host <url[,name=NAME]>', 'a host that runs already and has no agent; repeatable', {
    parse: parseStaticHost,
    isRepeatable: true,
  });

/** Balancers take several in the same variable. */
export function parseOneRedis(text: string): string {
  if (/\s/.test(text))
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      '--redis: one address, not several; of the servers of a quorum give the first, which carries the data',
    );
  return text;
}

/**
 * How the help of every command ends: what else it reads from the environment, and its exit codes.
 * @param codes as in `0 done; 1 could not be done`
 */
export function helpEnd(codes: string, ...variables: readonly string[]): string {
  const list = (lines: readonly string[]): string => lines.map((line) => `\n  ${line}`).join('');
  const environment = `\nEnvironment: a flag can be set by the variable that stands behind it as (env: ...). Besides these:${list(variables)}\n`;
  return `${variables.length === 0 ? '' : environment}\nExit codes:${list([...codes.split('; '), '2 wrong usage'])}`;
}

/** The variables that complete --redis. */
export const REDIS_VARIABLES: readonly string[] = [
  ADDRESS_VARIABLES.filter((variable) => variable.startsWith('MEERCAT_SENTINEL')).join(', '),
  ADDRESS_VARIABLES.filter((variable) => variable.startsWith('MEERCAT_REDIS')).join(', '),
];

/** What --json prints in place of the result when something could not be done. */
export const JSON_ERRORS = `With --json, what could not be done is an object too: {"error": CODE, "message": TEXT}.`;
