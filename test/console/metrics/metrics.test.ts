// All metrics over tables that tests make up: names and labels keep the conventions, each counter is shown, hosts beyond the
// limit are summed, and only the master tells of the fleet.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { COUNTER_FAMILIES } from '../../../lib/console/metrics/counter-families.js';
import type { Exposition } from '../../../lib/console/metrics/exposition.js';
import { groupHosts, type MetricsFacts, showCertificates } from '../../../lib/console/metrics/facts.js';
import { MASTER_METRICS, METRICS, renderMetrics } from '../../../lib/console/metrics/metrics.js';
import { openProcessFacts } from '../../../lib/console/metrics/process-facts.js';
import { setOperator, writeRow } from '../../../lib/table/fleet-cells.js';
import { COUNTERS, counterOf } from '../../../lib/table/counters.js';
import { createTable, openTable } from '../../../lib/table/layout.js';
import {
  countOpenRequests,
  NO_POOL_INDEX,
  recordAnswer,
  recordAttempt,
  recordHostError,
  recordHostLatency,
  setConnections,
  setLoopLag,
  setQueued,
} from '../../../lib/table/traffic-cells.js';
import { buildRow } from '../../support/host-rows.js';
import { buildFacts, parseScrape, type Scrape } from '../../support/metrics-facts.js';

const test = suite('metrics');

const textOf = (facts: MetricsFacts, exposition: Exposition = 'prometheus'): string => [...renderMetrics(facts, exposition)].join('');
const scrape = (facts: MetricsFacts, exposition: Exposition = 'prometheus'): Scrape => parseScrape(textOf(facts, exposition));

/** The values of one family, labels without braces. */
const valuesOf = ({ values }: Scrape, name: string): Record<string, number> =>
  Object.fromEntries(
    [...values].flatMap(([series, value]) => (series.replace(/\{.*/s, '') === name ? [[series.slice(name.length + 1, -1), value]] : [])),
  );

test('names and labels keep the conventions', () => {
  for (const { name, type, labels, help } of METRICS) {
    assert.match(name, /^(?:meercat|process)_[a-z0-9_]+$/);
    assert.is(name.endsWith('_total'), type === 'counter', name);
    assert.is(name.endsWith('_info'), type === 'info', name);
    assert.not.match(name, /_(?:ms|milliseconds|kb|percent|bucket|count|sum|gauge|counter|histogram)(?:_|$)/);
    assert.match(help, /^[A-Z0-9].*[^.\s]$/, name);
    for (const label of labels) assert.match(label, /^[a-z]+$/, name);
  }
  assert.is(new Set(METRICS.map(({ name }) => name)).size, METRICS.length);
});

test('each counter is in exactly one family', () => {
  const shown = COUNTER_FAMILIES.flatMap(({ counters }) => Object.keys(counters));
  assert.equal(shown.toSorted(), [...COUNTERS].toSorted());
  for (const { name, labels, counters } of COUNTER_FAMILIES) {
    const values = Object.values(counters);
    for (const each of values) assert.is(each.length, labels.length, name);
    assert.is(new Set(values.map((each) => each.join(' '))).size, values.length, name);
  }
});

test('each counter is shown with its own value', () => {
  const facts = buildFacts();
  const count = counterOf(facts.columns.counters);
  for (const [i, name] of COUNTERS.entries()) count(name, 1000 + i);
  const found = [...scrape(facts).values.values()].filter((value) => value >= 1000).toSorted((a, b) => a - b);
  assert.equal(
    found,
    [...COUNTERS.keys()].map((i) => 1000 + i),
  );
});

/** A table with some traffic. */
function busyFacts(over: Partial<MetricsFacts> = {}): MetricsFacts {
  const columns = openTable(createTable(8));
  recordAnswer(columns, 0, 'GET', 200, false, 3, 10, 100);
  recordAnswer(columns, 0, 'GET', 200, false, 2000, 0, 100);
  recordAnswer(columns, 0, 'BREW', 418, false, 1, 5, 1);
  recordAnswer(columns, 0, 'POST', 599, true, Number.NaN, 0, 0);
  recordAnswer(columns, NO_POOL_INDEX, 'GET', 404, false, 0.1, 0, 7);
  recordAnswer(columns, 0, 'GET', 0, true, 70_000, 0, 0);
  countOpenRequests(columns, 0, 1);
  setConnections(columns, 17, 5);
  setLoopLag(columns, { meanMs: 1, p99Ms: 2, maxMs: 3 });
  for (let i = 0; i < 5; i++) recordAttempt(columns, 0);
  recordHostError(columns, 0);
  recordHostLatency(columns, 0, 4);
  setQueued(columns, 1, 2);
  writeRow(columns, 0, buildRow('h1', { cpu: 0.25, memory: 0.5, capacity: 3.5, work: 250, ageMs: 1500, state: 'up' }), 100_000);
  writeRow(columns, 1, buildRow('h2', { state: 'down', cpu: null, capacity: null, ageMs: null }), 100_000);
  setOperator(columns, 1, 1);
  return buildFacts({ columns, ...over });
}

test('requests are counted by pool, code and method, and what is unknown is _other', () => {
  const all = scrape(busyFacts());
  assert.equal(valuesOf(all, 'meercat_requests_total'), {
    'pool="default",code="200",method="GET"': 2,
    'pool="default",code="none",method="GET"': 1,
    'pool="default",code="_other",method="POST"': 1,
    'pool="default",code="_other",method="_other"': 1,
    'pool="_none",code="404",method="GET"': 1,
  });
  assert.equal(valuesOf(all, 'meercat_request_errors_total'), { 'pool="default"': 2, 'pool="_none"': 0 });
  assert.equal(valuesOf(all, 'meercat_requests_in_flight'), { 'pool="default"': 1, 'pool="_none"': 0 });
  assert.equal(valuesOf(all, 'meercat_bytes_total'), { 'direction="in"': 15, 'direction="out"': 208 });
  assert.is(all.values.get('meercat_connections'), 17);
  assert.is(all.values.get('meercat_http2_connections'), 5);
  assert.equal(valuesOf(all, 'meercat_event_loop_lag_p99_seconds'), { 'thread="traffic"': 0.002, 'thread="fleet"': 0 });
});

test('durations are histograms in seconds', () => {
  const { values } = scrape(busyFacts());
  const bucket = (le: string) => values.get(`meercat_request_duration_seconds_bucket{pool="default",le="${le}"}`);
  // Those of 1, 3, 2000 and 70,000 ms.
  assert.equal(['0.001', '0.0025', '0.005', '1.0', '2.5', '+Inf'].map(bucket), [0, 1, 2, 2, 3, 4]);
  assert.is(values.get('meercat_request_duration_seconds_sum{pool="default"}'), 72.004);
  assert.is(values.get('meercat_request_duration_seconds_count{pool="default"}'), 4);
  assert.is(values.get('meercat_request_duration_seconds_count{pool="_none"}'), 1);
  assert.is(values.get('meercat_host_response_seconds_sum{pool="default",host="h1"}'), 0.004);
  assert.is(values.get('meercat_host_response_seconds_bucket{pool="default",host="h1",le="0.005"}'), 1);
});

test("hosts have this balancer's counts and states", () => {
  const facts = busyFacts();
  facts.columns.ejectedUntil[0] = facts.nowMs + 1;
  const all = scrape(facts);
  assert.equal(valuesOf(all, 'meercat_host_attempts_total'), { 'pool="default",host="h1"': 5, 'pool="default",host="h2"': 0 });
  assert.equal(valuesOf(all, 'meercat_host_errors_total'), { 'pool="default",host="h1"': 1, 'pool="default",host="h2"': 0 });
  assert.equal(valuesOf(all, 'meercat_host_queue'), { 'pool="default",host="h1"': 0, 'pool="default",host="h2"': 2 });
  const on = Object.entries(valuesOf(all, 'meercat_host_status')).flatMap(([labels, value]) => (value === 1 ? [labels] : []));
  assert.equal(on, [
    'pool="default",host="h1",state="up"',
    'pool="default",host="h1",state="ejected"',
    'pool="default",host="h2",state="down"',
    'pool="default",host="h2",state="drained"',
  ]);
  assert.is(Object.keys(valuesOf(all, 'meercat_host_status')).length, 12);
});

test('what is known for the whole fleet comes from the master alone', () => {
  const costs = [
    ['GET /users/:id', 2.5],
    ['api/GET "x"', 10],
    ['api/*', 1],
  ] as const;
  const ofSlave = scrape(busyFacts({ costs }));
  for (const name of MASTER_METRICS) {
    assert.ok(ofSlave.types.has(name), name);
    assert.equal(valuesOf(ofSlave, name), {}, name);
  }
  const ofMaster = scrape(busyFacts({ costs, isMaster: true }));
  const h1 = 'pool="default",host="h1"';
  assert.equal(valuesOf(ofMaster, 'meercat_host_cpu_ratio'), { [h1]: 0.25 });
  assert.equal(valuesOf(ofMaster, 'meercat_host_memory_ratio'), { [h1]: 0.5, 'pool="default",host="h2"': 0.4 });
  assert.equal(valuesOf(ofMaster, 'meercat_host_capacity'), { [h1]: 3.5 });
  assert.equal(valuesOf(ofMaster, 'meercat_host_report_age_seconds'), { [h1]: 1.5 });
  assert.is(valuesOf(ofMaster, 'meercat_host_work_seconds')[h1], 0.25);
  assert.equal(valuesOf(ofMaster, 'meercat_class_cost_seconds'), {
    'pool="default",class="GET /users/:id"': 0.0025,
    [String.raw`pool="api",class="GET \"x\""`]: 0.01,
    'pool="api",class="*"': 0.001,
  });
});

test('hosts beyond the limit are summed as _other of their pool, without what has no sum', () => {
  const facts = busyFacts({ isMaster: true });
  const { columns } = facts;
  for (const slot of [2, 3, 4]) for (let i = 0; i < slot; i++) recordAttempt(columns, slot);
  for (const slot of [2, 3, 4]) recordHostLatency(columns, slot, 3);
  const hosts = ['h1', 'h2', 'h3', 'api/h1', 'api/h2'].map((name, slot) => ({ slot, name, url: '' }));
  const all = scrape({ ...facts, hosts: groupHosts(hosts, 2) });
  assert.equal(valuesOf(all, 'meercat_host_attempts_total'), {
    'pool="default",host="h1"': 5,
    'pool="default",host="h2"': 0,
    'pool="default",host="_other"': 2,
    'pool="api",host="_other"': 7,
  });
  assert.is(all.values.get('meercat_host_response_seconds_count{pool="api",host="_other"}'), 2);
  for (const name of ['meercat_host_status', 'meercat_host_cpu_ratio', 'meercat_host_capacity'])
    assert.not.ok(
      Object.keys(valuesOf(all, name)).some((labels) => labels.includes('_other')),
      name,
    );
});

test('a host that is there twice for a moment is shown once, as the newer one', () => {
  const groups = groupHosts([
    { slot: 3, name: 'h1', url: 'http://127.0.0.1:1' },
    { slot: 7, name: 'h1', url: 'http://127.0.0.1:2' },
  ]);
  assert.equal(groups, [{ labels: 'pool="default",host="h1"', slots: [7], isRest: false }]);
});

test('the fleet, the site and certificates are gauges of the balancer', () => {
  const { values } = scrape(
    buildFacts({
      ...{ isMaster: true, term: 7, leaseRemainingMs: 1200, tableAgeMs: 45, exchangeIntervalMs: 60, isRedisUp: false, redisRttMs: 0.5 },
      ...{ balancers: 3, siteVersion: 12, certificates: [{ name: 'a "b".pem', notAfterMs: 1_800_000_000_000 }] },
    }),
  );
  for (const [series, value] of [
    ['meercat_build_info{version="0.1.0",balancer="b1"}', 1],
    ['meercat_fleet_is_master', 1],
    ['meercat_fleet_term', 7],
    ['meercat_fleet_lease_remaining_seconds', 1.2],
    ['meercat_fleet_table_age_seconds', 0.045],
    ['meercat_fleet_exchange_interval_seconds', 0.06],
    ['meercat_fleet_redis_up', 0],
    ['meercat_fleet_redis_rtt_seconds', 0.0005],
    ['meercat_fleet_balancers', 3],
    ['meercat_site_version', 12],
    [String.raw`meercat_tls_cert_not_after_timestamp_seconds{certificate="a \"b\".pem"}`, 1_800_000_000],
  ] as const)
    assert.is(values.get(series), value, series);
  // Before the first table and the first heartbeat.
  const early = scrape(buildFacts()).values;
  for (const name of ['meercat_fleet_table_age_seconds', 'meercat_fleet_redis_rtt_seconds']) assert.not.ok(early.has(name), name);
});

test('certificates are named by their files alone, with the folder where two have one name', () => {
  const shown = showCertificates(
    [
      ['/etc/ssl/private/a.pem', 5],
      ['/live/www.example/fullchain.pem', 4],
      ['/live/api.example/fullchain.pem', 3],
      ['/old/api.example/fullchain.pem', 2],
      ['b.pem', 1],
    ].map(([file, notAfterMs]) => ({ file: file as string, notAfterMs: notAfterMs as number })),
  );
  assert.equal(
    shown.map(({ name, notAfterMs }) => [name, notAfterMs]),
    [
      ['a.pem', 5],
      ['www.example/fullchain.pem', 4],
      ['api.example/fullchain.pem', 2],
      ['b.pem', 1],
    ],
  );
});

test('both formats have the same values', () => {
  const facts = busyFacts({ isMaster: true });
  const [prometheus, openmetrics] = [scrape(facts), scrape(facts, 'openmetrics')];
  assert.equal(openmetrics.values, prometheus.values);
  assert.ok(prometheus.values.size > 200);
});

test('the process is as the system says', async () => {
  const facts = await openProcessFacts()();
  assert.ok(Math.abs(facts.startedAtMs - (Date.now() - process.uptime() * 1000)) < 1000);
  assert.ok(facts.cpuUserMs > 0 && facts.residentBytes > 1e6);
  if (process.platform === 'linux') assert.ok(facts.openFds > 2 && facts.maxFds >= facts.openFds && facts.virtualBytes > 1e6);
});

test.run();
