// Balancers that need CPU, against the formula of M/D/1 (Pollaczek and Khinchine: the mean wait is load / (2 (1 - load))
// service times), and the rules of quotas, threads and limits by small schedules. Redis as a queue.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { latenciesOf } from '../../../lib/lab/simulation/measure.js';
import { FLEET_THREAD, HOSTS_THREAD, Processor, TRAFFIC_THREAD } from '../../../lib/lab/simulation/processor.js';
import { RedisServer } from '../../../lib/lab/simulation/redis-server.js';
import type { RunOutcome } from '../../../lib/lab/simulation/run-options.js';
import { readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';
import { Ticks } from '../../../lib/lab/simulation/ticks.js';

const test = suite('cost of balancers');

const REQUEST_MICROS = 100;
const HOST_CORES = 1000;

/** A balancer at this share of its CPU, before a host on which a request always takes 1 ms. */
function runAt(busy: number, balancerCost: object, json: object = {}, cores = 1): RunOutcome {
  const scenario = readScenario(
    {
      hosts: [{ count: 1, cores: HOST_CORES }],
      requests: [{ request: 'GET /', cost: '1ms' }],
      reports: 'never',
      exchange: 'never',
      warmUp: '1s',
      duration: '20s',
      ...json,
      balancerCost: { request: REQUEST_MICROS, afterShare: 0, cores, ...balancerCost },
    },
    'test',
  );
  const perMs = (busy * cores * 1000) / REQUEST_MICROS;
  return runSimulation({ scenario, policy: 'omniscient', balancers: 1, load: perMs / HOST_CORES, seed: 11 });
}

for (const [busy, cores] of [
  [0.5, 1],
  [0.8, 1],
  [0.8, 0.25],
] as const)
  test(`at ${busy * 100} % of ${cores} of a core the mean wait is that of M/D/1`, () => {
    const { measure, use } = runAt(busy, {}, {}, cores);
    const serviceMs = REQUEST_MICROS / 1000 / cores;
    const waitMs = latenciesOf(measure.sorted()).mean - 1 - serviceMs;
    const expectedMs = (busy * serviceMs) / (2 * (1 - busy));
    assert.ok(Math.abs(waitMs / expectedMs - 1) < 0.04, `${waitMs} instead of ${expectedMs} ms`);
    assert.ok(Math.abs((use?.trafficCores ?? 0) / cores - busy) < 0.01);
    assert.ok(Math.abs((use?.need ?? 0) - busy) < 0.01);
  });

test('without a limit all wait; with one, what comes on top of it is refused, and the others wait no longer than it allows', () => {
  const json = { duration: '2s' };
  const waiting = runAt(1.2, {}, json);
  assert.is(waiting.refused, 0);
  assert.is(waiting.errors, 0);
  assert.ok((waiting.use?.need ?? 0) > 1.15 && waiting.backlog > 0.1, `${waiting.use?.need}, ${waiting.backlog}`);
  const limited = runAt(1.2, { queue: 20 }, json);
  assert.ok(limited.refused === limited.errors && limited.answered + limited.errors === limited.requests);
  const share = limited.refused / limited.requests;
  assert.ok(share > 0.14 && share < 0.19, `${share} of 1/6`);
  // Twenty in the queue, and the host's millisecond.
  const most = latenciesOf(limited.measure.sorted()).p999;
  assert.ok(most <= 20 * 0.1 + 1 + 1e-6, `${most}`);
});

/** When each work is done, in its order: `[thread, at, ms]` are added in time order. */
function schedule(processor: Processor, works: readonly (readonly [thread: 0 | 1 | 2, atMs: number, ms: number])[]): number[] {
  const done: number[] = works.map(() => Number.NaN);
  const until = (atMs: number): void => {
    while (processor.nextMs <= atMs && processor.nextMs < Number.POSITIVE_INFINITY) {
      const nowMs = processor.nextMs;
      current = nowMs;
      processor.step(nowMs);
    }
  };
  let current = 0;
  for (const [index, [thread, atMs, ms]] of works.entries()) {
    until(atMs);
    processor.add(atMs, thread, ms, () => void (done[index] = Math.round(current * 1e6) / 1e6), 0, undefined);
  }
  until(Number.MAX_VALUE);
  return done;
}

test('threads share a quota; with enough cores each has its own', () => {
  const works = [
    [TRAFFIC_THREAD, 0, 4],
    [FLEET_THREAD, 0, 1],
    [HOSTS_THREAD, 2, 1],
    [TRAFFIC_THREAD, 3, 1],
  ] as const;
  // A quarter of a core each until 4, then half a core for the 3 ms that are left.
  assert.equal(schedule(new Processor({ cores: 0.5, periodMs: 0, wakeMs: 0 }, 0), works.slice(0, 2)), [10, 4]);
  assert.equal(schedule(new Processor({ cores: 1, periodMs: 0, wakeMs: 0 }, 0), works), [6, 2, 4, 7]);
  assert.equal(schedule(new Processor({ cores: 3, periodMs: 0, wakeMs: 0 }, 0), works), [4, 1, 3, 5]);
});

test('a quota by period runs at full speed until it is spent, and then waits for the next period', () => {
  const rules = { cores: 0.1, periodMs: 20, wakeMs: 0 };
  // 2 ms each 20 ms, from 5 on: two periods in full, and one in part.
  assert.equal(schedule(new Processor(rules, 5), [[TRAFFIC_THREAD, 5, 5]]), [46]);
  // Unused quota of earlier periods is lost, and both threads spend it.
  assert.equal(
    schedule(new Processor(rules, 0), [
      [TRAFFIC_THREAD, 50, 1],
      [FLEET_THREAD, 50, 1.5],
    ]),
    [51, 60.5],
  );
});

test('a thread that waits must be woken, one with more to do not', () => {
  const done = schedule(new Processor({ cores: 1, periodMs: 0, wakeMs: 0.5 }, 0), [
    [FLEET_THREAD, 0, 1],
    [FLEET_THREAD, 0, 1],
    [FLEET_THREAD, 10, 1],
    [HOSTS_THREAD, 20, 1],
  ]);
  assert.equal(done, [1.5, 2.5, 11.5, 21]);
});

test('a thread that has slept, or has had no quota, pays for cold caches when it runs again', () => {
  const rules = { cores: 1, periodMs: 0, wakeMs: 0, coldMs: 0.5 };
  assert.equal(schedule(new Processor(rules, 0), [[TRAFFIC_THREAD, 5, 1]]), [6.5]);
  // The second and third find it running.
  const three = [0, 0.1, 0.2].map((atMs) => [TRAFFIC_THREAD, atMs, 1] as const);
  assert.equal(schedule(new Processor(rules, 0), three), [1.5, 2.5, 3.5]);
  // What comes while the quota is spent waits for the next period, and pays once.
  const spent = [
    [FLEET_THREAD, 0, 2],
    [TRAFFIC_THREAD, 5, 0.5],
    [TRAFFIC_THREAD, 10, 0.5],
  ] as const;
  assert.equal(schedule(new Processor({ ...rules, cores: 0.1, periodMs: 20 }, 0), spent), [2, 21, 21.5]);
  // 2 ms each period, half a millisecond of them for the caches: the rest is left after three periods.
  assert.equal(schedule(new Processor({ ...rules, cores: 0.1, periodMs: 20 }, 0), [[TRAFFIC_THREAD, 0, 4]]), [41.5]);
});

test('caches cool in time: after a pause of one time constant they cost 63 % of what cold ones do', () => {
  const processor = new Processor({ cores: 1, periodMs: 0, wakeMs: 0, coldMs: 1, coolMs: 4 }, 0);
  const [, second, third] = schedule(processor, [
    [TRAFFIC_THREAD, 0, 1],
    [TRAFFIC_THREAD, 6, 1],
    [TRAFFIC_THREAD, 100, 1],
  ]) as [number, number, number];
  // The first one is done at 2, when the thread falls asleep.
  assert.ok(Math.abs(second - (7 + 1 - Math.exp(-1))) < 1e-6, `${second}`);
  assert.ok(Math.abs(third - 102) < 1e-6, `${third}`);
  assert.ok(Math.abs(processor.colds - (3 - Math.exp(-1))) < 1e-6, `${processor.colds}`);
});

/** CPU of the traffic thread for each request, in µs. */
function microsOf({ use }: RunOutcome, seconds: number): number {
  const requests = (use?.requests ?? []).reduce((sum, each) => sum + each, 0);
  return ((use?.trafficCores ?? 0) * seconds * 1e6) / requests;
}

test('a request pays for cold caches alone where few come, and not where the thread always runs', () => {
  const json = { duration: '4s' };
  const lone = microsOf(runAt(0.01, { cold: 80 }, json), 4);
  assert.ok(lone > 178 && lone <= 180.001, `${lone}`);
  // Alone they would need 1.6 cores.
  const busy = runAt(0.9, { cold: 80 }, json);
  assert.is(busy.errors, 0);
  const shared = microsOf(busy, 4);
  assert.ok(shared > 100 && shared < 112, `${shared}`);
});

test('a connection is paid for once: requests that come one at a time use the same one, at the same time each its own', () => {
  const json = { duration: '4s', warmUp: '0s' };
  const extra = (busy: number): number => microsOf(runAt(busy, { connect: 10_000 }, json), 4) - REQUEST_MICROS;
  const few = runAt(0.001, {}, json).requests;
  assert.ok(extra(0.001) * few <= 3 * 10_000 + 1, `${extra(0.001) * few}`);
  // 10 ms for each connection, while five requests come in a ms: ever more of them, until the thread does nothing else.
  assert.ok(extra(0.5) > 95, `${extra(0.5)}`);
});

test('with clocks that tick, requests and answers wait for the next look: half a tick each on average', () => {
  const scenario = readScenario(
    { hosts: [{ count: 1, cores: 1000 }], requests: [{ request: 'GET /', cost: '1ms' }], duration: '20s' },
    'test',
  );
  const meanWith = (tickMs: number): number =>
    latenciesOf(runSimulation({ scenario, policy: 'omniscient', balancers: 1, load: 0.001, seed: 11, tickMs }).measure.sorted()).mean;
  const [without, with4] = [meanWith(0), meanWith(4)];
  assert.ok(Math.abs(without - 1) < 1e-6, `${without}`);
  // It ends at a look of the hosts' clock: 2 ms on average after a look of the clients', and 1 ms of work.
  assert.ok(with4 > without + 1.9 && with4 < without + 6.1, `${with4}`);
  const ticks = new Ticks(4, 1);
  assert.equal(
    [1, 1.5, 5, 5.01].map((atMs) => ticks.next(atMs)),
    [1, 5, 5, 9],
  );
});

test('a coordination that needs its share leaves the traffic thread its fair part of the CPU, and is paid for', () => {
  const json = { hosts: [{ count: 20, cores: 50 }], reports: '1s', exchange: undefined, duration: '4s', costs: 'known' };
  const cost = { wake: 100, table: 120, load: 113, masterTable: 850, masterLoad: 40, report: 25, idle: 0.01 };
  const { use, errors } = runAt(0.5, cost, json);
  assert.is(errors, 0);
  assert.ok((use?.masterCores ?? 0) > 0.02 && (use?.masterCores ?? 1) < 0.2, `${use?.masterCores}`);
  // The requests need half a core of what is left.
  assert.ok(Math.abs((use?.need ?? 0) - 0.5 / (1 - (use?.masterCores ?? 0))) < 0.01, `${use?.need}`);
});

test('Redis hands out messages at once until it is busy; beyond its core they queue, and each waits longer', () => {
  const cost = { wakeMicros: 500, publishMicros: 100, receiverMicros: 100, rowMicros: 10 };
  const idle = new RedisServer(cost);
  const near = (got: number, expected: number): void => assert.ok(Math.abs(got - expected) < 1e-9, `${got} instead of ${expected}`);
  near(idle.publish(4, 0, 0), 1);
  near(idle.publish(4, 10, 100), 1.4);
  // 2 ms each, one per ms: woken once, and each waits a ms longer than the one before.
  const busy = new RedisServer(cost);
  for (let i = 0; i < 10; i++) near(busy.publish(19, 0, i), 2.5 + i);
  near(busy.cpuMs, 20.5);
  assert.is(busy.published, 10);
});

test.run();
