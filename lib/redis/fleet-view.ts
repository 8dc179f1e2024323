// The fleet as it stands in Redis, for people: nothing here is known otherwise than with redis-cli.
// What is read is checked, since anyone may have written it and it ends up on terminals.

import { HOST_STATES, type HostState, type OperatorState } from '../model.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import { isName, originOf } from './names.js';
import { parseSettings } from './settings.js';
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
  /** Why it hears no master; '' while it hears one. */
  readonly noMaster: string;
  /** Everything it counted, by name; see `COUNTERS`. */
  readonly counters: Readonly<Record<string, number>>;
}

/** A host's row. */
export interface HostRecord {
  readonly name: string;
  readonly url: string;
  readonly state: HostState;
  /** What an operator said of it; null when nothing. */
  readonly operator: OperatorState | null;
  readonly hasAgent: boolean;
  readonly cpu: number | null;
  readonly memory: number | null;
  readonly cores: number | null;
  readonly inflight: number | null;
  readonly rps: number | null;
  /** When it last reported, as ISO 8601; null when never. */
  readonly reported: string | null;
}

/** The whole fleet at one moment. */
export interface FleetView {
  readonly namespace: string;
  readonly master: string | null;
  readonly term: number | null;
  readonly balancers: readonly BalancerView[];
  readonly hosts: readonly HostRecord[];
  /** What is wrong with what stands in Redis, a phrase each. */
  readonly problems: readonly string[];
}

/** More rows than this are not read: they would be of no use to a person, and of much cost to Redis. */
const MAX_ROWS = 20_000;
const BATCH = 1000;

/** Reads the fleet from Redis. Rejects when it can't be reached. */
export async function readFleet(client: Commands, keys: Keys): Promise<FleetView> {
  const problems: string[] = [];
  const tolerate = <Value>(key: string, reply: Promise<Value>, empty: Value): Promise<Value> =>
    reply.catch((error: unknown) => {
      if (!(error instanceof Error) || !error.message.includes('WRONGTYPE')) throw error;
      problems.push(`${key} holds another type than Meercat writes`);
      return empty;
    });
  const [balancerNames, hostNames, master, term, settings] = await Promise.all([
    tolerate(keys.balancers, client.zrange(keys.balancers, '0', String(MAX_ROWS - 1)), []),
    tolerate(keys.hosts, client.zrange(keys.hosts, '0', String(MAX_ROWS - 1)), []),
    tolerate(keys.master, client.hget(keys.master, 'name'), null),
    tolerate(keys.term, client.get(keys.term), null),
    tolerate(keys.settings, client.hgetall(keys.settings), {}),
  ]);
  const balancers = (await readHashes(client, balancerNames.filter(isName), keys.balancer)).map(([name, fields]) =>
    balancerView(name, fields),
  );
  const { operatorStates, wrong } = parseSettings(settings);
  const hosts = await readHashes(client, hostNames.filter(isName).toSorted(compareNames), keys.host);
  if (wrong > 0) problems.push(`${keys.settings}: ${wrong} field${wrong === 1 ? ' is' : 's are'} not understood and ignored`);
  for (const [name, { conflict }] of hosts) if (conflict) problems.push(`${name}: ${textOf(conflict)}`);
  // Its host may come back, and a host that is new may get its name.
  const known = new Set(hostNames);
  for (const [name, word] of operatorStates)
    if (!known.has(name)) problems.push(`${name} is ${word}, but the fleet knows no such host: meercat undrain ${name} takes that back`);
  return {
    namespace: keys.namespace,
    master: isName(master) ? master : null,
    term: parseTerm(term, MAX_TERM).term || null,
    balancers,
    hosts: hosts.flatMap(([name, fields]) => hostView(name, fields, operatorStates.get(name) ?? null) ?? []),
    problems: [...problems, ...masterless(balancers)],
  };
}

/** One phrase for each reason why balancers hear no master, and their names. */
function masterless(balancers: readonly BalancerView[]): string[] {
  const names = new Map<string, string[]>();
  for (const { name, noMaster } of balancers) if (noMaster !== '') names.set(noMaster, [...(names.get(noMaster) ?? []), name]);
  return [...names].map(([reason, those]) => `no master is heard by ${those.join(', ')}: ${reason}`);
}

/** h2 before h10. */
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
    // oxlint-disable-next-line no-await-in-loop -- one batch after the other, to spare Redis
    const replies = (await pipeline.exec()) ?? [];
    for (const [index, name] of batch.entries()) {
      const [error, hash] = replies[index] ?? [new Error('no reply'), null];
      // A name whose hash has run out is gone; what is of another type is not ours.
      if (error === null && Object.keys(hash as Hash).length > 0) found.push([name, hash as Hash]);
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
    noMaster: textOf(hash.no_master),
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
    operator,
    hasAgent: hash.agent === 'yes',
    cpu: numberOf(hash.cpu),
    memory: numberOf(hash.memory),
    cores: numberOf(hash.cores),
    inflight: numberOf(hash.inflight),
    rps: numberOf(hash.rps),
    reported: textOf(hash.reported) || null,
  };
}

function numberOf(text: string | undefined): number | null {
  if (text === undefined || text.trim() === '') return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}

/** Text for a terminal: not endless, and nothing in it that a terminal would act on or turn round (Unicode's category "other"). */
function textOf(text: string | undefined): string {
  return (text ?? '').slice(0, 200).replace(/\p{C}/gu, '?');
}
