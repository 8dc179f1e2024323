// Real balancers in the test's own process, on free ports of loopback; their fleet and hosts threads are inner
// ones unless a test asks for its own. Stopped at the end of the bracket, whatever happened in it.

import { Agent } from 'node:http';
import { type MeasurableBalancer, startBalancer } from '../../lib/balancer.js';
import { type BalancerConfig, checkRelations, DEFAULTS } from '../../lib/config/config.js';
import type { Lookup } from '../../lib/health/host-addresses.js';
import type { Log } from '../../lib/log.js';
import type { Report } from '../../lib/model.js';
import { buildKeys, type Keys } from '../../lib/redis/keys.js';
import { type BalancerView, readFleet } from '../../lib/redis/fleet-view.js';
import { encodeReport } from '../../lib/redis/report-message.js';
import type { Commands } from '../../lib/redis/connect.js';
import { readCounters } from '../../lib/table/counters.js';
import { HEADER, openTable } from '../../lib/table/layout.js';
import type { KeepThread } from '../../lib/threads.js';
import { ask } from './http-client.js';
import { keepInnerThread } from './inner-threads.js';
import { until } from './until.js';

/** A Redis that is not there: nobody listens on port 1. */
export const NO_REDIS = 'redis://127.0.0.1:1';

/** What is generous to wait for on a slow machine; what is waited for takes far less on a quick one. */
export const SLOW_MS = 30_000;

/** The namespace of these fleets: each test has a Redis of its own. */
export const KEYS: Keys = buildKeys('test');

/** The health page's answer. */
export interface HealthPage {
  readonly httpStatus: number;
  readonly status: string;
  readonly role: string;
  readonly term: number;
  readonly hosts: number;
  readonly inflight: number;
}

/** A running balancer and what a test looks at. */
export interface TestBalancer {
  readonly balancer: MeasurableBalancer;
  readonly port: number;
  readonly name: string;
  /** The log's lines so far, as `level message {fields}`. */
  readonly lines: readonly string[];
  counter(name: string): number;
  /** Requests in flight: of the balancer, and the sum of all hosts. */
  inflight(): { readonly balancer: number; readonly hosts: number };
  health(): Promise<HealthPage>;
  /** How many hosts are known now. */
  hosts(): number;
  /** Resolves when this many hosts are known. */
  knows(hosts: number): Promise<void>;
  becomes(role: 'master' | 'slave'): Promise<void>;
}

/** The lease of production, for tests of what happens when it ends. */
export const SHORT_LEASE_MS = 1500;

/** Where a test is about something else: a machine that stalls for seconds shall not cost a mastership. */
const LONG_LEASE_MS = 10_000;

/** A configuration with short times; what is not said has a default. */
export function buildConfig(overrides: Partial<BalancerConfig> = {}): BalancerConfig {
  const hasRedis = overrides.redis !== undefined && !overrides.redis.includes(NO_REDIS);
  return checkRelations({
    ...DEFAULTS,
    redis: [NO_REDIS],
    namespace: KEYS.namespace,
    port: 0,
    bind: '127.0.0.1',
    consolePort: 0,
    name: '',
    algorithm: 'round-robin',
    statics: [],
    leaseTtlMs: hasRedis ? LONG_LEASE_MS : SHORT_LEASE_MS,
    drainTimeoutMs: 2000,
    // On a busy machine even loopback takes its time; tests of this wait have their own.
    connectTimeoutMs: 5000,
    responseTimeoutMs: 10_000,
    // Tests count who gets what from the first request on.
    slowStartMs: 0,
    // Without Redis a balancer checks its hosts itself after 3 s: tests that count what hosts see are spared it.
    ...(overrides.redis === undefined && { healthIntervalMs: 10 * 60_000 }),
    logLevel: 'silent',
    ...overrides,
  });
}

/** Whatever a test did to its requests, none of them may be in flight forever. */
async function isIdle({ inflight }: TestBalancer): Promise<void> {
  const left = () => JSON.stringify(inflight());
  await until(() => left() === '{"balancer":0,"hosts":0}', { timeoutMs: SLOW_MS, what: () => `nothing to be in flight: ${left()}` });
}

/**
 * Starts a balancer, hands it out when it knows its static hosts, checks that nothing stays in flight, and stops it.
 * @param keep `keepThread` for threads of its own
 * @param lookup finds the addresses of hosts that have names; the system's by default
 */
export async function withBalancer<T>(
  overrides: Partial<BalancerConfig>,
  fn: (each: TestBalancer) => T | Promise<T>,
  keep: KeepThread = keepInnerThread,
  lookup?: Lookup,
): Promise<T> {
  const lines: string[] = [];
  const log: Log = (level, message, fields = {}) => void lines.push(`${level} ${message} ${JSON.stringify(fields)}`);
  const config = buildConfig(overrides);
  const balancer = await startBalancer(config, log, keep, lookup);
  const { counters, header, inflight, known } = openTable(balancer.table);
  const each: TestBalancer = {
    balancer,
    port: balancer.port,
    name: balancer.name,
    lines,
    counter: (name) => (readCounters(counters) as Record<string, number>)[name] ?? 0,
    inflight: () => ({ balancer: header[HEADER.inflight] as number, hosts: inflight.reduce((sum, one) => sum + one, 0) }),
    async health() {
      const { status, body } = await ask(balancer.consolePort, { path: '/.meercat/health' });
      return { ...(JSON.parse(body) as Omit<HealthPage, 'httpStatus'>), httpStatus: status };
    },
    hosts: () => known.reduce((sum, one) => sum + one, 0),
    async knows(hosts) {
      // A look at the table costs far less than one at the page.
      await until(async () => each.hosts() === hosts && (await each.health()).hosts === hosts, {
        timeoutMs: SLOW_MS,
        what: `${hosts} hosts on ${balancer.name}`,
      });
    },
    async becomes(role) {
      await until(() => balancer.role === role, {
        timeoutMs: SLOW_MS,
        what: () => `${balancer.name} to be ${role}; its log:\n${lines.join('\n')}`,
      });
    },
  };
  try {
    if (config.statics.length > 0)
      await until(async () => (await each.health()).hosts >= config.statics.length, { timeoutMs: SLOW_MS, what: 'the static hosts' });
    const result = await fn(each);
    await isIdle(each);
    return result;
  } finally {
    await balancer.stop();
  }
}

/** The bodies of this many answers to GET /, one after the other over one connection. */
export async function answersOf({ port }: TestBalancer, requests: number): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const bodies: string[] = [];
    for (let i = 0; i < requests; i++) bodies.push((await ask(port, { agent })).body);
    return bodies;
  } finally {
    agent.destroy();
  }
}

/** Resolves when nine requests to this balancer go to these hosts, whose answers are their names, and to no other. */
export async function picksOnly(each: TestBalancer, ...hosts: readonly string[]): Promise<void> {
  let last: string[] = [];
  await until(async () => (last = [...new Set(await answersOf(each, 9))].toSorted()).join() === hosts.join(), {
    timeoutMs: SLOW_MS,
    everyMs: 50,
    what: () => `${each.name} to pick ${hosts.join()}, not ${last.join()}; its log:\n${each.lines.join('\n')}`,
  });
}

/** Publishes one report, as an agent does, whether or not a master listens; gives how many did. */
export function publishReport(client: Commands, host: string, url: string, fields: Partial<Report> = {}): Promise<number> {
  return client.publish(
    KEYS.reports,
    encodeReport({ host, url, cpu: 0.2, memory: 0.3, cores: 4, rps: null, intervalMs: 1000, bye: false, ...fields }),
  );
}

/** Publishes one report that a master hears: one that was just elected may not listen yet. */
export async function deliverReport(client: Commands, host: string, url: string, fields: Partial<Report> = {}): Promise<void> {
  await until(() => publishReport(client, host, url, fields), { timeoutMs: SLOW_MS, what: 'a master that listens to reports' });
}

/** Publishes one report, and again if it was lost, until this balancer knows as many hosts. */
export async function deliverUntil(
  each: TestBalancer,
  hosts: number,
  client: Commands,
  host: string,
  url: string,
  fields: Partial<Report> = {},
): Promise<void> {
  await sendUntil(
    () => deliverReport(client, host, url, fields),
    () => each.hosts() === hosts,
    () => `${hosts} hosts on ${each.name}, not ${each.hosts()}; its log:\n${each.lines.join('\n')}`,
  );
  await each.knows(hosts);
}

/** A balancer as `meercat status --json` shows it: from Redis alone. */
export async function statusOf(client: Commands, name: string): Promise<BalancerView | undefined> {
  return (await readFleet(client, KEYS)).balancers.find((balancer) => balancer.name === name);
}

/** After this time a message counts as lost. */
const LOST_MS = 5000;

/**
 * Sends, and sends again, until it had its effect. Pub/sub has no delivery guarantee: on a machine that stalls, a
 * subscriber's connection may be lost just then.
 */
export async function sendUntil(
  send: () => Promise<unknown>,
  hasEffect: () => boolean | Promise<boolean>,
  what: () => string,
): Promise<void> {
  for (let leftMs = SLOW_MS; ; leftMs -= LOST_MS) {
    await send();
    const isIt = await until(hasEffect, { timeoutMs: LOST_MS, what }).catch((error: unknown) => {
      if (leftMs <= LOST_MS) throw error;
      return false;
    });
    if (isIt) return;
  }
}

/** Resolves when the status shows at least this count. */
export async function statusCounts(client: Commands, name: string, counter: string, atLeast: number): Promise<void> {
  let last: BalancerView | undefined;
  await until(
    async () => {
      last = await statusOf(client, name);
      return (last?.counters[counter] ?? 0) >= atLeast;
    },
    { timeoutMs: SLOW_MS, everyMs: 50, what: () => `${counter} ≥ ${atLeast} in the status: ${JSON.stringify(last?.counters)}` },
  );
}
