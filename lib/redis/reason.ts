// What ioredis and Redis say when something fails, as one phrase for a person. Where someone must mend something
// (a password, a right, a certificate) the phrase says what to do. It never holds what was sent: AUTH is among it.

import { messageOf } from '../errors.js';

/** The reason when none is known. */
export const CONNECTION_CLOSED = 'the connection was closed';

/** Who refuses: a server with the data, or a Sentinel, which has users and passwords of its own. */
export type RedisRole = 'Redis' | 'Sentinel';

const WRONG_PASSWORD: Readonly<Record<RedisRole, string>> = {
  Redis: 'Redis refuses the user or the password (WRONGPASS): correct them in --redis or MEERCAT_REDIS',
  Sentinel:
    'a Sentinel refuses the user or the password (WRONGPASS): correct sentinelPassword and sentinelUsername in --redis, or MEERCAT_SENTINEL_PASSWORD and MEERCAT_SENTINEL_USERNAME',
};

const NO_PASSWORD: Readonly<Record<RedisRole, string>> = {
  Redis: 'Redis wants a password (NOAUTH): give it with --redis redis://user:password@host or in MEERCAT_REDIS',
  Sentinel: 'a Sentinel wants a password (NOAUTH): give it in MEERCAT_SENTINEL_PASSWORD, or as ?sentinelPassword= in --redis',
};

/** Redis 7.0 says it in one way, later versions in another, and inside scripts there is no code. */
const DENIED = /^NOPERM|^ERR The user executing the script can't|ACL failure in script/;

const UNTRUSTED: ReadonlySet<unknown> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Another name than that of the certificate can be long: it comes from the server. */
const MAX_SHOWN = 200;

/** An error as one phrase for a person; without the address, which the caller knows. */
export function reasonOf(error: unknown, role: RedisRole = 'Redis'): string {
  if (!(error instanceof Error)) return messageOf(error);
  const { message } = error;
  const { code } = error as { code?: string };
  if (/^WRONGPASS|^ERR invalid password/.test(message)) return WRONG_PASSWORD[role];
  if (message.startsWith('NOAUTH')) return NO_PASSWORD[role];
  if (DENIED.test(message)) return deniedReason(message, commandOf(error), role);
  const whose = role === 'Redis' ? 'its' : "a Sentinel's";
  if (UNTRUSTED.has(code))
    // Node 24 and later add advice of their own after a semicolon, which our own makes superfluous.
    return `${whose} certificate is not trusted (${message.split(';', 1)[0]}): name its authority with ?ca=FILE in --redis, or in MEERCAT_REDIS_CA`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `${whose} certificate is for another name (${message.slice(0, MAX_SHOWN)}): it must name the address that is connected to`;
  if (code === 'CERT_HAS_EXPIRED') return `${whose} certificate has expired`;
  if (message === 'Command timed out') return 'it did not answer in time';
  if (message.startsWith('Unknown RESP type')) return 'what answers there is no Redis';
  if (message.startsWith("Stream isn't writeable")) return 'not connected';
  if (message.startsWith('Reached the max retries') || message === 'Connection is closed.') return CONNECTION_CLOSED;
  if (code === 'ECONNREFUSED') return 'connection refused';
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the name is not known';
  if (message.startsWith('All sentinels are unreachable')) return 'no Sentinel can be reached, or none knows this master';
  return messageOf(error);
}

/** Whether a reason stays until someone mends it: a password, a right, a certificate, a database, TLS or none. */
export function needsOperator(reason: string): boolean {
  return /\((?:WRONGPASS|NOAUTH|NOPERM)\)|certificate (?:is|has) |DB index is out of range|address is one with(?:out)? TLS/.test(reason);
}

/** Whether Redis lets the user in, but denies it a command, a key or a channel. */
export function isDenial(reason: string): boolean {
  return reason.includes('(NOPERM)');
}

/** Whether an error says that the database of the address was not selected: ioredis would go on in database 0. */
export function isDatabaseRefused(error: Error): boolean {
  return commandOf(error) === 'select';
}

function deniedReason(message: string, sent: string | undefined, role: RedisRole): string {
  const [, named] = /'([a-z|-]{1,40})' command/i.exec(message) ?? [];
  // Redis does not say which command of a script it was; that the script was sent by EVALSHA is of no use.
  const isInScript = message.includes('executing the script');
  const command = isInScript ? undefined : (named ?? sent);
  const part = /\bkeys?\b/.test(message) ? 'a key of ' : /\bchannels?\b/.test(message) ? 'a channel of ' : '';
  const what = command === undefined ? `${part}a command in a script, which ACL LOG names` : `${part}the command ${command}`;
  const example = role === 'Redis' ? '; deploy/redis/meercat.acl has what each part of Meercat needs' : '';
  return `${role === 'Redis' ? 'Redis' : 'a Sentinel'} denies this user ${what} (NOPERM): grant it with ACL SETUSER${example}`;
}

/** The name of the command that an error of Redis answers; its arguments can be a password. */
function commandOf(error: Error): string | undefined {
  const { command } = error as { command?: { name?: unknown } };
  return typeof command?.name === 'string' ? command.name : undefined;
}
