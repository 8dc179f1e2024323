// Hosts that serve in several pools, in the master's registry and in virtual time: one entry for each pool, one set of
// figures, and a machine whose CPU is counted once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostRegistry } from '../../lib/hosts/host-registry.js';
import type { LoadMessage, Report } from '../../lib/model.js';
import { siteOf } from '../support/site-documents.js';

const test = suite('hosts of pools');

const URL_A = 'http://10.0.0.1:80';
const URL_B = 'http://10.0.0.2:80';

const report = (pools: readonly string[] | undefined, fields: Partial<Report> = {}): Report => ({
  host: 'h1',
  url: URL_A,
  cpu: 0.5,
  memory: 0.4,
  cores: 4,
  rps: 10,
  intervalMs: 1000,
  bye: false,
  instance: 'i1',
  pools,
  ...fields,
});

const idsOf = (registry: HostRegistry) => registry.rows(0).map(({ name }) => name);

/** Lets seconds pass in which `each` reports; hosts answer their checks. */
function pass(registry: HostRegistry, fromMs: number, toMs: number, each: () => Report | undefined = () => undefined): void {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 500) {
    const next = each();
    if (next !== undefined) registry.onReport(next, nowMs);
    registry.tick(nowMs);
    for (const { name } of registry.hostsToProbe(nowMs)) registry.onProbe(name, true, nowMs);
  }
}

test('a report makes one host for each of its pools, all with the same figures', () => {
  const registry = new HostRegistry();
  assert.is(registry.onReport(report(['default', 'api', 'web']), 1000), 'taken');
  const { rows, news } = registry.takeChanges(1250);
  assert.equal(
    rows.map(({ name, url, cpu, ageMs, isStatic }) => [name, url, cpu, ageMs, isStatic]),
    ['h1', 'api/h1', 'web/h1'].map((id) => [id, URL_A, 0.5, 250, false]),
  );
  assert.equal(
    news.map(({ kind, name }) => [kind, name]),
    ['h1', 'api/h1', 'web/h1'].map((id) => ['host-joined', id]),
  );
  registry.onReport(report(['default', 'api', 'web'], { cpu: 0.7 }), 2000);
  assert.equal(
    registry.takeChanges(2000).figures.map(({ name, cpu }) => [name, cpu]),
    ['h1', 'api/h1', 'web/h1'].map((id) => [id, 0.7]),
  );
});

test('a report without pools is for the pool default, and no other', () => {
  const registry = new HostRegistry();
  registry.onReport(report(undefined), 0);
  assert.equal(idsOf(registry), ['h1']);
});

test('a goodbye ends the host in all of its pools, and only one of its own process does', () => {
  const registry = new HostRegistry();
  const pools = ['default', 'api'];
  registry.onReport(report(pools), 0);
  assert.is(registry.onReport(report(pools, { bye: true, instance: 'i2' }), 500), 'conflict');
  assert.equal(idsOf(registry), ['h1', 'api/h1']);
  registry.onReport(report(pools), 1000);
  assert.is(registry.onReport(report(pools, { bye: true }), 1500), 'taken');
  assert.equal([idsOf(registry), registry.takeChanges(1500).gone], [[], ['h1', 'api/h1']]);
});

test('two machines of one name are two hosts in two pools, and a conflict in one', () => {
  const registry = new HostRegistry();
  assert.is(registry.onReport(report(['api']), 0), 'taken');
  assert.is(registry.onReport(report(['web'], { url: URL_B }), 0), 'taken');
  assert.is(registry.onReport(report(['cache', 'api'], { url: URL_B }), 100), 'conflict');
  assert.equal(
    registry.rows(100).map(({ name, url }) => [name, url]),
    [
      ['api/h1', URL_A],
      ['web/h1', URL_B],
      ['cache/h1', URL_B],
    ],
  );
  pass(registry, 1000, 8000, () => report(['web'], { url: URL_B }));
  assert.is(registry.row('api/h1', 8000)?.state, 'silent', 'the other machine says nothing of it');
});

test('an agent that was killed and is back with other pools takes its host out of the rest, but not before three reports', () => {
  const registry = new HostRegistry();
  pass(registry, 0, 2000, () => report(['api', 'web']));
  const again = () => report(['web', 'cache'], { instance: 'i2' });
  pass(registry, 2500, 4500, again);
  assert.equal(idsOf(registry), ['api/h1', 'web/h1', 'cache/h1']);
  registry.takeChanges(4500);
  pass(registry, 5000, 6000, again);
  const { gone, news } = registry.takeChanges(6000);
  assert.equal([gone, idsOf(registry)], [['api/h1'], ['web/h1', 'cache/h1']]);
  assert.equal(news.at(-1), { kind: 'host-left', name: 'api/h1', detail: 'its agent reports it in other pools' });
});

test('an agent that dies takes its host out of no pool', () => {
  const registry = new HostRegistry();
  pass(registry, 0, 2000, () => report(['api', 'web']));
  pass(registry, 2500, 30_000);
  assert.equal(
    registry.rows(30_000).map(({ name, state }) => [name, state]),
    [
      ['api/h1', 'silent'],
      ['web/h1', 'silent'],
    ],
  );
});

test('a new master waits for the agents of the hosts that it took over before it takes one out of a pool', () => {
  const registry = new HostRegistry();
  const before = new HostRegistry();
  before.onReport(report(['api', 'web']), 0);
  registry.seed(before.rows(0), 0);
  pass(registry, 0, 2500, () => report(['web']));
  assert.equal(idsOf(registry), ['api/h1', 'web/h1']);
  pass(registry, 3000, 4000, () => report(['web']));
  assert.equal(idsOf(registry), ['web/h1']);
});

test('a load report in an answer counts for the pool in which the request went to the host', () => {
  const registry = new HostRegistry();
  const statics = ['s', 'api/s'].map((name) => ({ name, url: URL_A }));
  const load: LoadMessage = { balancer: 'b1', instance: 'i', seq: 1, classes: [], said: [], isFull: true, statics, hosts: [] };
  registry.onLoad(load, 0);
  assert.is(registry.onReport(report(['api'], { host: 's', via: 'inband', cpu: 0.8 }), 100), 'taken');
  assert.is(registry.onReport(report(['web'], { host: 's', via: 'inband', cpu: 0.8 }), 100), 'unknown');
  assert.equal([registry.row('s', 100)?.cpu, registry.row('api/s', 100)?.cpu], [null, 0.8]);
});

test('a host whose pool the site does not have is kept and unassigned, until there is one', () => {
  const registry = new HostRegistry();
  const site = (...pools: readonly string[]) =>
    siteOf(JSON.stringify({ version: 1, pools: Object.fromEntries(pools.map((pool) => [pool, {}])), routes: [{ to: pools[0] }] }));
  const unassigned = () => registry.rows(0).flatMap(({ name, isUnassigned }) => (isUnassigned === true ? name : []));
  const changed = () => registry.takeChanges(0).rows.map(({ name }) => name);
  registry.onReport(report(['default', 'api', 'web']), 0);
  const is = (expected: readonly string[], those: readonly string[]) => assert.equal([unassigned(), changed()], [expected, those]);
  is(['api/h1', 'web/h1'], ['h1', 'api/h1', 'web/h1']);
  // Every site has the pool `default`.
  registry.nameSite(site('api', 'cache'), 0);
  is(['web/h1'], ['api/h1']);
  registry.onReport(report(['cache', 'web'], { host: 'h2', url: URL_B }), 0);
  is(['web/h1', 'web/h2'], ['cache/h2', 'web/h2']);
  registry.nameSite(null, 0);
  is(['api/h1', 'web/h1', 'cache/h2', 'web/h2'], ['api/h1', 'cache/h2']);
});

const NONE = { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 };

/**
 * What the master learns of requests that cost 20 ms of CPU each and take 60 ms, by pool: of one machine in all of these
 * pools, which get them in turn.
 */
function learnedCosts(pools: readonly string[]): number[] {
  const registry = new HostRegistry();
  const served = new Map(pools.map((pool) => [pool, 0]));
  let seq = 0;
  // The number of requests varies, since a cost shows in differences.
  for (let second = 1; second <= 60; second++) {
    const nowMs = second * 1000;
    const counts = pools.map((_, i) => 5 + ((second * (7 + 4 * i)) % 13) * 4);
    registry.onLoad(
      {
        balancer: 'b1',
        instance: 'i',
        seq: ++seq,
        classes: pools.map((pool, i) => [64 * i + 1, `${pool}/GET /a`]),
        said: [],
        isFull: true,
        statics: [],
        hosts: pools.map((pool, i) => {
          const count = counts[i] as number;
          served.set(pool, (served.get(pool) as number) + count);
          return {
            host: `${pool}/h1`,
            inflight: 0,
            open: 0,
            longLived: 0,
            work: 0,
            served: served.get(pool) as number,
            meanInflight: 0,
            evidence: NONE,
            counts: [64 * i + 1, count, 60 * count],
          };
        }),
      },
      nowMs,
    );
    const cpuMs = 20 * counts.reduce((sum, count) => sum + count, 0);
    registry.onReport(report(pools, { cpu: cpuMs / 8000, cores: 8 }), nowMs);
    registry.tick(nowMs);
  }
  return pools.map((pool) => registry.costEstimates().find(({ name }) => name === `${pool}/GET /a`)?.costMs ?? Number.NaN);
}

test('costs are learned right where a machine serves in two pools: the requests of both explain its CPU, which counts once', () => {
  const costs = [...learnedCosts(['api']), ...learnedCosts(['api', 'web'])];
  assert.ok(
    costs.every((cost) => cost > 17 && cost < 24),
    `${costs.join(', ')} ms, of CPU and not of time`,
  );
});

test('hosts that the site names no more leave at once, those of an earlier master too; agents and what DNS may find stay', () => {
  const registry = new HostRegistry();
  const site = (web: string, dns = ''): ReturnType<typeof siteOf> =>
    siteOf(`version: 1\npools: { web: { hosts: [${web}] }, api: {}, found: { hosts: ['dns+http://x.test'${dns}] } }\n`);
  registry.nameSite(site(`${URL_A}, ${URL_B}`, ', http://10.0.0.3'), 0);
  registry.onReport(report(['api']), 0);
  assert.equal(idsOf(registry), ['web/10.0.0.1-80', 'web/10.0.0.2-80', 'found/10.0.0.3-80', 'api/h1']);
  registry.nameSite(site(URL_B), 100);
  assert.equal(idsOf(registry), ['web/10.0.0.2-80', 'api/h1']);
  assert.equal(registry.takeChanges(100).gone.toSorted(), ['found/10.0.0.3-80', 'web/10.0.0.1-80']);

  const next = new HostRegistry();
  const [row] = registry.rows(100) as [ReturnType<HostRegistry['rows']>[number]];
  const rows = ['web/old', 'found/old', 'old'].map((name) => Object.assign(structuredClone(row), { name }));
  next.seed([...registry.rows(100), ...rows], 200);
  next.nameSite(site(URL_B), 200);
  assert.equal(idsOf(next), ['web/10.0.0.2-80', 'api/h1', 'found/old', 'old']);
});

test.run();
