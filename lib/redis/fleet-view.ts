// A readable view of the fleet's state in Redis: redis-cli shows the same data. Everything read is validated, since
// anyone may have written it and it ends up on terminals.

import { HOST_STATES, type HostState, type OperatorState } from '../model.js';
import type { Commands } from './connect.js';
import { ACCEPT_UNSIGNED, type KeyRing } from './fleet-key.js';
import type { Keys } from './keys.js';
import { isDenial, reasonOf } from './reason.js';
import { partlyNamedPhrases, readPartlyNamed } from './partly-named.js';
import { readReply } from './replies.js';
import { originOf } from '../host-origin.js';
import { isHostId, isName, isPoolName } from './names.js';
import { parseSettings, SETTING_CHECK, settingPlace } from './settings.js';
import { MessageChecker } from './sign.js';
import { splitSignature } from './signature.js';
import { siteProblems, type SiteView, siteViewOf } from './site-view.js';
import { isSiteVersion, readStoredSite, type SiteFound } from './stored-site.js';
import { MAX_TERM, parseTerm } from './term.js';

/** A balancer's row. */
export interface BalancerView {
  readonly name: string;
  readonly role: string;
  readonly url: string;
  readonly machine: string;
  readonly pid: number | null;
  readonly version: string;
  readonly since: string;
  readonly term: number | null;
  readonly rps: number | null;
  readonly inflight: number | null;
  /** CPU of the balancer's process, in cores. */
  readonly cpu: number | null;
  readonly memoryBytes: number | null;
  /** Age of the host table that it routes on, round trip of its last heartbeat, and interval of its load messages, in ms. */
  readonly tableAgeMs: number | null;
  readonly redisRttMs: number | null;
  readonly exchangeMs: number | null;
  /** What remained of its lease when it last said so, in ms; null unless it is master. */
  readonly leaseMs: number | null;
  /** The public ids of its fleet keys, the signing one first, and whether it accepts unsigned messages; '' without a key. */
  readonly fleetKey: string;
  /** Why it receives no tables from a master; '' while it does. */
  readonly noMaster: string;
  /** The version of the site that it goes by, 0 for a file of its own; null for none. */
  readonly site: number | null;
  /** Why it does not go by the fleet's site; '' if it does. */
  readonly siteRefused: string;
  /** All its counters, by name; see `COUNTERS`. */
  readonly counters: Readonly<Record<string, number>>;
}

/** A host's row. */
export interface HostRecord {
  readonly name: string;
  readonly url: string;
  readonly state: HostState;
  /** Whether there is no such pool: it gets no requests. */
  readonly isUnassigned: boolean;
  /** Its operator state; null if none is set. */
  readonly operator: OperatorState | null;
  readonly hasAgent: boolean;
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly cores: number | null;
  /** All requests in flight, and the long-lived ones (upgrades, streams) among them. */
  readonly inflight: number | null;
  readonly longLived: number | null;
  readonly rps: number | null;
  /** Latencies of the last minute, and errors a second; null without any request. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly errorRps: number | null;
  /** How many balancers have ejected it. */
  readonly ejectedBy: number | null;
  /** Time of its last report, as ISO 8601; null if none. */
  readonly reported: string | null;
}

/** A pool's row. */
export interface PoolRecord {
  readonly name: string;
  readonly hosts: number | null;
  readonly up: number | null;
  readonly rps: number | null;
  readonly inflight: number | null;
  /** Latencies of the last minute, and errors a second; null without any request. */
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  readonly errorRps: number | null;
  /** As the site says; '' where it says nothing. */
  readonly algorithm: string;
}

/** The whole fleet at one moment. */
export interface FleetView {
  readonly namespace: string;
  readonly master: string | null;
  readonly term: number | null;
  /** Null while there is none. */
  readonly site: SiteView | null;
  /** Pools that an operator put into maintenance, and the status that they answer. */
  readonly maintenance: readonly { readonly pool: string; readonly status: number }[];
  readonly balancers: readonly BalancerView[];
  readonly hosts: readonly HostRecord[];
  readonly pools: readonly PoolRecord[];
  /** Problems with the data in Redis, one phrase each. */
  readonly problems: readonly string[];
}

/** Maximum rows read: more would not help a reader, but would load Redis. */
const MAX_ROWS = 20_000;
/** Hashes per round trip: the whole reply must arrive within the timeout of one command, on a slow machine too. */
const BATCH = 100;

/** Reads the fleet from Redis. With a key, settings that do not count are named as a problem. Rejects if it is unreachable. */
export async function readFleet(client: Commands, keys: Keys, ring?: KeyRing): Promise<FleetView> {
  const problems: string[] = [];
  const tolerate = <Value>(key: string, reply: Promise<Value>, empty: Value): Promise<Value> =>
    reply.catch((error: unknown) => {
      if (!(error instanceof Error) || !error.message.includes('WRONGTYPE')) throw error;
      problems.push(`${key} holds another type than Meercat writes`);
      return empty;
    });
  const [balancerNames, hostNames, poolNames, master, term, settings, site] = await Promise.all([
    tolerate(keys.balancers, client.zrange(keys.balancers, '0', String(MAX_ROWS - 1)), []),
    tolerate(keys.hosts, client.zrange(keys.hosts, '0', String(MAX_ROWS - 1)), []),
    tolerate(keys.pools, client.zrange(keys.pools, '0', String(MAX_ROWS - 1)), []),
    tolerate(keys.master, client.hget(keys.master, 'name'), null),
    tolerate(keys.term, client.get(keys.term), null),
    tolerate(keys.settings, client.hgetall(keys.settings), {}),
    readStoredSite(client, keys).catch(deniedSite),
  ]);
  const balancers = await viewBalancers(client, keys, balancerNames);
  const isSigning = balancers.length > 0 && balancers.every(({ fleetKey }) => fleetKey !== '' && !fleetKey.endsWith(ACCEPT_UNSIGNED));
  const unsigned = unsignedSettings(keys, ring, settings, isSigning);
  // Balancers that accept nothing unsigned ignore these, so nobody is to take them for what is in force.
  const inForce = isSigning ? Object.fromEntries(Object.entries(settings).filter(([field]) => !unsigned.includes(field))) : settings;
  const { operatorStates, maintenance, wrong } = parseSettings(inForce);
  const hosts = await readHashes(client, hostNames.filter(isHostId).toSorted(compareNames), keys.host);
  const pools = await readHashes(client, poolNames.filter(isPoolName).toSorted(compareNames), keys.pool);
  if (wrong > 0) problems.push(`${keys.settings}: ${wrong} field${wrong === 1 ? ' is' : 's are'} not understood and ignored`);
  if (unsigned.length > 0) {
    const fields = unsigned
      .toSorted()
      .map((field) => `'${textOf(field)}'`)
      .join(', ');
    problems.push(`${keys.settings}: not signed with the fleet’s key${isSigning ? ', and ignored' : ''}: ${fields}`);
  }
  for (const [name, { conflict }] of hosts) if (conflict) problems.push(`${name}: ${textOf(conflict)}`);
  const partly = hosts.flatMap(([name, { named_by, not_named_by }]) => {
    const naming = readPartlyNamed(named_by, not_named_by);
    return naming === null ? [] : [[name, naming] as const];
  });
  problems.push(...partlyNamedPhrases(partly));
  // The host may come back, or a new host may take the name.
  const known = new Set(hostNames);
  for (const [name, word] of operatorStates)
    if (!known.has(name)) problems.push(`${name} is ${word}, but the fleet knows no such host: meercat undrain ${name} takes that back`);
  return {
    namespace: keys.namespace,
    master: isName(master) ? master : null,
    term: parseTerm(term, MAX_TERM).term || null,
    site: siteViewOf(keys, site, ring, balancers),
    maintenance: [...maintenance].map(([pool, { status }]) => ({ pool, status })).toSorted((a, b) => compareNames(a.pool, b.pool)),
    balancers,
    hosts: hosts.flatMap(([name, fields]) => hostView(name, fields, operatorStates.get(name) ?? null) ?? []),
    pools: pools.map(([name, fields]) => poolView(name, fields)),
    problems: [...problems, ...siteProblems(keys, site, ring, balancers), ...masterless(balancers), ...keyProblems(balancers)],
  };
}

/** Reads the balancers alone. Rejects if Redis is unreachable. */
export async function readBalancers(client: Commands, keys: Keys): Promise<BalancerView[]> {
  return viewBalancers(client, keys, await client.zrange(keys.balancers, '0', String(MAX_ROWS - 1)));
}

async function viewBalancers(client: Commands, keys: Keys, names: readonly string[]): Promise<BalancerView[]> {
  return (await readHashes(client, names.filter(isName), keys.balancer)).map(([name, fields]) => balancerView(name, fields));
}

/** A user of an older file of users may not read it: the rest is shown all the same. */
function deniedSite(error: unknown): SiteFound {
  const reason = reasonOf(error);
  if (!isDenial(reason)) throw error;
  return { kind: 'bad', mark: '', reason };
}

/** One phrase per reason why balancers receive no tables, with their names. */
function masterless(balancers: readonly BalancerView[]): string[] {
  const names = new Map<string, string[]>();
  for (const { name, noMaster } of balancers) if (noMaster !== '') names.set(noMaster, [...(names.get(noMaster) ?? []), name]);
  return [...names].map(([reason, those]) => `no master is heard by ${those.join(', ')}: ${reason}`);
}

/** The settings without a good signature. */
function unsignedSettings(keys: Keys, ring: KeyRing | undefined, settings: Hash, isSigning: boolean): string[] {
  const checker = ring?.isKeyed === true ? new MessageChecker(ring) : undefined;
  return Object.entries(settings).flatMap(([field, value]) => {
    // Without the key all that can be seen is whether there is a signature.
    if (checker === undefined) return isSigning && splitSignature(value) === null ? field : [];
    const checked = checker.check(settingPlace(keys, field), value, SETTING_CHECK);
    return checked.ok && checked.by !== null ? [] : field;
  });
}

const idsOf = ({ fleetKey }: BalancerView): string[] => fleetKey.replace(/ .*/, '').split(',');

/** Balancers that do not understand one another, and those that still accept what is not signed. */
function keyProblems(balancers: readonly BalancerView[]): string[] {
  const keyed = balancers.filter(({ fleetKey }) => fleetKey !== '');
  if (keyed.length === 0) return [];
  const namesOf = (those: readonly BalancerView[]): string => those.map(({ name }) => name).join(', ');
  const without = balancers.filter(({ fleetKey }) => fleetKey === '');
  const open = keyed.filter(({ fleetKey }) => fleetKey.endsWith(ACCEPT_UNSIGNED));
  const foreign = keyed.flatMap((one) => {
    const [id = ''] = idsOf(one);
    const others = keyed.filter((other) => !idsOf(other).includes(id));
    return others.length === 0
      ? []
      : `${one.name} signs with the fleet key ${id}, which ${namesOf(others)} ${others.length === 1 ? 'does' : 'do'} not have`;
  });
  return [
    ...(without.length === 0 ? [] : [`no fleet key: ${namesOf(without)}; the others sign`]),
    ...(open.length === 0 ? [] : [`unsigned messages are still accepted by ${namesOf(open)}`]),
    ...foreign,
  ];
}

/** Natural order: h2 before h10. */
function compareNames(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

type Hash = Readonly<Record<string, string>>;

async function readHashes(client: Commands, names: readonly string[], keyOf: (name: string) => string): Promise<[string, Hash][]> {
  const found: [string, Hash][] = [];
  for (let start = 0; start < names.length; start += BATCH) {
    const batch = names.slice(start, start + BATCH);
    const pipeline = client.pipeline();
    for (const name of batch) pipeline.hgetall(keyOf(name));
    // oxlint-disable-next-line no-await-in-loop -- sequential batches, to limit the load on Redis
    const replies = await pipeline.exec();
    for (const [index, name] of batch.entries()) {
      const hash = readReply(replies, index) as Hash | null;
      // An expired hash means that the host is gone; a key of another type is not ours.
      if (hash !== null && Object.keys(hash).length > 0) found.push([name, hash]);
    }
  }
  return found;
}

const COUNTER_PREFIX = 'count:';

/** The field of a balancer's hash that holds a counter. */
export function counterField(name: string): string {
  return COUNTER_PREFIX + name;
}

function balancerView(name: string, hash: Hash): BalancerView {
  const counters: Record<string, number> = {};
  for (const [field, value] of Object.entries(hash)) {
    if (!field.startsWith(COUNTER_PREFIX)) continue;
    const counter = field.slice(COUNTER_PREFIX.length);
    if (/^[a-z0-9_]{1,64}$/.test(counter)) counters[counter] = numberOf(value) ?? 0;
  }
  return {
    name,
    role: textOf(hash.role),
    url: textOf(hash.url),
    machine: textOf(hash.machine),
    pid: numberOf(hash.pid),
    version: textOf(hash.version),
    since: textOf(hash.since),
    term: numberOf(hash.term),
    rps: numberOf(hash.rps),
    inflight: numberOf(hash.inflight),
    cpu: numberOf(hash.cpu),
    memoryBytes: numberOf(hash.memory_bytes),
    tableAgeMs: numberOf(hash.table_age_ms),
    redisRttMs: numberOf(hash.redis_rtt_ms),
    exchangeMs: numberOf(hash.exchange_ms),
    leaseMs: numberOf(hash.lease_ms),
    fleetKey: textOf(hash.fleet_key),
    noMaster: textOf(hash.no_master),
    site: versionOf(hash.site),
    siteRefused: textOf(hash.site_refused),
    counters,
  };
}

function hostView(name: string, hash: Hash, operator: OperatorState | null): HostRecord | undefined {
  const url = originOf(hash.url);
  const state = hash.state as HostState;
  if (url === null || !HOST_STATES.includes(state)) return undefined;
  return {
    name,
    url,
    state,
    isUnassigned: hash.unassigned === '1',
    operator,
    hasAgent: hash.agent === 'yes',
    cpu: numberOf(hash.cpu),
    memory: numberOf(hash.memory),
    cores: numberOf(hash.cores),
    inflight: numberOf(hash.inflight),
    longLived: numberOf(hash.long_lived),
    rps: numberOf(hash.rps),
    p50Ms: numberOf(hash.p50),
    p99Ms: numberOf(hash.p99),
    errorRps: numberOf(hash.errors),
    ejectedBy: numberOf(hash.ejected_by),
    reported: textOf(hash.reported) || null,
  };
}

function poolView(name: string, hash: Hash): PoolRecord {
  return {
    name,
    hosts: numberOf(hash.hosts),
    up: numberOf(hash.up),
    rps: numberOf(hash.rps),
    inflight: numberOf(hash.inflight),
    p50Ms: numberOf(hash.p50),
    p99Ms: numberOf(hash.p99),
    errorRps: numberOf(hash.errors),
    algorithm: textOf(hash.algorithm),
  };
}

function numberOf(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '') return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** 0 is a file of the balancer's own. */
function versionOf(text: string | undefined): number | null {
  const value = numberOf(text);
  return value === 0 || isSiteVersion(value) ? value : null;
}

/** Makes text safe for a terminal: truncated, without control or bidirectional characters (Unicode category "other"). */
function textOf(text: string | undefined): string {
  return (text ?? '').slice(0, 200).replace(/\p{C}/gu, '?');
}
