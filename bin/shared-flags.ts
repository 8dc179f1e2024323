// The flags that several commands have, and what their help says alike.

import { DEFAULTS, parseAlgorithm, parseLogLevel, parseStaticHost } from '../lib/config/config.js';
import { MeercatError } from '../lib/errors.js';
import { LOG_LEVELS, type LogLevel } from '../lib/log.js';
import { ALGORITHMS } from '../lib/model.js';
import { completeAddress } from '../lib/redis/address.js';
import { Flag } from './flag.js';

/** Where Redis is: one address. */
export const redisFlag = (): Flag =>
  new Flag(
    '--redis <url>',
    'Redis: redis://[user:password@]host:6379[/db], rediss:// for TLS, redis+sentinel://h1,h2/mymaster, redis+cluster://h1,h2',
    { parse: parseOneRedis, complete: completeAddress },
  ).default(DEFAULTS.redis[0]);
/** Which fleet of a Redis. */
export const namespaceFlag = (): Flag =>
  new Flag('--namespace <name>', "first part of every key and channel; '{meercat}' on Redis Cluster").default(DEFAULTS.namespace);
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
