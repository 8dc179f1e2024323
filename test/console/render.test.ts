// The fleet as text: pure, from a view to lines. What a terminal of 100 columns shows, and what a log shows.

import { stripVTControlCharacters } from 'node:util';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { renderFleet, renderLines } from '../../lib/console/render.js';
import type { BalancerView, FleetView, HostRecord, PoolRecord } from '../../lib/redis/fleet-view.js';

const test = suite('render');

const BALANCER: BalancerView = {
  name: 'b1',
  role: 'slave',
  url: 'http://127.0.0.1:8080',
  machine: 'm',
  pid: 7,
  version: '0.1.0',
  since: '',
  term: 3,
  rps: 12.34,
  inflight: 2,
  ...{ tableAgeMs: 12, redisRttMs: 0.4, exchangeMs: 12, leaseMs: null },
  cpu: 0.126,
  fleetKey: '',
  noMaster: '',
  site: null,
  siteRefused: '',
  memoryBytes: 100 * 2 ** 20,
  counters: {},
};
const HOST: HostRecord = {
  name: 'h1',
  url: 'http://127.0.0.1:3000',
  state: 'up',
  isUnassigned: false,
  operator: null,
  hasAgent: true,
  cpu: 0.5,
  memory: 0.256,
  cores: 2,
  inflight: 3,
  longLived: 1,
  rps: 8,
  p50Ms: 3.25,
  p99Ms: 48.4,
  errorRps: 0,
  ejectedBy: 0,
  reported: null,
};
const UNKNOWN = {
  p50Ms: null,
  p99Ms: null,
  errorRps: null,
  ejectedBy: null,
  cpu: null,
  memory: null,
  cores: null,
  inflight: null,
  longLived: null,
  rps: null,
};

const FLEET: FleetView = {
  namespace: 'meercat',
  master: 'b2',
  term: 3,
  site: null,
  maintenance: [],
  // A master that has just died still calls itself so in its own hash.
  balancers: [
    { ...BALANCER, role: 'master' },
    { ...BALANCER, name: 'b2', url: 'http://127.0.0.1:10000', rps: 1234.56, inflight: 0, cpu: 0, noMaster: '', memoryBytes: null },
  ],
  hosts: [HOST, { ...HOST, name: 'longer-name', state: 'silent', ...UNKNOWN }],
  pools: [],
  problems: [],
};

test('two tables under a line of summary, in columns as wide as they need', () => {
  assert.equal(renderFleet(FLEET).split('\n'), [
    'fleet meercat: 2 balancers, 2 hosts; master b2, term 3',
    '',
    'BALANCER  ROLE    URL                        RPS  IN FLIGHT  CPU  MEMORY',
    'b1        slave   http://127.0.0.1:8080     12.3          2  13%  100 MB',
    'b2        master  http://127.0.0.1:10000  1234.6          0   0%       -',
    '',
    'HOST         STATE   URL                    RPS  IN FLIGHT    P50   P99  ERRORS  LONG  CPU  MEMORY',
    'h1           up      http://127.0.0.1:3000  8.0          3  3.3ms  48ms       0     1  50%     26%',
    'longer-name  silent  http://127.0.0.1:3000    -          -      -     -       -     -    -       -',
  ]);
});

const POOL: PoolRecord = {
  name: 'default',
  hosts: 2,
  up: 1,
  rps: 1234.56,
  inflight: 3,
  p50Ms: 12.3,
  p99Ms: 1234,
  errorRps: 12.3,
  algorithm: '',
};
const IDLE_POOL: PoolRecord = {
  name: 'api',
  hosts: 0,
  up: null,
  rps: null,
  inflight: null,
  p50Ms: null,
  p99Ms: null,
  errorRps: null,
  algorithm: 'adaptive',
};

test('pools have a table of their own where there are others than default', () => {
  const lines = renderFleet({ ...FLEET, pools: [POOL] }).split('\n');
  assert.equal(lines.toSpliced(1, 1), renderFleet(FLEET).split('\n'));
  assert.equal(
    renderFleet({ ...FLEET, pools: [IDLE_POOL, POOL] })
      .split('\n')
      .slice(6, 11),
    [
      '',
      'POOL     HOSTS  UP     RPS  IN FLIGHT   P50   P99  ERRORS  ALGORITHM',
      'api          0   -       -          -     -     -       -  adaptive',
      'default      2   1  1234.6          3  12ms  1.2s    12/s  -',
      '',
    ],
  );
});

test('a line has the traffic of the whole fleet; latencies are those of its only pool', () => {
  const total = (...pools: readonly PoolRecord[]): string | undefined => renderFleet({ ...FLEET, pools }).split('\n')[1];
  assert.is(total(POOL), '1234.6 requests/s, 12.3 errors/s, 3 in flight; p50 12ms, p99 1.2s');
  assert.is(total({ ...POOL, errorRps: 0, p50Ms: null, p99Ms: null }), '1234.6 requests/s, no errors, 3 in flight');
  assert.is(total({ ...POOL, name: 'api' }, POOL, IDLE_POOL), '2469.1 requests/s, 24.6 errors/s, 6 in flight');
  // A master of an older version says nothing of errors.
  assert.is(total({ ...POOL, errorRps: null, p99Ms: null }), '1234.6 requests/s, 3 in flight');
  assert.is(total(IDLE_POOL), '');
});

test('what an operator or balancers said of a host, and that it has no pool, comes before its state, which is left out when it is up', () => {
  const hosts = [
    { operator: 'drained' },
    { operator: 'ejected' },
    { operator: 'drained', state: 'down' },
    { operator: 'ejected', state: 'silent' },
    { isUnassigned: true },
    { isUnassigned: true, state: 'down' },
    { isUnassigned: true, operator: 'drained' },
    { ejectedBy: 2 },
    { ejectedBy: 1, state: 'down' },
  ] as const;
  const view = { ...FLEET, balancers: [], hosts: hosts.map((fields): HostRecord => Object.assign({}, HOST, fields)) };
  const states = renderFleet(view)
    .split('\n')
    .slice(-9)
    .map((line) => line.split(/ {2,}/)[1]);
  assert.equal(states, [
    'drained',
    'ejected',
    'drained, down',
    'ejected, silent',
    'unassigned',
    'unassigned, down',
    'drained, unassigned',
    'ejected by 2',
    'ejected by 1, down',
  ]);
  assert.equal(
    renderLines(view).map((line) => line.split(' ')[2]),
    [
      'drained',
      'ejected',
      'drained,down',
      'ejected,silent',
      'unassigned',
      'unassigned,down',
      'drained,unassigned',
      'ejected-by-2',
      'ejected-by-1,down',
    ],
  );
});

test('pools in maintenance are named with the status that they answer', () => {
  const maintenance = [
    { pool: 'api', status: 503 },
    { pool: 'web', status: 429 },
  ];
  assert.is(renderFleet({ ...FLEET, maintenance }).split('\n')[1], 'in maintenance: api (503), web (429)');
});

test('where the terminal is narrower, columns are left out whole; URLs go last', () => {
  const titles = (columns: number): (string | undefined)[] =>
    renderFleet(FLEET, { columns })
      .split('\n')
      .filter((line) => /^(BALANCER|HOST) /.test(line));
  for (const columns of [100, 90, 85, 80, 70, 65])
    for (const line of renderFleet(FLEET, { columns }).split('\n')) assert.ok(line.length <= columns, line);
  assert.equal(
    [110, 100, 93, 87, 62].map((columns) => (titles(columns)[1] ?? '').split(/ {2,}/).slice(2).join(' ')),
    [
      'URL RPS IN FLIGHT P50 P99 ERRORS LONG CPU MEMORY CORES',
      'URL RPS IN FLIGHT P50 P99 ERRORS LONG CPU MEMORY',
      'URL RPS IN FLIGHT P50 P99 ERRORS CPU MEMORY',
      'URL RPS IN FLIGHT P50 P99 ERRORS CPU',
      'RPS IN FLIGHT P50 P99 ERRORS CPU',
    ],
  );
});

test('with colour the same is said, and what is wrong stands out', () => {
  const hosts = [HOST, { ...HOST, name: 'h2', state: 'down' as const }, { ...HOST, name: 'h3', operator: 'drained' as const }];
  const view = { ...FLEET, master: null, hosts, problems: ['a problem'] };
  const coloured = renderFleet(view, { isColoured: true });
  assert.is(stripVTControlCharacters(coloured), renderFleet(view));
  const toned = [...coloured.matchAll(/\[(\d+)m([^]+?) *.\[0m/g)].map(([, code, text]) => [text, code]);
  for (const [text, code] of [
    ['no master at the moment', '31'],
    ['up', '32'],
    ['down', '31'],
    ['drained', '33'],
    ['a problem', '33'],
    ['HOST', '1'],
  ] as const)
    assert.ok(
      toned.some((each) => each[0] === text && each[1] === code),
      text,
    );
});

test('an empty fleet says that it is empty', () => {
  assert.equal(
    renderFleet({
      namespace: 'x',
      master: null,
      term: null,
      site: null,
      maintenance: [],
      balancers: [],
      hosts: [],
      pools: [],
      problems: [],
    }).split('\n'),
    [
      'fleet x: 0 balancers, 0 hosts; no master at the moment',
      '',
      'BALANCER  ROLE  URL  RPS  IN FLIGHT  CPU  MEMORY',
      '',
      'HOST  STATE  URL  RPS  IN FLIGHT  P50  P99  ERRORS  LONG  CPU  MEMORY  CORES',
    ],
  );
});

test('one is no plural, and a master whose term is not known has none', () => {
  const [summary] = renderFleet({ ...FLEET, term: null, balancers: [BALANCER], hosts: [HOST] }).split('\n');
  assert.is(summary, 'fleet meercat: 1 balancer, 1 host; master b2, term -');
});

test('without a terminal each balancer and host is one line, to be searched', () => {
  assert.equal(renderLines(FLEET), [
    'balancer b1 slave rps=12.3 inflight=2',
    'balancer b2 master rps=1234.6 inflight=0',
    'host h1 up cpu=50% memory=26% inflight=3 rps=8.0 p99=48ms errors=0',
    'host longer-name silent cpu=- memory=- inflight=- rps=- p99=- errors=-',
  ]);
});

test('a small part has a decimal, so that a small host on a large machine is not nothing', () => {
  const shares = [0, 0.0004, 0.004, 0.0994, 0.1, 0.999, 1].map(
    (cpu) => renderLines({ ...FLEET, balancers: [], hosts: [{ ...HOST, cpu }] })[0]?.split(' ')[3],
  );
  assert.equal(shares, ['cpu=0%', 'cpu=0.0%', 'cpu=0.4%', 'cpu=9.9%', 'cpu=10%', 'cpu=100%', 'cpu=100%']);
});

test('usual names and figures fit a terminal of 100 columns', () => {
  const wide = {
    ...BALANCER,
    name: 'balancer-10',
    url: 'http://192.168.100.100:18080',
    rps: 123_456.7,
    inflight: 12_345,
    cpu: 11.5,
    noMaster: '',
    memoryBytes: 2 ** 34,
  };
  const host = {
    ...HOST,
    name: 'application-10',
    state: 'silent' as const,
    url: 'http://192.168.100.100:18080',
    rps: 123_456.7,
    p50Ms: 999,
    p99Ms: 59_999,
    errorRps: 1234,
    inflight: 12_345,
    cpu: 1,
    memory: 1,
    cores: 128,
  };
  for (const line of renderFleet({ ...FLEET, balancers: [wide], hosts: [host] }).split('\n')) assert.ok(line.length <= 100, line);
});

test.run();
