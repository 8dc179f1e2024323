// Redis addresses as users write them: one server, a Sentinel group or a Cluster, with or without TLS.
// Error messages never repeat the address: it may contain a password.

import { MeercatError } from '../errors.js';

/** One host and port. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** The location of a Redis and its credentials. */
export interface RedisAddress {
  readonly kind: 'single' | 'sentinel' | 'cluster';
  /** The server itself, the Sentinels, or some nodes of the Cluster. */
  readonly endpoints: readonly Endpoint[];
  /** The Sentinels' name of the master; Sentinel only. */
  readonly masterName?: string;
  readonly isTls: boolean;
  /** For the servers that hold the data; the Sentinels have credentials of their own. */
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  /** PEM files: the CA certificates (undefined: the system's), and the client certificate and its key. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** The schemes with TLS, for messages. */
const SCHEME_WITH_TLS = 'rediss:// (rediss+sentinel://, rediss+cluster://)';

const FORMS =
  'redis://[user:password@]host:6379[/db], rediss:// for TLS, ' +
  'redis+sentinel://h1:26379,h2:26379/mymaster or redis+cluster://h1:6379,h2:6379';

type ParameterField = 'db' | 'sentinelUsername' | 'sentinelPassword' | 'caFile' | 'certFile' | 'keyFile';
type Fits = (address: Pick<RedisAddress, 'kind' | 'isTls'>) => boolean;
const isSentinel: Fits = ({ kind }) => kind === 'sentinel';
const isTls: Fits = (address) => address.isTls;

/** An address parameter, and the environment variable that supplies its default. */
interface Parameter {
  readonly name: string;
  readonly variable?: string;
  readonly field: ParameterField;
  readonly fits: Fits;
  /** The kind of address that the parameter requires. */
  readonly needs: string;
}

const PARAMETERS: readonly Parameter[] = [
  { name: 'db', field: 'db', fits: ({ kind }) => kind !== 'cluster', needs: 'a Cluster has no databases' },
  {
    name: 'sentinelUsername',
    variable: 'MEERCAT_SENTINEL_USERNAME',
    field: 'sentinelUsername',
    fits: isSentinel,
    needs: 'sentinelUsername needs redis+sentinel://',
  },
  {
    name: 'sentinelPassword',
    variable: 'MEERCAT_SENTINEL_PASSWORD',
    field: 'sentinelPassword',
    fits: isSentinel,
    needs: 'sentinelPassword needs redis+sentinel://',
  },
  { name: 'ca', variable: 'MEERCAT_REDIS_CA', field: 'caFile', fits: isTls, needs: 'ca needs rediss://' },
  { name: 'cert', variable: 'MEERCAT_REDIS_CERT', field: 'certFile', fits: isTls, needs: 'cert needs rediss://' },
  { name: 'key', variable: 'MEERCAT_REDIS_KEY', field: 'keyFile', fits: isTls, needs: 'key needs rediss://' },
];

/** The environment variables that supply missing address parameters. */
export const ADDRESS_VARIABLES: readonly string[] = PARAMETERS.flatMap(({ variable }) => variable ?? []);

const SCHEMES: Readonly<Record<string, Pick<RedisAddress, 'kind' | 'isTls'>>> = {
  redis: { kind: 'single', isTls: false },
  rediss: { kind: 'single', isTls: true },
  'redis+sentinel': { kind: 'sentinel', isTls: false },
  'rediss+sentinel': { kind: 'sentinel', isTls: true },
  'redis+cluster': { kind: 'cluster', isTls: false },
  'rediss+cluster': { kind: 'cluster', isTls: true },
};

/** Parses a `--redis` address. Throws MEERCAT_BAD_CONFIG listing the supported forms. */
export function parseRedisAddress(text: string): RedisAddress {
  const fail = (what: string): never => {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--redis: ${what}; use ${FORMS}`);
  };
  const [found, rest] = readScheme(text);
  if (found === undefined) return fail('the address has no known scheme');

  const [beforeQuery, query] = splitAt(rest, '?');
  const at = beforeQuery.lastIndexOf('@');
  const credentials = at < 0 ? '' : beforeQuery.slice(0, at);
  const [hostList = '', path = '', ...more] = beforeQuery.slice(at + 1).split('/');
  if (more.length > 0) return fail('the path has too many parts');

  const endpoints = hostList.split(',').map((part) => parseEndpoint(part, found.kind) ?? fail('a host or port is wrong'));
  if (found.kind === 'single' && endpoints.length > 1) return fail('several hosts need +sentinel or +cluster');
  if (found.kind === 'sentinel' && path === '') return fail("a Sentinel address ends in the master's name");
  if (found.kind === 'cluster' && path !== '') return fail('a Cluster has no databases');

  const { db, ...parameters } = readParameters(query, found, fail);
  if (found.kind === 'single' && path !== '' && db !== undefined) return fail('the database is given twice');
  if ((parameters.certFile === undefined) !== (parameters.keyFile === undefined)) return fail('cert and key belong together');
  const dbText = found.kind === 'single' && path !== '' ? path : (db ?? '0');
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
    ...parameters,
  };
}

/**
 * Adds parameters from environment variables that the address does not set itself: Sentinel passwords, TLS files.
 * Variables that do not apply to this kind of address are ignored. An invalid address is returned unchanged, for
 * `parseRedisAddress` to reject.
 */
export function completeAddress(text: string, variables: Readonly<Record<string, string | undefined>>): string {
  const [found, rest] = readScheme(text);
  if (found === undefined) return text;
  const [, query] = splitAt(rest, '?');
  const unfit = PARAMETERS.find(
    ({ variable, fits }) => fits === isTls && variable !== undefined && (variables[variable] ?? '') !== '' && !fits(found),
  );
  if (unfit !== undefined) {
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `--redis: the address is not encrypted, but ${unfit.variable} is set: use ${SCHEME_WITH_TLS}, or unset the variable`,
    );
  }
  const given = new Set(query.split('&').map((part) => splitAt(part, '=')[0]));
  const added = PARAMETERS.flatMap(({ name, variable, fits }) => {
    const value = variable === undefined ? undefined : variables[variable];
    return value === undefined || value === '' || given.has(name) || !fits(found) ? [] : [`${name}=${encodeURIComponent(value)}`];
  });
  if (added.length === 0) return text;
  const complete = text.trim();
  return `${complete}${!complete.includes('?') ? '?' : query === '' ? '' : '&'}${added.join('&')}`;
}

/** An address without user and password, for messages and logs. */
export function describeAddress(address: RedisAddress): string {
  const scheme = `redis${address.isTls ? 's' : ''}${address.kind === 'single' ? '' : `+${address.kind}`}`;
  const hosts = address.endpoints.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(',');
  const path = address.masterName ?? (address.db === 0 ? '' : String(address.db));
  return `${scheme}://${hosts}${path === '' ? '' : `/${path}`}`;
}

/** The kind of an address, and the rest after its scheme. */
function readScheme(text: string): readonly [found: Pick<RedisAddress, 'kind' | 'isTls'> | undefined, rest: string] {
  const [, scheme = '', rest = ''] = /^([a-z+]+):\/\/(.*)$/is.exec(text.trim()) ?? [];
  const name = scheme.toLowerCase();
  // Own properties only: every object also has a `constructor`.
  return [Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined, rest];
}

/** Parses `name=value&…`. Messages do not repeat unknown parameters: part of a password containing `?` ends up here. */
function readParameters(
  query: string,
  found: Pick<RedisAddress, 'kind' | 'isTls'>,
  fail: (what: string) => never,
): Partial<Record<ParameterField, string>> {
  const values: Partial<Record<ParameterField, string>> = {};
  for (const part of query.split('&').filter((each) => each !== '')) {
    const [name, text] = splitAt(part, '=');
    const parameter = PARAMETERS.find((each) => each.name === name);
    if (parameter === undefined)
      return fail(`after the ? only ${PARAMETERS.map((each) => each.name).join(', ')} are known (a ? in a password is written %3F)`);
    const { field, fits, needs } = parameter;
    if (!fits(found)) return fail(needs);
    if (values[field] !== undefined) return fail(`${name} is given twice`);
    const value = decode(text) ?? fail(`${name} is not percent-encoded`);
    if (value === '') return fail(`${name} is empty`);
    values[field] = value;
  }
  return values;
}

/** Splits at the first `separator`. */
function splitAt(text: string, separator: string): readonly [before: string, after: string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
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
