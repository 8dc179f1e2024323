// How a fleet takes one site after the other while it serves: eight balancers under a steady load, each version with other
// pools, hosts and routes. Measures the time until a version is in force everywhere, what clients see of it, and what
// balancers hold afterwards.

import { Agent, request } from 'node:http';
import { parseRedisAddress } from '../redis/address.js';
import { type Commands, connectOnce } from '../redis/connect.js';
import { buildKeys } from '../redis/keys.js';
import { applySite } from '../redis/site-store.js';
import type { BenchContext } from './context.js';
import { pause, readHealth, until } from './health.js';
import { LAB_NAMESPACE, startLabRedis } from './lab-fleet.js';
import { type LabChild, startRole } from './processes.js';
import type { BenchReport } from './report.js';
import type { SiteLoadCounts, SiteLoadOrder } from './site-load.js';
import { reportSite, SITE_BALANCERS, SITE_PER_SECOND } from './site-report.js';
import type { Held } from './site-roles.js';
import { POOL_HOSTS, RUNNING_HOSTS, SITE_POOLS, siteDocument, VERSION_HOST, versionBody } from './site-versions.js';

const DEFAULT_APPLICATIONS = 100;
const DEFAULT_CONNECTIONS = 64;

/** Applications before the first look at memory: code gets compiled, and each balancer has had many pools. */
const WARM_UP = 10;

/** Between two questions to a balancer which version it goes by. */
const ASK_EVERY_MS = 5;

const WITHIN_MS = 30_000;

/** What leaves is given back after some seconds: a master waits for balancers that restart. */
const REST_MS = 8000;
const REST_WITHIN_MS = 60_000;

interface SiteBalancer {
  readonly child: LabChild;
  readonly port: number;
  readonly consolePort: number;
  /** The connection on which it is asked for its version. */
  readonly agent: Agent;
}

/** Runs the benchmark. */
export async function runSites({ entry, flags, say, shutdown }: BenchContext): Promise<BenchReport> {
  const applications = flags.rounds ?? DEFAULT_APPLICATIONS;
  const connections = flags.connections ?? DEFAULT_CONNECTIONS;
  const redis = await startLabRedis(entry, shutdown);
  const client = await connectOnce(parseRedisAddress(redis.url), WITHIN_MS);
  shutdown.add(() => client.disconnect());
  const options = { core: null, shutdown };
  const { ready } = await startRole('site-hosts', [String(RUNNING_HOSTS)], options);
  const hostPorts = ready.ports as readonly number[];
  const balancers: SiteBalancer[] = [];
  for (let i = 1; i <= SITE_BALANCERS; i++) balancers.push(await startBalancer(`b${i}`, redis.url, shutdown));
  let version = await apply(client, 0, hostPorts);
  await inForce(balancers, version);
  await until('every balancer knows every host, and one is master', WITHIN_MS, 100, async () => {
    const pages = await Promise.all(balancers.map(({ consolePort, agent }) => readHealth(consolePort, agent)));
    const isWhole = pages.every((page) => page?.status === 'serving' && page.hosts === SITE_POOLS * POOL_HOSTS);
    return isWhole && pages.filter((page) => page?.role === 'master').length === 1;
  });

  const { child: load } = await startRole('site-load', [], options);
  const order = (each: SiteLoadOrder): void => load.send(each);
  const counted = async (type: 'count' | 'end'): Promise<SiteLoadCounts> => {
    order({ type });
    return (await load.next('counts', WITHIN_MS)) as unknown as SiteLoadCounts;
  };
  order({ type: 'begin', ports: balancers.map(({ port }) => port), perSecond: SITE_PER_SECOND, connections });
  order({ type: 'versions', from: version, to: version });
  await pause(2000);
  say(`${SITE_BALANCERS} balancers serve version ${version}: ${describe(await counted('count'))}`);

  const times: number[] = [];
  const applyAll = async (count: number): Promise<readonly Held[]> => {
    for (let i = 0; i < count; i++) {
      order({ type: 'versions', from: version, to: version + 1 });
      const atMs = performance.now();
      version = await apply(client, version, hostPorts);
      await inForce(balancers, version);
      times.push(performance.now() - atMs);
      order({ type: 'versions', from: version, to: version });
    }
    const held = await rest(balancers);
    const slowest = Math.max(0, ...times.slice(-count));
    say(`version ${version}: the last ${count} took at most ${Math.round(slowest)} ms; ${describe(await counted('count'))}`);
    return held;
  };
  const start = await applyAll(WARM_UP);
  times.length = 0;
  const half = Math.ceil(applications / 2);
  const middle = await applyAll(half);
  const end = await applyAll(applications - half);
  return reportSite({ redisKind: redis.kind, connections, times, start, middle, end, counts: await counted('end') });
}

async function startBalancer(name: string, redisUrl: string, shutdown: BenchContext['shutdown']): Promise<SiteBalancer> {
  const { child, ready } = await startRole('site-balancer', [name, redisUrl], { core: null, shutdown, nodeFlags: ['--expose-gc'] });
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  shutdown.add(() => agent.destroy());
  return { child, port: Number(ready.port), consolePort: Number(ready.consolePort), agent };
}

/** Applies the version after this one. */
async function apply(client: Commands, before: number, hostPorts: readonly number[]): Promise<number> {
  const outcome = await applySite(client, buildKeys(LAB_NAMESPACE), {
    document: siteDocument(before + 1, hostPorts),
    expectedVersion: before,
    highestVersion: before,
    by: 'bench',
    at: new Date(),
  });
  if (outcome.kind !== 'applied') throw new Error(`version ${before + 1} could not be applied: ${outcome.kind}`);
  return outcome.site.version;
}

/** Resolves when every balancer answers as this version says. */
async function inForce(balancers: readonly SiteBalancer[], version: number): Promise<void> {
  await Promise.all(
    balancers.map(({ port, agent }) =>
      until(
        `version ${version} to be in force on port ${port}`,
        WITHIN_MS,
        ASK_EVERY_MS,
        async () => (await askVersion(port, agent)) === versionBody(version),
      ),
    ),
  );
}

function askVersion(port: number, agent: Agent): Promise<string> {
  return new Promise((resolve) => {
    const asked = request({ port, host: '127.0.0.1', agent, headers: { Host: VERSION_HOST } }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      response.on('end', () => resolve(body));
      response.on('error', () => resolve(''));
    });
    asked.on('error', () => resolve(''));
    asked.end();
  });
}

/** What each balancer holds, once what left the site is given back; or what it still holds after a minute. */
async function rest(balancers: readonly SiteBalancer[]): Promise<readonly Held[]> {
  await pause(REST_MS);
  for (const untilMs = performance.now() + REST_WITHIN_MS; ; ) {
    const held = await Promise.all(
      balancers.map(async ({ child }) => {
        child.send({ type: 'report' });
        return (await child.next('held', WITHIN_MS)) as unknown as Held;
      }),
    );
    const isAtRest = held.every(({ slots }) => slots <= SITE_POOLS * POOL_HOSTS);
    if (isAtRest || performance.now() > untilMs) return held;
    await pause(1000);
  }
}

function describe({ sent, right, late, failed, closed }: SiteLoadCounts): string {
  return `${sent} requests, ${right} answered rightly, ${late} late, failed ${JSON.stringify(failed)}, ${closed} connections closed`;
}
