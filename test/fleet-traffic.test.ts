// The figures of a fleet: many balancers' messages are merged exactly, whatever order and rhythm they come in, and what is
// over is forgotten.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerFigures, HostTraffic, PoolTraffic, SlowRequest } from '../lib/fleet-figures.js';
import { FleetTraffic } from '../lib/fleet-traffic.js';
import { Random } from '../lib/routing/random.js';
import { sparseOf } from '../lib/sparse-latency.js';
import { bucketOf, LATENCY_BUCKETS, quantileMs } from '../lib/table/latency-buckets.js';
import { FIGURES, SLOW, VIEW } from './support/fleet-views.js';

const test = suite('fleet traffic');

const STAMP = { term: 1, mastership: 'f00d'.repeat(8), atMs: 1_800_000_000_000 };

/** A message of one pool and one host. */
function messageOf(balancer: string, seq: number, latencies: readonly number[], more: Partial<BalancerFigures> = {}): BalancerFigures {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  for (const ms of latencies) counts[bucketOf(ms)] = (counts[bucketOf(ms)] as number) + 1;
  const latency = sparseOf(counts);
  const many = latencies.length;
  return {
    ...{ balancer, instance: 'i', seq, seconds: 1, slowest: [] },
    pools: [{ name: 'default', requests: many, errors: 0, inflight: 0, latency }],
    hosts: [{ name: 'h1', attempts: many, errors: 0, latency }],
    ...more,
  };
}

test('64 balancers with a thousand hosts are merged exactly', () => {
  const random = new Random(64);
  const traffic = new FleetTraffic();
  const minute = new Uint32Array(LATENCY_BUCKETS);
  const last = { requests: 0, errors: 0, inflight: 0, picks: new Map<string, number>() };
  const perHost = new Map<string, Uint32Array>();
  let nowMs = 1_000_000;
  for (let second = 0; second < 3; second++) {
    Object.assign(last, { requests: 0, errors: 0, inflight: 0 });
    for (let b = 0; b < 64; b++) {
      const hosts: HostTraffic[] = [];
      const ofPool = new Uint32Array(LATENCY_BUCKETS);
      let [requests, errors] = [0, 0];
      for (let h = 0; h < 1000; h++) {
        if (random.below(10) > 0) continue;
        const bucket = random.below(LATENCY_BUCKETS);
        const attempts = 1 + random.below(5);
        ofPool[bucket] = (ofPool[bucket] as number) + attempts;
        const counts = perHost.get(`h${h}`) ?? new Uint32Array(LATENCY_BUCKETS);
        counts[bucket] = (counts[bucket] as number) + attempts;
        perHost.set(`h${h}`, counts);
        minute[bucket] = (minute[bucket] as number) + attempts;
        requests += attempts;
        errors += h % 7 === 0 ? 1 : 0;
        last.picks.set(`b${b} h${h}`, (last.picks.get(`b${b} h${h}`) ?? 0) + attempts);
        hosts.push({ name: `h${h}`, attempts, errors: h % 7 === 0 ? 1 : 0, latency: [bucket, attempts] });
      }
      const pools: PoolTraffic[] = [{ name: 'default', requests, errors, inflight: b, latency: sparseOf(ofPool) }];
      assert.ok(traffic.take({ balancer: `b${b}`, instance: 'i', seq: second, seconds: 1, pools, hosts, slowest: [] }, nowMs + b));
      last.requests += requests;
      last.errors += errors;
      last.inflight += b;
    }
    nowMs += 1000;
    traffic.tick(nowMs, STAMP.atMs);
  }
  const figures = traffic.figures(nowMs, STAMP);
  assert.is(figures.balancers.length, 64);
  assert.ok(Math.abs(figures.total.rps - last.requests) < 1e-6);
  assert.ok(Math.abs(figures.total.errorRps - last.errors) < 1e-6);
  assert.is(figures.total.inflight, last.inflight);
  assert.is(figures.total.minute.p50Ms, quantileMs(minute, 0.5));
  assert.is(figures.total.minute.p99Ms, quantileMs(minute, 0.99));
  assert.is(figures.total.quarterHour.p999Ms, quantileMs(minute, 0.999));
  assert.equal(figures.pools[0]?.minute, figures.total.minute);
  assert.is(figures.hosts.length, perHost.size);
  for (const { name, minute: ofHost } of figures.hosts) assert.is(ofHost.p99Ms, quantileMs(perHost.get(name) as Uint32Array, 0.99));
  const { picks, balancers, hosts } = figures.picks;
  for (const [row, balancer] of balancers.entries())
    for (const [column, host] of hosts.entries())
      assert.is(picks[row]?.[column], last.picks.get(`${balancer} ${host}`) ?? 0, `${balancer} ${host}`);
  const shares = figures.hosts.reduce((sum, { p99Share }) => sum + p99Share, 0);
  assert.ok(Math.abs(shares - 1) < 1e-9);
});

test('the last second is what each balancer said last, whenever it came', () => {
  const traffic = new FleetTraffic();
  traffic.take(messageOf('b1', 1, [1, 2, 3]), 10_000);
  traffic.take(messageOf('b2', 1, [4, 5]), 10_900);
  traffic.take(messageOf('b1', 2, [1]), 11_001);
  const { total } = traffic.figures(11_500, STAMP);
  assert.is(total.rps, 3);
  assert.is(total.second.p99Ms, quantileMs(countsOf([1, 4, 5]), 0.99));
  assert.is(total.minute.p50Ms, quantileMs(countsOf([1, 2, 3, 4, 5, 1]), 0.5));
});

function countsOf(latencies: readonly number[]): Uint32Array {
  const counts = new Uint32Array(LATENCY_BUCKETS);
  for (const ms of latencies) counts[bucketOf(ms)] = (counts[bucketOf(ms)] as number) + 1;
  return counts;
}

test('rates are per second also where messages cover more', () => {
  const traffic = new FleetTraffic();
  traffic.take(messageOf('b1', 1, [1, 2, 3, 4], { seconds: 4 }), 10_000);
  assert.is(traffic.figures(10_000, STAMP).total.rps, 1);
});

test('a message that was overtaken by a later one is not counted, and a new process begins anew', () => {
  const traffic = new FleetTraffic();
  assert.ok(traffic.take(messageOf('b1', 7, [1]), 10_000));
  assert.not(traffic.take(messageOf('b1', 7, [1]), 10_001));
  assert.not(traffic.take(messageOf('b1', 6, [1]), 10_002));
  assert.ok(traffic.take(messageOf('b1', 1, [1, 1], { instance: 'next' }), 10_003));
  assert.is(traffic.figures(10_003, STAMP).total.rps, 2);
});

test('a balancer that says nothing for 3 s is forgotten, or for three of its intervals; one that leaves at once', () => {
  const traffic = new FleetTraffic();
  traffic.take(messageOf('b1', 1, [1]), 10_000);
  traffic.take(messageOf('slow', 1, [1], { seconds: 4 }), 10_000);
  traffic.take(messageOf('leaver', 1, [1]), 10_000);
  traffic.leave('leaver');
  traffic.tick(12_999, STAMP.atMs);
  assert.equal(traffic.figures(12_999, STAMP).balancers, ['b1', 'slow']);
  traffic.tick(13_000, STAMP.atMs);
  assert.equal(traffic.figures(13_000, STAMP).balancers, ['slow']);
  assert.is(traffic.figures(13_000, STAMP).total.rps, 0.25);
  traffic.tick(22_000, STAMP.atMs);
  const { balancers, total } = traffic.figures(22_000, STAMP);
  assert.equal([balancers, total.rps, total.inflight], [[], 0, 0]);
  assert.is(total.second.p50Ms, null);
  assert.is.not(total.minute.p50Ms, null, 'the minute goes on');
});

test('who has ejected a host, and why, is known while the balancer says so', () => {
  const traffic = new FleetTraffic();
  const ejected = (reason: string): HostTraffic[] => [{ name: 'h1', attempts: 0, errors: 0, latency: [], ejected: reason }];
  traffic.take(messageOf('b1', 1, [], { hosts: ejected('reset') }), 10_000);
  traffic.take(messageOf('b2', 1, [], { hosts: ejected('timeout') }), 10_000);
  const [host] = traffic.figures(10_000, STAMP).hosts;
  assert.equal(host?.ejectedBy, [
    ['b1', 'reset'],
    ['b2', 'timeout'],
  ]);
  assert.equal([...traffic.ejections()], [['h1', 2]]);
  traffic.take(messageOf('b1', 2, []), 11_000);
  assert.equal([...traffic.ejections()], [['h1', 1]]);
});

test('the share of the slowest requests shows the host that is slow', () => {
  const traffic = new FleetTraffic();
  const hosts = Array.from({ length: 10 }, (_, h) => ({ name: `h${h}`, attempts: 100, errors: 0, latency: [bucketOf(5), 100] }));
  const slow = { name: 'slow', attempts: 100, errors: 0, latency: [bucketOf(5), 80, bucketOf(900), 20] };
  traffic.take(messageOf('b1', 1, [], { hosts: [...hosts, slow] }), 10_000);
  const shares = new Map(traffic.figures(10_000, STAMP).hosts.map(({ name, p99Share }) => [name, p99Share]));
  assert.equal([shares.get('slow'), shares.get('h1')], [1, 0]);
});

test('requests of no pool count in the total, and are no pool', () => {
  const traffic = new FleetTraffic();
  traffic.take(FIGURES, 10_000);
  const { total, pools } = traffic.figures(10_000, STAMP);
  assert.equal(
    pools.map(({ name }) => name),
    ['default'],
  );
  assert.ok(Math.abs(total.rps - 11 / FIGURES.seconds) < 1e-9);
});

test('the slowest 20 of the last minute are exact, and forgotten after it', () => {
  const random = new Random(20);
  const traffic = new FleetTraffic();
  const all: { atMs: number; durationMs: number }[] = [];
  let nowMs = 0;
  for (let seq = 1; seq < 200; seq++) {
    nowMs += 1000;
    const slowest = Array.from({ length: 20 }, (_, i): SlowRequest => ({ ...SLOW, id: `${seq}-${i}`, durationMs: random.below(1e6) }));
    all.push(...slowest.map(({ durationMs }) => ({ atMs: nowMs, durationMs })));
    traffic.take(messageOf('b1', seq, [], { slowest }), nowMs);
    const expected = all
      .filter(({ atMs }) => atMs > nowMs - 60_000)
      .map(({ durationMs }) => durationMs)
      .toSorted((a, b) => b - a)
      .slice(0, 20);
    assert.equal(
      traffic.figures(nowMs, STAMP).slowest.map(({ durationMs }) => durationMs),
      expected,
    );
  }
});

test('the history has a point each 5 s for 15 minutes, and each host its last minute', () => {
  const traffic = new FleetTraffic();
  for (let second = 1; second <= 1000; second++) {
    traffic.take(messageOf('b1', second, [10, 10]), second * 1000);
    traffic.tick(second * 1000, STAMP.atMs + second * 1000);
  }
  const { history, hostRps } = traffic.stored(traffic.figures(1_000_000, STAMP));
  assert.is(history.length, 180);
  assert.equal(history.at(-1), { atMs: STAMP.atMs + 1_000_000, rps: 2, errorRps: 0, p50Ms: 10.5, p99Ms: 10.5, p999Ms: 10.5 });
  assert.is((history.at(-1)?.atMs ?? 0) - (history.at(0)?.atMs ?? 0), 179 * 5000);
  assert.equal(hostRps, [['h1', Array.from({ length: 60 }, () => 2)]]);
});

test('a new master goes on from the stored history, without what is too old', () => {
  const traffic = new FleetTraffic();
  const atMs = VIEW.figures.atMs + 2000;
  const old = { ...(VIEW.history[0] as (typeof VIEW.history)[0]), atMs: atMs - 16 * 60_000 };
  traffic.seed({ ...VIEW, history: [old, ...VIEW.history] }, atMs);
  for (let second = 1; second <= 5; second++) {
    traffic.take(messageOf('b1', second, [10]), second * 1000);
    traffic.tick(second * 1000, atMs + second * 1000);
  }
  const { history, hostRps } = traffic.stored(traffic.figures(5000, STAMP));
  assert.equal(
    history.map((point) => point.atMs),
    [...VIEW.history.map((point) => point.atMs), atMs + 5000],
  );
  assert.equal(new Map(hostRps).get('h1'), [500, 501.5, 0, 1, 1, 1, 1, 1]);
});

test('more hosts and pools than a table holds are left out, and the total has them all the same', () => {
  const traffic = new FleetTraffic();
  const hosts = Array.from({ length: 17_000 }, (_, h) => ({ name: `h${h}`, attempts: 1, errors: 0, latency: [] }));
  const pools = Array.from({ length: 1100 }, (_, p) => ({ name: `p${p}`, requests: 1, errors: 0, inflight: 0, latency: [] }));
  traffic.take(messageOf('b1', 1, [], { hosts, pools }), 10_000);
  const figures = traffic.figures(10_000, STAMP);
  assert.equal([figures.hosts.length, figures.pools.length, figures.total.rps], [16_384, 1024, 1100]);
  assert.equal([figures.picks.hosts.length, figures.picks.picks[0]?.length], [1000, 1000]);
});

test('hosts and pools without traffic for 15 minutes are forgotten', () => {
  const traffic = new FleetTraffic();
  traffic.take(messageOf('b1', 1, [1]), 10_000);
  for (let second = 11; second < 10 + 1000; second++) traffic.tick(second * 1000, STAMP.atMs);
  const { pools, hosts } = traffic.figures(1_010_000, STAMP);
  assert.equal([pools, hosts, traffic.hostCount], [[], [], 0]);
  assert.is(traffic.hostMinute('h1'), undefined);
});

test.run();
