// A site in the thread that serves: which pool a request belongs to, what outlives a change of the site, and when a pool
// that the site no longer has is given back.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { HostHashes } from '../../lib/routing/host-hashes.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { Random } from '../../lib/routing/random.js';
import type { NamedPool } from '../../lib/table/pool-indexes.js';
import { TableWriter } from '../../lib/table/writer.js';
import type { Host } from '../../lib/traffic/host/host.js';
import { Affinities } from '../../lib/traffic/affinities.js';
import { RateLimits } from '../../lib/traffic/rate-limits.js';
import { SiteSwitch } from '../../lib/traffic/site-switch.js';
import { siteOf } from '../support/site-documents.js';
import { buildTrafficStage } from '../support/traffic-context.js';

const test = suite('site switch');

const INDEXES: readonly NamedPool[] = [
  ['default', 0],
  ['web', 1],
  ['api', 2],
];
const BOTH = siteOf(`
version: 1
pools:
  web: { hosts: ['http://127.0.0.1:1'], algorithm: round-robin, retries: { budget: 0%, attempts: 3 }, timeouts: { response: 5s } }
  api: { hosts: ['http://127.0.0.1:2', 'http://127.0.0.1:3'], limits: { perHost: 2 } }
routes:
  - { match: { path: /api }, to: { api: 3, web: 1 } }
  - { to: web }
`);

function withSwitch(fn: (stage: ReturnType<typeof open>) => void): void {
  const stage = open();
  try {
    fn(stage);
  } finally {
    stage.stop();
  }
}

/** A switch whose table knows the hosts of both pools. */
function open() {
  const { columns, hosts, deadlines, context, config, stop } = buildTrafficStage(() => 0);
  const gone: string[][] = [];
  const site = new SiteSwitch({
    shared: context,
    affinities: new Affinities({
      fleet: 'test',
      hashes: new HostHashes(columns.slots),
      wallClock: () => 0,
      count: () => undefined,
      isTrusted: () => false,
      hosts,
      trace: undefined,
    }),
    columns,
    config: { ...config, algorithm: 'adaptive' },
    hosts,
    deadlines,
    rates: new RateLimits({ namespace: 'test', answerMs: 1000, isTrusted: () => false }),
    random: new Random(1),
    policyOf: (algorithm) => createPolicy(algorithm, new Random(1)),
    onGone: (pools) => void gone.push([...pools]),
  });
  const writer = new TableWriter(columns, () => undefined);
  writer.addPools(['web', 'api']);
  const named = ['web/a', 'api/b', 'api/c'].map((name, i) => ({ name, url: `http://127.0.0.1:${i + 1}` }));
  for (const host of writer.setStatics(named).added) hosts.add(host);
  writer.admitKnown();
  writer.rebuildCandidates(0);
  const contextOf = (name: string) => site.contexts().find((each) => each.name === name);
  return { site, hosts, columns, gone, contextOf, writer, stop };
}

test('each pool has the rules of the site, and of the flags where the site says nothing', () =>
  withSwitch(({ site, contextOf }) => {
    site.apply(1, BOTH, INDEXES);
    const [web, api] = [contextOf('web'), contextOf('api')];
    assert.equal(
      [web?.policy.algorithm, web?.maxAttempts, web?.timeouts.responseTimeoutMs, web?.view.maxInflight],
      ['round-robin', 3, 5000, 1000],
    );
    assert.equal(
      [api?.policy.algorithm, api?.maxAttempts, api?.timeouts.responseTimeoutMs, api?.view.maxInflight],
      ['adaptive', 2, 60_000, 2],
    );
    assert.equal([web?.budget.mayRetry(0), api?.budget.mayRetry(0)], [false, true]);
  }));

test('the limit of requests per host is that of the host’s pool, also for hosts that are known already', () =>
  withSwitch(({ site, hosts, columns }) => {
    columns.inflight.fill(2);
    const rooms = (): boolean[] => [0, 1, 2].map((slot) => hosts.hasRoom(hosts.get(slot) as Host));
    assert.equal(rooms(), [true, true, true]);
    site.apply(1, BOTH, INDEXES);
    assert.equal(rooms(), [true, false, false]);
    site.apply(2, null, INDEXES);
    assert.equal(rooms(), [true, true, true]);
  }));

test('what a pool has learned and its policy outlive another site, in one context', () =>
  withSwitch(({ site, contextOf }) => {
    site.apply(1, BOTH, INDEXES);
    const web = contextOf('web');
    const kept = [web?.classes, web?.policy, web?.budget];
    web?.classes.classOf('GET', '/a');
    site.apply(2, { ...BOTH, pools: BOTH.pools.map((pool) => ({ ...pool, timeouts: { connectMs: null, responseMs: 7 } })) }, INDEXES);
    assert.is(contextOf('web'), web);
    assert.ok([web?.classes, web?.policy, web?.budget].every((each, i) => each === kept[i]));
    assert.is(web?.timeouts.responseTimeoutMs, 7);
    assert.is(site.version, 2);
  }));

test('an operator’s algorithm wins over the site and the flags, and gives way when it is taken back', () =>
  withSwitch(({ site, contextOf }) => {
    const algorithms = (): (string | undefined)[] => ['default', 'web', 'api'].map((name) => contextOf(name)?.policy.algorithm);
    site.apply(1, BOTH, INDEXES);
    assert.equal(algorithms(), ['adaptive', 'round-robin', 'adaptive']);
    assert.ok(site.setFleetAlgorithm('resource'));
    assert.equal(algorithms(), ['resource', 'resource', 'resource']);
    site.apply(2, BOTH, INDEXES);
    assert.equal(algorithms(), ['resource', 'resource', 'resource']);
    assert.ok(site.setFleetAlgorithm(null));
    assert.not(site.setFleetAlgorithm(null));
    assert.equal(algorithms(), ['adaptive', 'round-robin', 'adaptive']);
  }));

test('a pool that the site no longer has is given back with its last request, once, and picks none any more', () =>
  withSwitch(({ site, gone, columns, contextOf }) => {
    site.apply(1, BOTH, INDEXES);
    const api = contextOf('api');
    assert.ok(api);
    columns.openRequests[api.index] = 1;
    site.apply(2, siteOf("{ version: 1, pools: { web: { hosts: ['http://127.0.0.1:1'] } }, routes: [{ to: web }] }"), INDEXES);
    site.releaseGone();
    assert.equal(gone, []);
    assert.is(api.view.candidates()[0], 2, 'a retry still finds its hosts');
    columns.openRequests[api.index] = 0;
    site.releaseGone();
    site.releaseGone();
    assert.equal(gone, [['api']]);
    assert.is(api.view.candidates()[0], 0);
  }));

test('a pool that comes back before its last request ended is not given back', () =>
  withSwitch(({ site, gone, columns, contextOf }) => {
    site.apply(1, BOTH, INDEXES);
    const api = contextOf('api');
    if (api !== undefined) columns.openRequests[api.index] = 1;
    site.apply(2, siteOf("{ version: 1, pools: { web: { hosts: ['http://127.0.0.1:1'] } }, routes: [{ to: web }] }"), INDEXES);
    site.apply(3, BOTH, INDEXES);
    if (api !== undefined) columns.openRequests[api.index] = 0;
    site.releaseGone();
    assert.equal(gone, []);
    assert.is(contextOf('api')?.view.candidates()[0], 2);
  }));

test('hundred sites in a row leave as many contexts as the last one has pools', () =>
  withSwitch(({ site, gone }) => {
    for (let version = 1; version <= 100; version++) {
      const names = [`a${version}`, `b${version}`];
      const text = `{ version: 1, pools: { ${names.map((name) => `${name}: {}`).join(', ')} }, routes: [{ to: { ${names.map((name) => `${name}: 1`).join(', ')} } }] }`;
      site.apply(version, siteOf(text), [['default', 0], ...names.map((name, i) => [name, 1 + i] as const)]);
    }
    assert.equal(
      site.contexts().map(({ name }) => name),
      ['default', 'a100', 'b100'],
    );
    assert.is(gone.flat().length, 198);
  }));

test('classes have the names of the fleet, with their pool', () =>
  withSwitch(({ site, contextOf }) => {
    site.apply(1, BOTH, INDEXES);
    assert.equal(site.namedClasses(), [
      [0, '(rest)'],
      [64, 'web/(rest)'],
      [128, 'api/(rest)'],
    ]);
    for (let i = 0; i < 100; i++) contextOf('api')?.classes.classOf('GET', '/orders');
    site.turnClasses(1000);
    contextOf('api')?.classes.classOf('GET', '/orders');
    const [[id, key] = [0, '']] = site.turnClasses(2000);
    assert.is(key, 'api/GET /orders');
    assert.ok(id > 128 && id < 192);
  }));

test('a balancer is ready when a pool that requests can reach has a host, or the site answers alone', () =>
  withSwitch(({ site, writer }) => {
    assert.is(site.standing().hasCandidate, false, 'without a site the pool default counts, which has none');
    site.apply(1, BOTH, INDEXES);
    assert.equal(site.standing(), { hasCandidate: true, isPanic: false, hostsWell: 3 });
    writer.setOperatorStates(new Map(['web/a', 'api/b', 'api/c'].map((name) => [name, 'drained' as const])));
    writer.rebuildCandidates(0);
    assert.is(site.standing().hasCandidate, false);
    site.apply(2, siteOf('{ version: 1, routes: [{ respond: { status: 200 } }] }'), INDEXES);
    assert.is(site.standing().hasCandidate, true);
  }));

test.run();
