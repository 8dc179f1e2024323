// Which demo hosts `meercat up` starts for a site, and which it leaves to others.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type DemoPlan, planDemoHosts, startDemo } from '../../lib/up/demo-hosts.js';
import { withServer } from '../support/brackets.js';
import { readPage } from '../support/documents.js';
import { EXAMPLE, siteOf } from '../support/site-documents.js';

const test = suite('demo hosts');

const DEMO = readPage('deploy/demo-site.yaml').text;

const brief = (plans: readonly DemoPlan[]): string[] =>
  plans.map(({ name, pools, port, hasAgent }) => `${pools.join('+')} ${name}${hasAgent ? '' : ` ${port}`}`);

test('without a site they are in the pool default; with one, each pool that names no hosts gets some, and no two have one name', () => {
  assert.equal(brief(planDemoHosts(null, 2)), ['default h1', 'default h2']);
  assert.equal(
    brief(planDemoHosts(siteOf('version: 1\npools: { web: {}, api: {} }\nroutes: [{ to: web }, { match: { path: /a }, to: api }]\n'), 2)),
    ['web h1', 'web h2', 'api h3', 'api h4'],
  );
  assert.equal(brief(planDemoHosts(siteOf('version: 1\npools: { web: {} }\nroutes: [{ to: default }]\n'), 1)), ['default h1', 'web h2']);
});

test('what the site names on this machine is started there, once for all its pools; other machines, DNS and TLS are left alone', () => {
  const site = siteOf(`
version: 1
pools:
  web: { hosts: [http://127.0.0.1:3001, { url: http://localhost, name: two }, http://10.0.0.7:3000, https://127.0.0.1:3443] }
  rpc: { hosts: [h2://127.0.0.1:3004, h2+tls://127.0.0.1:3444, h2://10.0.0.7:3000] }
  api: { hosts: [{ url: http://127.0.0.1:3001, name: same }, dns+http://localhost:3002] }
routes: [{ to: web }, { match: { path: /a }, to: api }]
`);
  assert.equal(brief(planDemoHosts(site, 2)), ['web+api 127.0.0.1-3001 3001', 'web two 80', 'rpc 127.0.0.1-3004 3004']);
});

test('an address where something listens already is left to it', () =>
  withServer(
    (_request, response) => void response.end(),
    async ({ url }) => {
      const plan = { name: 'web-1', pools: ['web'], port: Number(new URL(url).port), isHttp2: false, hasAgent: false };
      assert.is(
        await startDemo(plan, true, () => {
          throw new Error('started');
        }),
        null,
      );
    },
  ));

test('the site to try out is the example, with other hosts and with routes to the pools that have none there', () => {
  const [demo, example] = [siteOf(DEMO), siteOf(EXAMPLE)];
  const rules = (site: typeof demo): unknown[] => site.pools.map((pool) => ({ ...pool, hosts: pool.hosts.map(({ weight }) => weight) }));
  const withoutDns = { ...example, pools: example.pools.map((pool) => (pool.name === 'api' ? { ...pool, hosts: [] } : pool)) };
  assert.equal(rules(demo), rules(withoutDns));
  const routes = demo.routes.filter(({ match }) => !['legacy.example.test', 'cache.example.test'].includes(match.hosts[0] ?? ''));
  const lineless = (all: typeof demo.routes): unknown[] => all.map((route) => ({ ...route, line: 0 }));
  assert.equal(lineless(routes), lineless(example.routes));
  assert.equal(new Set(planDemoHosts(demo, 2).flatMap(({ pools }) => pools)), new Set(['web', 'api', 'api-canary', 'legacy', 'cache']));
});

test.run();
