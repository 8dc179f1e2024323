// Redis addresses as users write them: one server, a Sentinel group or a Cluster, with or without TLS.
// A message about a wrong address never repeats the address: it may hold a password.

import { MeercatError } from '../errors.js';

/** One host and port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Where a Redis is and how to be let in. */
export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server itself, the Sentinels, or some nodes of the Cluster. */
  readonly endpoints: readonly Endpoint[];
  /** The name under which the Sentinels know the master; only for Sentinel. */
  readonly masterName?: string;
  readonly isTls: boolean;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
}

const FORMS =
  'redis://[user:password@]host:6379[/db], rediss:// for TLS, ' +
  'redis+sentinel://h1:26379,h2:26379/mymaster or redis+cluster://h1:6379,h2:6379';

const SCHEMES: Readonly<Record<string, Pick<RedisAddress, 'kind' | 'isTls'>>> = {
  redis: { kind: 'single', isTls: false },
  rediss: { kind: 'single', isTls: true },
  'redis+sentinel': { kind: 'sentinel', isTls: false },
  'rediss+sentinel': { kind: 'sentinel', isTls: true },
  'redis+cluster': { kind: 'cluster', isTls: false },
  'rediss+cluster': { kind: 'cluster', isTls: true },
};

/** Reads one `--redis` address. Throws MEERCAT_BAD_CONFIG with the forms that are understood. */
export function parseRedisAddress(text: string): RedisAddress {
  const fail = (what: string): never => {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--redis: ${what}; use ${FORMS}`);
  };
  const [, scheme = '', rest = ''] = /^([a-z+]+):\/\/(.*)$/is.exec(text.trim()) ?? [];
  const name = scheme.toLowerCase();
  // Only schemes of our own: every object has a `constructor` too.
  const found = Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined;
  if (found === undefined) return fail('the address has no known scheme');

  const [beforeQuery = '', query = ''] = rest.split('?', 2);
  const at = beforeQuery.lastIndexOf('@');
  const credentials = at < 0 ? '' : beforeQuery.slice(0, at);
  const [hostList = '', path = '', ...more] = beforeQuery.slice(at + 1).split('/');
  if (more.length > 0) return fail('the path has too many parts');

  const endpoints = hostList.split(',').map((part) => parseEndpoint(part, found.kind) ?? fail('a host or port is wrong'));
  if (found.kind === 'single' && endpoints.length > 1) return fail('several hosts need +sentinel or +cluster');
  if (found.kind === 'sentinel' && path === '') return fail("a Sentinel address ends in the master's name");
  if (found.kind === 'cluster' && path !== '') return fail('a Cluster has no databases');

  const dbText = found.kind === 'single' && path !== '' ? path : (new URLSearchParams(query).get('db') ?? '0');
  if (!/^\d{1,5}$/.test(dbText)) return fail('the database is a number');
  const separator = credentials.indexOf(':');
  const username = separator < 0 ? credentials : credentials.slice(0, separator);
  const password = separator < 0 ? '' : credentials.slice(separator + 1);
  return {
    ...found,
    endpoints,
    db: Number(dbText),
    ...(found.kind === 'sentinel' && { masterName: decode(path) ?? fail("the master's name is wrong") }),
    ...(username !== '' && { username: decode(username) ?? fail('the user name is not percent-encoded') }),
    ...(password !== '' && { password: decode(password) ?? fail('the password is not percent-encoded') }),
  };
}

/** An address without user and password, for messages and logs. */
export function describeAddress(address: RedisAddress): string {
  const scheme = `redis${address.isTls ? 's' : ''}${address.kind === 'single' ? '' : `+${address.kind}`}`;
  const hosts = address.endpoints.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  const path = address.masterName ?? (address.db === 0 ? '' : String(address.db));
  return `${scheme}://${hosts}${path === '' ? '' : `/${path}`}`;
}

function parseEndpoint(text: string, kind: RedisAddress['kind']): Endpoint | undefined {
  const match = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/i.exec(text);
  if (match === null) return undefined;
  const port = match[3] === undefined ? (kind === 'sentinel' ? 26379 : 6379) : Number(match[3]);
  return port >= 1 && port <= 65535 ? { host: (match[1] ?? match[2]) as string, port } : undefined;
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
