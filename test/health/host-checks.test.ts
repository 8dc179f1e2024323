// Which hosts are checked when: each by the interval of its pool, also when the rules change.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { monotonicClock } from '../../lib/clock.js';
import { type HealthByPool, healthByPool } from '../../lib/config/pool-rules.js';
import { type HealthRules, healthRulesOf, TRAFFIC_DEFAULTS } from '../../lib/config/traffic-config.js';
import { startHostChecks } from '../../lib/health/host-checks.js';
import { until, withServer } from '../support/brackets.js';
import { siteOf } from '../support/site-documents.js';

const test = suite('host checks');

const FLAGS = { ...healthRulesOf(TRAFFIC_DEFAULTS), healthPath: '/flags', healthIntervalMs: 10 * 60_000 };
const OF_FLAGS = { ...FLAGS, isHttp2: false };

/** The rules of a site with a pool `api` with these, and a pool without any. */
const rulesOf = (health: object, pool: object = {}, flags: HealthRules = FLAGS): HealthByPool =>
  healthByPool(
    siteOf(JSON.stringify({ version: 1, pools: { api: { ...pool, health }, web: {} }, routes: [{ to: { api: 1, web: 1 } }] })),
    flags,
  );

test('a pool has the rules of the site, and those of the flags for what it leaves out; any other pool has those of the flags', () => {
  const { of, intervalsMs } = rulesOf({ path: '/api', interval: '2s', timeout: '300ms', statuses: '200-204,401' });
  assert.equal(of('api'), {
    ...OF_FLAGS,
    healthPath: '/api',
    healthIntervalMs: 2000,
    healthTimeoutMs: 300,
    healthExpect: [
      { from: 200, to: 204 },
      { from: 401, to: 401 },
    ],
  });
  assert.equal([of('web'), of('default'), of('unknown')], [OF_FLAGS, OF_FLAGS, OF_FLAGS]);
  assert.equal(intervalsMs, [10 * 60_000, 2000]);
  const without = healthByPool(null, FLAGS);
  assert.equal([without.of('api'), without.intervalsMs], [OF_FLAGS, [10 * 60_000]]);
});

test('a path and a service of gRPC take the place of one another, and a pool says whether it speaks HTTP/2', () => {
  const asked = (rules: HealthByPool): unknown[] =>
    ['api', 'web'].map((pool) => {
      const { healthPath, healthGrpc, isHttp2 } = rules.of(pool);
      return [healthPath, healthGrpc, isHttp2];
    });
  const ofPath = { ...FLAGS, healthPath: '/flags' };
  const ofGrpc = { ...FLAGS, healthPath: '', healthGrpc: 'flags' };
  const h2 = { protocol: 'h2' };
  assert.equal(asked(rulesOf({ grpc: '' }, h2, ofPath)), [
    ['', '', true],
    ['/flags', null, false],
  ]);
  assert.equal(asked(rulesOf({ path: '/api' }, h2, ofGrpc)), [
    ['/api', null, true],
    ['', 'flags', false],
  ]);
  assert.equal(asked(rulesOf({ grpc: 'shop.Orders' }, h2, ofGrpc))[0], ['', 'shop.Orders', true]);
  assert.equal(asked(rulesOf({ interval: '1s' }, {}, ofGrpc))[0], ['', 'flags', false]);
});

test('hosts of each pool are checked by the rules of their pool, and by other rules as soon as there are some', () => {
  const paths = new Map<string, number>();
  return withServer(
    (request, response) => {
      paths.set(request.url ?? '', (paths.get(request.url ?? '') ?? 0) + 1);
      response.end();
    },
    async ({ url }) => {
      let rules = rulesOf({ path: '/one', interval: '100ms' });
      const checks = startHostChecks({
        rules: () => rules,
        tls: { ca: undefined, isInsecure: false },
        clock: monotonicClock(),
        hosts: () => [
          { name: 'api/h', url },
          { name: 'web/h', url },
          { name: 'h', url },
        ],
        onChecked: () => undefined,
      });
      const counted = (path: string, count: number) =>
        until(() => (paths.get(path) ?? 0) >= count || undefined, { timeoutMs: 30_000, what: () => JSON.stringify([...paths]) });
      try {
        await counted('/one', 3);
        rules = rulesOf({ path: '/two', interval: '150ms' });
        await counted('/two', 3);
        const before = paths.get('/one');
        await counted('/two', 6);
        assert.equal([paths.get('/one'), paths.get('/flags')], [before, undefined], 'those of the other pools have ten minutes');
      } finally {
        checks.stop();
      }
    },
  );
});

test.run();
