// Request costs across masters: published costs stay until there are better ones, and everything measured in work is
// rescaled when costs change.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type CostChange, FleetCosts } from '../../lib/hosts/fleet-costs.js';
import { HostRegistry } from '../../lib/hosts/host-registry.js';
import type { HostLoad, LoadMessage, Report } from '../../lib/model.js';
import { Random } from '../../lib/routing/random.js';
import { REST_NAME } from '../../lib/routing/request-classes.js';

const test = suite('fleet costs');

const UNCHANGED: CostChange = { growth: 1, moved: 0 };

const tick = (costs: FleetCosts, nowMs: number): CostChange => costs.tick(nowMs).get('default') ?? UNCHANGED;

test('a class with known durations only is estimated from them, and the growth of the costs is reported', () => {
  const costs = new FleetCosts();
  costs.tick(0);
  assert.is(costs.takeChange(), null);
  for (let i = 0; i < 20; i++) costs.model.finished('h1', 'GET /a', { count: 5, busyMs: 100 }, i * 20, 20);
  const { growth, moved } = tick(costs, 1000);
  const [[name, costMs] = []] = costs.takeChange() ?? [];
  assert.is(name, 'GET /a');
  assert.ok((costMs as number) > 0 && (costMs as number) <= 20, String(costMs));
  assert.is(growth, costMs, 'before, every request counted as 1 ms');
  assert.is(moved, 0, 'with one class none is dearer beside others');
  assert.is(costs.takeChange(), null, 'once');
});

test('the fraction of work attributed to wrong classes is reported', () => {
  const costs = new FleetCosts();
  costs.tick(0);
  for (let i = 0; i < 20; i++) {
    costs.model.finished('h1', 'GET /a', { count: 9, busyMs: 90 }, i * 20, 20);
    costs.model.finished('h1', 'GET /b', { count: 1, busyMs: 90 }, i * 20, 20);
  }
  const { growth, moved } = tick(costs, 1000);
  const [a, b] = ['GET /a', 'GET /b'].map((name) => costs.published.find(([each]) => each === name)?.[1] as number) as [number, number];
  const mean = (9 * a + b) / 10;
  assert.ok(Math.abs(growth - mean) < 0.02 * mean, `${growth}, ${mean}`);
  assert.ok(Math.abs(moved - (b / (10 * mean) - 0.1)) < 0.02, `${moved}: before, a tenth of the work was taken to be in /b`);
  assert.ok(moved > 0.2);
});

test("an earlier master's costs are not replaced by guesses", () => {
  const costs = new FleetCosts();
  costs.seed([
    ['GET /a', 3],
    ['GET /b', 50],
  ]);
  for (let i = 0; i < 20; i++) costs.model.finished('h1', 'GET /a', { count: 5, busyMs: 500 }, i * 20, 20);
  assert.equal(tick(costs, 1000), UNCHANGED);
  assert.equal(
    [costs.published, costs.takeChange()],
    [
      [
        ['GET /a', 3],
        ['GET /b', 50],
      ],
      null,
    ],
  );
  for (let i = 0; i < 20; i++) costs.model.finished('h1', 'GET /new', { count: 5, busyMs: 50 }, 1000 + i * 20, 20);
  assert.equal(tick(costs, 2000), UNCHANGED, 'a class that is new makes none of the others dearer');
  assert.equal(
    costs.published.map(([name]) => name),
    ['GET /a', 'GET /b', 'GET /new'],
  );
});

const NONE = { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 };

/**
 * Lets ten hosts serve two classes of 5 and 50 ms of CPU for this long. The hosts report costs of `saidFactor` times
 * the true ones; 0: they report none. `isTied`: one of each always arrives together, and small ones wait 200 ms
 * besides.
 */
function serve(registry: HostRegistry, seconds: number, { saidFactor = 0, isTied = false } = {}): void {
  const random = new Random(4);
  const busy = Array.from({ length: 10 }, () => 0);
  let seq = 0;
  for (let ms = 20; ms <= seconds * 1000; ms += 20) {
    const said: [number, number, number][] = [];
    const hosts = busy.map((_, host): HostLoad => {
      const small = random.below(isTied ? 2 : 5);
      const large = isTied ? small : random.below(20) === 0 ? 1 : 0;
      busy[host] = (busy[host] as number) + 5 * small + 50 * large;
      const counts = [...(small > 0 ? [1, small, (isTied ? 205 : 5) * small] : []), ...(large > 0 ? [2, large, 50 * large] : [])];
      if (saidFactor > 0 && small > 0) said.push([1, small, 5 * small * saidFactor]);
      if (saidFactor > 0 && large > 0) said.push([2, large, 50 * large * saidFactor]);
      return { host: `h${host}`, inflight: 0, open: 0, longLived: 0, work: 0, served: ms, meanInflight: 0, evidence: NONE, counts };
    });
    seq++;
    const message: LoadMessage = {
      balancer: 'b1',
      instance: 'i',
      seq,
      classes:
        seq === 1
          ? [
              [1, 'GET /small'],
              [2, 'GET /large'],
            ]
          : [],
      said,
      isFull: seq === 1,
      statics: [],
      hosts,
    };
    registry.onLoad(message, ms);
    if (ms % 1000 !== 0) continue;
    for (const [host, cpuMs] of busy.entries()) {
      const report: Report = {
        host: `h${host}`,
        url: `http://h${host}:1`,
        cpu: cpuMs / 4000,
        memory: null,
        cores: 4,
        rps: null,
        intervalMs: 1000,
        bye: false,
      };
      registry.onReport(report, ms);
      busy[host] = 0;
    }
    registry.tick(ms);
  }
}

const costOf = (registry: HostRegistry, name: string): number => registry.costs.find(([each]) => each === name)?.[1] ?? Number.NaN;

test("the registry learns costs from reports and load messages, and passes them to the next one with the hosts' capacities", () => {
  const registry = new HostRegistry();
  serve(registry, 40);
  for (const [name, expected] of [
    ['GET /small', 5],
    ['GET /large', 50],
  ] as const) {
    const costMs = costOf(registry, name);
    assert.ok(costMs > expected / 1.5 && costMs < expected * 1.5, `${name}: ${costMs}`);
  }
  assert.equal(
    registry
      .takeChanges(40_000)
      .costs?.map(([name]) => name)
      .toSorted(),
    ['GET /large', 'GET /small'],
  );
  const next = new HostRegistry();
  const rows = registry.rows(40_000).map((row) => Object.assign({}, row, { capacity: 3.5, speed: 0.9 }));
  next.seed(rows, 40_000, registry.costs);
  assert.equal(next.costs, registry.costs);
  assert.equal(next.rows(40_000).map(({ capacity, speed }) => [capacity, speed])[0], [3.5, 0.9]);
});

/** One second's requests of one class: their number, and their duration (ms). */
function finish(costs: FleetCosts, second: number, requests: Readonly<Record<string, readonly [count: number, ms: number]>>): CostChange {
  for (const [name, [count, ms]] of Object.entries(requests))
    costs.model.finished('h', name, { count, busyMs: count * ms }, second * 1000, 20);
  return tick(costs, second * 1000);
}

const publishedOf = (costs: FleetCosts): Record<string, number> => Object.fromEntries(costs.published);

test('a class that gets its own cost counted as the rest until then: that part of the work was misjudged', () => {
  const costs = new FleetCosts();
  finish(costs, 1, { [REST_NAME]: [100, 10] });
  const { moved } = finish(costs, 2, { [REST_NAME]: [100, 10], 'GET /dear': [100, 90] });
  // It was a third of the work at the rest's cost (100 of 300 requests), and is nine elevenths.
  assert.ok(Math.abs(moved - (9 / 11 - 1 / 3)) < 0.05, `${moved}`);
});

test("guesses replace guesses, while an earlier master's costs stay until something is fitted", () => {
  const [first, next] = [new FleetCosts(), new FleetCosts()];
  next.seed([
    ['GET /a', 300],
    ['GET /gone', 7],
  ]);
  for (const costs of [first, next]) {
    for (let second = 1; second <= 3; second++) finish(costs, second, { 'GET /a': [100, 200] });
    for (let second = 4; second <= 40; second++) finish(costs, second, { 'GET /a': [100, 40] });
  }
  assert.ok((publishedOf(first)['GET /a'] as number) < 50, JSON.stringify(first.published));
  assert.equal(publishedOf(next), { 'GET /a': 300, 'GET /gone': 7 });
});

test('costs that change by less than 5 % are not published again', () => {
  const costs = new FleetCosts();
  finish(costs, 1, { 'GET /a': [1000, 100] });
  const [[, before] = []] = costs.takeChange() ?? [];
  finish(costs, 2, { 'GET /a': [1000, 104] });
  assert.is(costs.takeChange(), null);
  finish(costs, 3, { 'GET /a': [1000, 140] });
  const [[, after] = []] = costs.takeChange() ?? [];
  assert.ok((after as number) > 1.05 * (before as number), `${before}, then ${after}`);
});

test("costs that hosts report are trusted when they agree with the hosts' CPU, and not otherwise", () => {
  // The sum of the CPU is the same for any split: only the hosts can tell.
  const [silent, honest, lying] = [0, 1, 10].map((saidFactor) => {
    const registry = new HostRegistry();
    serve(registry, 20, { saidFactor, isTied: true });
    return costOf(registry, 'GET /small');
  }) as [number, number, number];
  assert.ok(Math.abs(honest - 5) < 0.3, `${honest}`);
  assert.ok(Math.abs(silent - 5) > 0.6, `${silent}`);
  assert.is(lying, silent, 'a lie changes nothing');
});

test.run();
