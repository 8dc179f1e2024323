// `meercat redis-cli`: the redis-cli of this machine, pointed at the fleet's Redis. Where none is installed, one command
// is sent as it is and its reply printed in redis-cli's form. Invariant: secrets go by the environment, never as arguments.

import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { MeercatError } from '../errors.js';
import { findOnPath } from '../find-on-path.js';
import { parseRedisAddress, type RedisAddress } from '../redis/address.js';
import { isCluster, isDenial, needsOperator, reasonOf } from '../redis/connect.js';
import { CONNECTION_CLOSED } from '../redis/reason.js';
import { formatReply } from './redis-reply.js';
import { connectForPerson } from './status.js';

/** The programs that are looked for on the PATH, in this order. */
const PROGRAMS = ['redis-cli', 'valkey-cli'] as const;

const HOW_TO_INSTALL = 'install redis-cli (Debian: apt-get install redis-tools)';

/** Commands whose replies do not end, or that need a terminal of redis-cli's own. */
const ENDLESS: ReadonlySet<string> = new Set(['subscribe', 'psubscribe', 'ssubscribe', 'monitor', 'sync', 'psync']);

/** Flags of redis-cli's own that say how to connect, or that need no connection. */
const OWN_CONNECTION: ReadonlySet<string> = new Set(
  '-h -p -s -u -a --user --pass --askpass --tls --insecure --cacert --cert --key --help -v --version'.split(' '),
);

/** What no redis-cli can do anything about, besides what needs an operator. */
const UNREACHABLE = /connection refused|the name is not known/;

/** What `redis-cli` is given. */
export interface RedisCliOptions {
  readonly redis: string;
  /** What follows: flags of redis-cli's own, a command and its arguments; nothing for its prompt. */
  readonly args: readonly string[];
}

/**
 * Runs redis-cli to its end; resolves with its exit code, 128 and the signal's number when a signal ended it. Rejects
 * with MEERCAT_BAD_CONFIG when the address is one that redis-cli can't use, with MEERCAT_NO_REDIS when it can't be reached.
 */
export async function runRedisCli({ redis, args }: RedisCliOptions, out: NodeJS.WriteStream): Promise<number> {
  const address = parseRedisAddress(redis);
  const program = findOnPath(PROGRAMS);
  if (program === undefined) return await sendCommand(redis, args, out);
  const own = connectionArgs(address);
  if (!args.some((arg) => OWN_CONNECTION.has(arg))) await checkUsable(redis);
  return await runProgram(program, [...own, ...args], passwordOf(address));
}

/** The arguments with which redis-cli reaches this address. Throws MEERCAT_BAD_CONFIG for Sentinels. */
export function connectionArgs(address: RedisAddress): string[] {
  if (address.kind === 'sentinel') {
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `--redis: redis-cli does not ask Sentinels: name the server itself, which \`redis-cli -h HOST -p 26379 sentinel get-master-addr-by-name ${address.masterName ?? 'NAME'}\` tells`,
    );
  }
  const { host, port } = address.endpoints[0] as { host: string; port: number };
  return [
    ...['-h', host, '-p', String(port)],
    ...(address.kind === 'cluster' ? ['-c'] : []),
    ...(address.db === 0 ? [] : ['-n', String(address.db)]),
    ...(address.username === undefined ? [] : ['--user', address.username]),
    ...(address.isTls ? ['--tls'] : []),
    ...(address.caFile === undefined ? [] : ['--cacert', address.caFile]),
    ...(address.certFile === undefined ? [] : ['--cert', address.certFile]),
    ...(address.keyFile === undefined ? [] : ['--key', address.keyFile]),
  ];
}

/**
 * Rejects with MEERCAT_NO_REDIS, cause and way out, when Redis would let nobody in that way: redis-cli says only that the
 * connection was reset, or goes on without a password. A Redis that is busy or that hangs is left to redis-cli.
 */
async function checkUsable(redis: string): Promise<void> {
  try {
    (await connectForPerson(redis)).disconnect();
  } catch (error) {
    const reason = reasonOf((error as Error).cause);
    if ((needsOperator(reason) && !isDenial(reason)) || UNREACHABLE.test(reason)) throw error;
  }
}

function passwordOf({ password }: RedisAddress): NodeJS.ProcessEnv {
  // One that is set for another Redis must not go to this one.
  const { REDISCLI_AUTH: _, ...others } = process.env;
  return password === undefined ? others : { ...others, REDISCLI_AUTH: password };
}

function runProgram(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    // Ctrl-C is for redis-cli, which may want to go on; a kill is passed on, also one that comes during the start.
    process.on('SIGINT', () => undefined);
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    const child = spawn(program, args, { stdio: 'inherit', env });
    child.on('error', (error) => reject(new MeercatError('MEERCAT_START_FAILED', `${program} can't be started: ${error.message}`)));
    child.on('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
  });
}

/** Sends one command without redis-cli. */
async function sendCommand(redis: string, args: readonly string[], out: NodeJS.WriteStream): Promise<number> {
  const [command, ...rest] = args;
  if (command === undefined || command.startsWith('-') || ENDLESS.has(command.toLowerCase()))
    throw new MeercatError('MEERCAT_START_FAILED', `redis-cli is not on the PATH, and this needs it: ${HOW_TO_INSTALL}`);
  const client = await connectForPerson(redis);
  try {
    const sending = isCluster(client) ? client.call(command, rest) : client.call(command, ...rest);
    const reply = await sending.catch((error: unknown) => {
      // The server ends without an answer; so is it meant.
      if (command.toLowerCase() === 'shutdown' && reasonOf(error) === CONNECTION_CLOSED) return undefined;
      return error instanceof Error ? error : new Error(String(error));
    });
    if (reply === undefined) return 0;
    out.write(`${formatReply(reply, out.isTTY)}\n`);
    return reply instanceof Error ? 1 : 0;
  } finally {
    client.disconnect();
  }
}
