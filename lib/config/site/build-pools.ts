// The pools of a site from those of its document: hosts with their names, and how keys of a pool depend on one another.
// Invariant: a pool that has a problem is built all the same, so that routes to it are checked.

import { isIP } from 'node:net';
import { originOf } from '../../host-origin.js';
import { isName, NAME_RULE } from '../../redis/names.js';
import { DEFAULT_POOL, type FixedAnswer, type HashKey, type SiteHost, type SitePool } from '../../site-model.js';
import { defaultHostName } from '../values.js';
import { barePool } from './built-in-site.js';
import type { SiteDocument } from './document-shape.js';
import { MAX_SITE_HOSTS, MAX_SITE_POOLS } from './limits.js';
import type { HostDocument, PoolDocument } from './pool-shape.js';
import type { KeyByName } from './shared-shapes.js';
import { code, inside, type Problems, quoted, type Where } from './problems.js';

/** Longest name of an entry that stands for several hosts: their names are this one and an address (RFC 4291: 39 characters). */
const MAX_DISCOVERED_NAME = 80;

/** All pools in the order of the document; `default` is the first where the document does not name it. */
export function buildPools({ pools }: Pick<SiteDocument, 'pools'>, problems: Problems): SitePool[] {
  const built: SitePool[] = pools.some(({ key }) => key === DEFAULT_POOL) ? [] : [barePool(DEFAULT_POOL)];
  let hosts = 0;
  for (const { key, at, value } of pools) {
    const where: Where = { parent: null, name: `pool ${code(key)}`, isSubject: true };
    const before = hosts;
    hosts += value?.hosts.length ?? 0;
    if (before <= MAX_SITE_HOSTS && hosts > MAX_SITE_HOSTS)
      problems.add(at, where, `the pools up to here name ${hosts} hosts; at most ${MAX_SITE_HOSTS} are possible`);
    built.push(value === undefined ? barePool(key) : buildPool(key, value, where, problems));
  }
  const [first] = pools;
  if (first !== undefined && built.length > MAX_SITE_POOLS)
    problems.add(
      first.at,
      null,
      `pools: has ${pools.length} entries besides \`default\`; at most ${MAX_SITE_POOLS} pools are possible with it`,
    );
  return built;
}

function buildPool(name: string, pool: PoolDocument, where: Where, problems: Problems): SitePool {
  const { health, limits, retries, timeouts, respond, answers } = pool;
  const hosts = buildHosts(pool, inside(where, 'hosts'), problems);
  checkHealth(pool, hosts, inside(where, 'health'), problems);
  return {
    name,
    algorithm: pool.algorithm,
    protocol: pool.protocol,
    hosts,
    health: {
      path: health?.path ?? null,
      grpc: health?.grpc ?? null,
      intervalMs: health?.interval ?? null,
      timeoutMs: health?.timeout ?? null,
      statuses: health?.statuses ?? null,
    },
    limits: {
      perHost: limits?.perHost ?? null,
      fleet: limits?.fleet ?? null,
      queue: limits?.queue ?? null,
      queueTimeoutMs: limits?.queueTimeout ?? null,
    },
    retries: { budgetPercent: retries?.budget ?? null, attempts: retries?.attempts ?? null },
    timeouts: { connectMs: timeouts?.connect ?? null, responseMs: timeouts?.response ?? null },
    affinity: buildAffinity(pool, inside(where, 'affinity'), problems),
    respond: respond === null ? null : fixedAnswerOf(respond, inside(where, 'respond'), problems),
    answers: Object.fromEntries(
      (['502', '503', '504'] as const).flatMap((status) => {
        const answer = answers?.[status] ?? null;
        return answer === null ? [] : [[status, { body: answer.body, type: answer.type }]];
      }),
    ),
  };
}

/** A check by gRPC has no path and no statuses, and goes by HTTP/2. */
function checkHealth({ health, protocol }: PoolDocument, hosts: readonly SiteHost[], where: Where, problems: Problems): void {
  const { grpc: at, path, statuses } = health?.places ?? {};
  if (at === undefined) return;
  if (path !== undefined) problems.add(path, where, "`path` can't stand beside `grpc`: keep one of them");
  if (statuses !== undefined)
    problems.add(statuses, where, '`statuses` are those of answers to `path`; with `grpc` a host is well when it says SERVING');
  const isHttp2 = hosts.length > 0 && hosts.every(({ url }) => url.startsWith('h2'));
  if (protocol !== 'h2' && !isHttp2)
    problems.add(at, where, '`grpc` asks over HTTP/2: add `protocol: h2` to the pool, or give all its hosts URLs with h2:// or h2+tls://');
}

/** Statuses whose answers have no content (RFC 9110, sections 15.3.5, 15.3.6 and 15.4.5). */
const WITHOUT_BODY: ReadonlySet<number> = new Set([204, 205, 304]);

/** A fixed answer of a pool or route. */
export function fixedAnswerOf(
  { status, body, type, at, places }: NonNullable<PoolDocument['respond']>,
  where: Where,
  problems: Problems,
): FixedAnswer {
  if (status !== undefined && WITHOUT_BODY.has(status) && body !== '')
    problems.add(places.body ?? at, where, `an answer with the status ${status} has no body: leave it out`);
  return { status: status ?? 503, body, type };
}

function buildAffinity({ affinity }: PoolDocument, where: Where, problems: Problems): SitePool['affinity'] {
  if (affinity === null) return null;
  const { cookie, ttl, hash, places } = affinity;
  if (places.ttl !== undefined && places.hash !== undefined)
    problems.add(places.ttl, where, '`ttl` is how long a cookie is kept: it goes with `cookie`, not with `hash`');
  if (cookie !== null) return { kind: 'cookie', name: cookie, ttlMs: ttl };
  return hash === null ? null : { kind: 'hash', key: siteKeyOf(hash) };
}

/** A key as a site has it: header fields by their name in lower case. */
export function siteKeyOf<Word extends string>(
  key: Word | KeyByName,
): { readonly of: Word } | Exclude<HashKey, { readonly of: 'path' | 'client' }> {
  if (typeof key === 'string') return { of: key };
  if (key.header !== null) return { of: 'header', name: key.header.toLowerCase() };
  return key.cookie !== null ? { of: 'cookie', name: key.cookie } : { of: 'query', name: key.query ?? '' };
}

function buildHosts({ hosts }: PoolDocument, where: Where, problems: Problems): SiteHost[] {
  const lines = new Map<string, number>();
  /** Refuses what another host of the pool has already. */
  const isNew = (at: number, key: string, told: string): boolean => {
    const line = lines.get(key);
    if (line === undefined) lines.set(key, problems.lineOf(at));
    else problems.add(at, where, `${told} is a host of this pool already, on line ${line}`);
    return line === undefined;
  };
  return hosts.flatMap(({ at, value }) => {
    const host = buildHost(value, at, where, problems);
    if (host === null) return [];
    const { url, name, discovery } = host;
    const isNewUrl = isNew(at, `url ${discovery} ${url}`, `${code(url)}`);
    const hint = typeof value === 'string' || value.name === null ? ': give one of them a `name`' : '';
    if (isNewUrl && !isNew(at, `name ${name}`, `the name ${code(name)}${hint}`)) return [];
    return isNewUrl ? [host] : [];
  });
}

const SCHEME = /^(dns|srv)\+(?=(?:https?|h2|h2\+tls):)/i;

function buildHost(written: HostDocument, at: number, where: Where, problems: Problems): SiteHost | null {
  const { url, name, weight } = typeof written === 'string' ? { url: { at, value: written }, name: null, weight: 1 } : written;
  if (url === undefined) return null;
  const wrong = (why: string): null => {
    problems.add(url.at, where, why);
    return null;
  };
  const [, way = 'none'] = SCHEME.exec(url.value) ?? [];
  const discovery = way.toLowerCase() as SiteHost['discovery'];
  const origin = originOf(url.value.replace(SCHEME, ''));
  if (origin === null)
    return wrong(
      `${quoted(url.value)} is no origin: scheme, name and port, as in http://10.0.0.7:3000, h2://10.0.0.7:3000, dns+http://api.internal:3000 or srv+http://_api._tcp.internal`,
    );
  const { hostname, port } = new URL(origin);
  if (discovery !== 'none' && isIP(hostname.replace(/^\[(.*)\]$/, '$1')) !== 0)
    return wrong(`${code(hostname)} is an address, which needs no look-up: leave out ${code(`${discovery}+`)}`);
  if (discovery === 'srv' && (port !== '' || /:\d*\/?$/.test(url.value))) return wrong('SRV records tell the ports: leave out the port');
  const longest = discovery === 'none' ? 128 : MAX_DISCOVERED_NAME;
  const given = name?.value ?? defaultHostName(origin).slice(0, longest);
  if (!isName(given) || given.length > longest) {
    problems.add(name?.at ?? at, where, `${quoted(given)} can't be the name of a host: ${NAME_RULE.replace(/\d+$/, String(longest))}`);
    return null;
  }
  return { name: given, url: origin, discovery, weight };
}
