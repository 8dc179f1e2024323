// Good site documents and the sites that they become: the example that is shipped, defaults, the ways to write a value,
// and the one form that host names, paths and queries get.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EXAMPLE, siteOf, warningsOf } from '../../support/site-documents.js';

const test = suite('site: good documents');

const NO_CHANGES = { set: [], add: [], remove: [] };
const ANY = { hosts: [], scheme: null, path: null, methods: [], headers: [], query: [] };
const BARE = {
  algorithm: null,
  hosts: [],
  health: { path: null, grpc: null, intervalMs: null, timeoutMs: null, statuses: null },
  limits: { perHost: null, fleet: null, queue: null, queueTimeoutMs: null },
  retries: { budgetPercent: null, attempts: null },
  timeouts: { connectMs: null, responseMs: null },
  protocol: 'http1',
  affinity: null,
  respond: null,
  answers: {},
};

/** A route that gets everything, by its action. */
const routeTo = (action: unknown, line = 1) => ({
  line,
  match: ANY,
  action,
  headers: { request: NO_CHANGES, response: NO_CHANGES },
  rateLimit: null,
});
const forwardTo = (pool: string, line = 1) => routeTo({ kind: 'forward', to: [{ pool, weight: 1 }], rewrite: null }, line);

test('the example reads, with every value where it belongs', () => {
  const { paths, pools, routes } = siteOf(EXAMPLE);
  assert.is(paths, 'as-written');
  assert.equal(pools, [
    { ...BARE, name: 'default' },
    {
      ...BARE,
      name: 'web',
      hosts: [
        { name: '10.0.0.7-3000', url: 'http://10.0.0.7:3000', discovery: 'none', weight: 1 },
        { name: 'web-2', url: 'http://10.0.0.8:3000', discovery: 'none', weight: 2 },
      ],
      health: { path: '/healthz', grpc: null, intervalMs: 1000, timeoutMs: null, statuses: null },
    },
    {
      ...BARE,
      name: 'api',
      algorithm: 'adaptive',
      hosts: [{ name: 'api.internal-3000', url: 'http://api.internal:3000', discovery: 'dns', weight: 1 }],
      limits: { perHost: 1000, fleet: 5000, queue: 100, queueTimeoutMs: 1000 },
      retries: { budgetPercent: 20, attempts: 2 },
      timeouts: { connectMs: 2000, responseMs: 60_000 },
    },
    { ...BARE, name: 'api-canary' },
    { ...BARE, name: 'legacy', affinity: { kind: 'cookie', name: 'MEERCATID', ttlMs: 8 * 3_600_000 } },
    { ...BARE, name: 'cache', affinity: { kind: 'hash', key: { of: 'path' } } },
  ]);
  const lineOf = (part: string): number => EXAMPLE.split('\n').findIndex((line) => line.includes(part)) + 1;
  assert.equal(routes, [
    {
      line: lineOf('path: /v2/'),
      match: {
        ...ANY,
        hosts: ['api.example.test'],
        path: { kind: 'prefix', value: '/v2' },
        methods: ['GET', 'POST'],
        headers: [{ name: 'x-beta', value: '1' }],
      },
      action: {
        kind: 'forward',
        to: [
          { pool: 'api', weight: 95 },
          { pool: 'api-canary', weight: 5 },
        ],
        rewrite: { kind: 'strip-prefix', prefix: '/v2' },
      },
      headers: {
        request: { set: [{ name: 'X-Api', value: '2' }], add: [], remove: ['Cookie'] },
        response: { set: [{ name: 'Strict-Transport-Security', value: 'max-age=31536000' }], add: [], remove: [] },
      },
      rateLimit: { requests: 100, perMs: 1000, burst: 50, key: { of: 'client' } },
    },
    {
      ...routeTo({ kind: 'redirect', status: 308, scheme: 'https', host: null, port: null, path: null }, lineOf('scheme: http }')),
      match: { ...ANY, scheme: 'http' },
    },
    { ...forwardTo('web', lineOf('"*.example.test"')), match: { ...ANY, hosts: ['*.example.test'] } },
    routeTo({ kind: 'respond', status: 404, body: 'not here\n', type: 'text/plain' }, lineOf('respond: { status: 404')),
  ]);
});

test('pools that no route names, and a redirect that more specific routes come before, are warned of and no more', () => {
  const warnings = warningsOf(EXAMPLE);
  assert.is(warnings.length, 3);
  assert.match(warnings[0] ?? '', /^\d+:3 pool `legacy` is used by no route and gets no requests: /);
  assert.match(warnings[1] ?? '', /^\d+:3 pool `cache` is used by no route/);
  assert.match(
    warnings[2] ?? '',
    /^\d+:5 route 2: redirects http to https, but not what more specific routes take, on the lines \d+, \d+: /,
  );
  // Weight 0 is a use, and routes for https leave http to the redirect.
  assert.equal(warningsOf('version: 1\npools: {a: {}, b: {}}\nroutes:\n- to: {a: 1, b: 0}'), []);
  const redirect = '- match: {scheme: http}\n  redirect: {scheme: https}\n';
  assert.equal(warningsOf(`version: 1\nroutes:\n${redirect}- match: {hosts: [a.test], scheme: https}\n  to: default\n`), []);
  assert.is(warningsOf(`version: 1\nroutes:\n${redirect}- match: {path: /x}\n  to: default\n`).length, 1);
});

test('without routes everything goes to the only pool, or else to default', () => {
  const least = siteOf('version: 1');
  assert.equal(least, { paths: 'as-written', pools: [{ ...BARE, name: 'default' }], routes: [forwardTo('default')] });
  assert.equal(siteOf('{"version": 1, "pools": {}, "routes": []}'), least);
  assert.equal(siteOf('version: 1\npools: {web: {}}').routes, [forwardTo('web')]);
  const several = 'version: 1\npools: {web: {}, default: {}}';
  assert.equal(siteOf(several).routes, [forwardTo('default')]);
  assert.equal(
    siteOf(several).pools.map(({ name }) => name),
    ['web', 'default'],
    'a default that is named stays in its place',
  );
});

test('JSON is read as YAML is, with tabs, a byte order mark and line ends of any system', () => {
  const site = siteOf('version: 1\npools: {a: {hosts: [http://a:1]}}\nroutes:\n  - to: a\n');
  const json = JSON.stringify({ version: 1, pools: { a: { hosts: ['http://a:1'] } }, routes: [{ to: 'a' }] }, null, '\t');
  const readings = [json, `\ufeff${json}`, json.replaceAll('\n', '\r\n')].map(siteOf);
  for (const reading of readings) assert.equal({ ...reading, routes: [{ ...reading.routes[0], line: 4 }] }, site);
  assert.is(readings[0]?.routes[0]?.line, 11);
});

/** A document with one pool that has these keys. */
const withPool = (keys: string): string => `version: 1\npools:\n  p: {${keys}}\n`;
const poolOf = (keys: string) => siteOf(withPool(keys)).pools[1];

test('durations, percentages and statuses are written as in flags', () => {
  assert.equal(
    ['1500', '1500ms', '1.5s', '"1.5s"', '1m', '1h'].map((ttl) => {
      const affinity = poolOf(`affinity: {cookie: c, ttl: ${ttl}}`)?.affinity;
      return affinity?.kind === 'cookie' ? affinity.ttlMs : undefined;
    }),
    [1500, 1500, 1500, 1500, 60_000, 3_600_000],
  );
  for (const budget of ['20%', '20', '"20"']) assert.is(poolOf(`retries: {budget: ${budget}}`)?.retries.budgetPercent, 20, budget);
  assert.equal(poolOf('health: {statuses: "200-299, 401"}')?.health.statuses, [
    [200, 299],
    [401, 401],
  ]);
  assert.is(poolOf('protocol: h2, health: {grpc: shop.Orders}')?.health.grpc, 'shop.Orders');
  for (const text of ['hosts: [h2://a:1, h2+tls://b:1], health: {grpc: ""}', 'protocol: h2, hosts: [http://a:1], health: {grpc: "*"}'])
    assert.is(poolOf(text)?.health.grpc, '', text);
  assert.equal(poolOf('health: {statuses: 204}')?.health.statuses, [[204, 204]]);
});

test('hosts are URLs or maps, of one address or of a name that stands for several', () => {
  const { hosts = [] } =
    poolOf(
      'hosts: ["https://A.example.test./", srv+http://_api._tcp.internal, {url: dns+https://b.internal, name: b, weight: 3}, "H2://[0::1]:80", h2+tls://c.test:443, dns+h2://d.internal:50051, SRV+H2+TLS://_d._tcp.internal]',
    ) ?? {};
  assert.equal(hosts, [
    { name: 'a.example.test.-443', url: 'https://a.example.test.', discovery: 'none', weight: 1 },
    { name: 'api._tcp.internal-80', url: 'http://_api._tcp.internal', discovery: 'srv', weight: 1 },
    { name: 'b', url: 'https://b.internal', discovery: 'dns', weight: 3 },
    { name: '1--80', url: 'h2://[::1]', discovery: 'none', weight: 1 },
    { name: 'c.test-443', url: 'h2+tls://c.test', discovery: 'none', weight: 1 },
    { name: 'd.internal-50051', url: 'h2://d.internal:50051', discovery: 'dns', weight: 1 },
    { name: 'd._tcp.internal-443', url: 'h2+tls://_d._tcp.internal', discovery: 'srv', weight: 1 },
  ]);
  // One machine may serve in several pools, by the same URL or by others.
  const shared = siteOf('version: 1\npools:\n  a: {hosts: [{url: http://h:1, name: h}]}\n  b: {hosts: [{url: http://h:2, name: h}]}\n');
  assert.equal(
    shared.pools.slice(1).map(({ hosts: [host] }) => host?.url),
    ['http://h:1', 'http://h:2'],
  );
});

test('affinity, maintenance and bodies of answers of a pool are read', () => {
  assert.equal(poolOf('affinity: {hash: client}')?.affinity, { kind: 'hash', key: { of: 'client' } });
  assert.equal(poolOf('affinity: {hash: {header: X-User}}')?.affinity, { kind: 'hash', key: { of: 'header', name: 'x-user' } });
  assert.equal(poolOf('affinity: {hash: {cookie: Sid}}')?.affinity, { kind: 'hash', key: { of: 'cookie', name: 'Sid' } });
  assert.equal(poolOf('affinity: {cookie: c}')?.affinity, { kind: 'cookie', name: 'c', ttlMs: null });
  assert.equal(poolOf('respond: {status: 503}')?.respond, { status: 503, body: '', type: 'text/plain; charset=utf-8' });
  assert.equal(poolOf('answers: {502: {body: bad}, "504": {body: <p>, type: text/html}}')?.answers, {
    '502': { body: 'bad', type: 'text/plain; charset=utf-8' },
    '504': { body: '<p>', type: 'text/html' },
  });
});

/** The only route of a document, by its keys. */
const routeOf = (keys: string, more = '') => siteOf(`version: 1\n${more}routes:\n  - {${keys}}\n`).routes[0];
const matchOf = (keys: string) => routeOf(`match: {${keys}}, to: default`)?.match;

test('host names of a match get one form: lower case, ASCII, without a dot at the end', () => {
  const cases: readonly (readonly [written: string, read: string])[] = [
    ['WWW.Example.TEST', 'www.example.test'],
    ['www.example.test.', 'www.example.test'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['XN--BCHER-KVA.example', 'xn--bcher-kva.example'],
    ['"*.Bücher.example."', '*.xn--bcher-kva.example'],
    ['"*.test"', '*.test'],
    ['localhost', 'localhost'],
    ['_dmarc.example.test', '_dmarc.example.test'],
    ['10.0.0.7', '10.0.0.7'],
    ['"[2001:DB8:0:0:0:0:0:1]"', '[2001:db8::1]'],
    ['"::1"', '[::1]'],
  ];
  for (const [written, read] of cases) assert.equal(matchOf(`hosts: [${written}]`)?.hosts, [read], written);
});

test('paths are prefixes by segments or exact, with the encodings that requests are compared by', () => {
  const cases: readonly (readonly [written: string, kind: string, value: string])[] = [
    ['/v2', 'prefix', '/v2'],
    ['/v2/', 'prefix', '/v2'],
    ['/', 'prefix', '/'],
    ['{prefix: /v2/}', 'prefix', '/v2'],
    ['{exact: /v2/}', 'exact', '/v2/'],
    ['{exact: /}', 'exact', '/'],
    ['/%7euser/%2f%c3%a9', 'prefix', '/~user/%2F%C3%A9'],
    ['/a/../b', 'prefix', '/a/../b'],
    ['/a//b;c', 'prefix', '/a//b;c'],
  ];
  for (const [written, kind, value] of cases) assert.equal(matchOf(`path: ${written}`)?.path, { kind, value }, written);
});

test('query parameters are compared in the same encoding, header fields as they are', () => {
  assert.equal(matchOf('query: {q: "a b%2fé%41", empty: ""}')?.query, [
    { name: 'q', value: 'a%20b%2F%C3%A9A' },
    { name: 'empty', value: '' },
  ]);
  assert.equal(matchOf('headers: {X-A: "a b", X-Empty: ""}')?.headers, [
    { name: 'x-a', value: 'a b' },
    { name: 'x-empty', value: '' },
  ]);
});

test('what a route does is read: redirects, answers, rewrites, changes of fields and rate limits', () => {
  assert.equal(routeOf('redirect: {host: Example.test, port: 8443, path: /new}')?.action, {
    ...{ kind: 'redirect', status: 302, scheme: null, host: 'example.test', port: 8443, path: '/new' },
  });
  assert.equal(routeOf('respond: {status: 204}')?.action, { kind: 'respond', status: 204, body: '', type: 'text/plain; charset=utf-8' });
  const rewriteOf = (rewrite: string): unknown => {
    const action = routeOf(`match: {path: /v2/x}, to: default, rewrite: {${rewrite}}`)?.action;
    return action?.kind === 'forward' ? action.rewrite : undefined;
  };
  assert.equal(rewriteOf('stripPrefix: /v2/'), { kind: 'strip-prefix', prefix: '/v2' });
  assert.equal(rewriteOf('replacePrefix: {prefix: /v2, by: /}'), { kind: 'replace-prefix', prefix: '/v2', by: '/' });
  assert.equal(rewriteOf('replacePrefix: {prefix: /, by: /app}'), { kind: 'replace-prefix', prefix: '/', by: '/app' });
  assert.equal(rewriteOf('path: /one'), { kind: 'path', path: '/one' });
  assert.equal(
    routeOf('to: default, headers: {request: {set: {X-Host: "app.example:8080"}, add: {X-A: "1"}, remove: [X-B]}}')?.headers.request,
    {
      set: [{ name: 'X-Host', value: 'app.example:8080' }],
      add: [{ name: 'X-A', value: '1' }],
      remove: ['X-B'],
    },
  );
  assert.equal(routeOf('to: default, rateLimit: {requests: 5, per: 1m, key: {header: X-Key}}')?.rateLimit, {
    ...{ requests: 5, perMs: 60_000, burst: 5, key: { of: 'header', name: 'x-key' } },
  });
});

test('an alias stands for the value of its anchor', () => {
  const site = siteOf(
    'version: 1\npools:\n  a: &common\n    timeouts: {connect: 1s}\n  b: *common\nroutes:\n- to: {a: 1, b: 1}\n  match: {hosts: [&h a.test]}\n- {match: {hosts: [*h], path: /x}, to: a}\n',
  );
  assert.equal(
    site.pools.slice(1).map(({ timeouts }) => timeouts.connectMs),
    [1000, 1000],
  );
  assert.equal(
    site.routes.map(({ match }) => match.hosts),
    [['a.test'], ['a.test']],
  );
});

test('words that YAML 1.1 took for true and false stay words, and a %YAML line changes nothing', () => {
  assert.equal(matchOf('headers: {X-A: on, X-B: yes}')?.headers, [
    { name: 'x-a', value: 'on' },
    { name: 'x-b', value: 'yes' },
  ]);
  const old = siteOf('%YAML 1.1\n---\nversion: 1\nroutes: [{match: {headers: {X-A: yes}}, to: default}]\n');
  assert.equal(old.routes[0]?.match.headers, [{ name: 'x-a', value: 'yes' }]);
});

test.run();
