// The cost model with bad input, very many names, costs reported by hosts, and its limits.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CostModel } from '../../lib/learning/cost-model.js';
import { Random } from '../../lib/routing/random.js';

const test = suite('cost model input');

interface Kind {
  readonly name: string;
  readonly cpuMs: number;
  readonly waitMs?: number;
  readonly reportedMs?: number;
}

/** Hosts that report exactly what their requests cost, in seconds whose requests all end well within them. */
function feed(model: CostModel, kinds: readonly Kind[], seconds: number, startMs = 0, seed = 1): void {
  const rng = new Random(seed);
  for (let second = 0; second < seconds; second++) {
    const fromMs = startMs + second * 1000;
    for (let host = 0; host < 10; host++) {
      let cpuMs = 100 * host;
      for (const { name, cpuMs: cost, waitMs = 0, reportedMs } of kinds) {
        const count = 1 + rng.below(20);
        const busyMs = count * (cost + waitMs);
        cpuMs += count * cost;
        model.finished(`h${host}`, name, { count, busyMs }, fromMs + 900, 20);
        if (reportedMs !== undefined) model.reported(name, count, reportedMs * count);
      }
      model.observe(`h${host}`, { cpuMs, cores: 64 }, fromMs + 1000, 1000);
    }
    model.tick(fromMs + 1000);
  }
}

const cost = (model: CostModel, name: string): number => model.costs().get(name) ?? Number.NaN;
const isNear = (actual: number, expected: number, part = 0.1): void =>
  assert.ok(Math.abs(actual - expected) <= part * expected, `${actual}, not ${expected}`);

const KINDS: readonly Kind[] = [
  { name: 'GET /a', cpuMs: 5 },
  { name: 'GET /b', cpuMs: 20, waitMs: 30 },
];

test('exact figures give exact costs', () => {
  const model = new CostModel();
  feed(model, KINDS, 40);
  isNear(cost(model, 'GET /a'), 5);
  isNear(cost(model, 'GET /b'), 20);
});

test('absurd input is dropped and leaves the costs unchanged', () => {
  const model = new CostModel();
  feed(model, KINDS, 30);
  const wrong = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -1, 1e300];
  for (const bad of [...wrong, 0]) model.finished('h1', 'GET /a', { count: bad, busyMs: 1e6 }, 30_100, 20);
  for (const bad of wrong) {
    model.finished('h1', 'GET /a', { count: 1, busyMs: bad }, 30_100, 20);
    model.reported('GET /a', 1, bad);
    model.reported('GET /a', bad, 5);
    model.finished('h1', 'GET /a', { count: 1, busyMs: 5 }, bad === 1e300 ? Number.NaN : bad, 20);
    model.finished('h1', 'GET /a', { count: 1, busyMs: 5 }, 30_100, bad);
    model.observe('h1', { cpuMs: bad, cores: 64 }, 30_200, 1000);
    model.observe('h2', { cpuMs: 500, cores: 64 }, 30_200, bad);
    model.observe('h3', { cpuMs: 500, cores: bad }, 30_200, 1000);
    model.tick(bad);
  }
  model.observe('h5', { cpuMs: 0, cores: 0 }, 30_200, 0);
  feed(model, KINDS, 20, 31_000, 2);
  isNear(cost(model, 'GET /a'), 5, 0.2);
  isNear(cost(model, 'GET /b'), 20, 0.2);
  for (const estimate of model.estimates())
    for (const [field, value] of Object.entries(estimate))
      assert.ok(typeof value !== 'number' || Number.isFinite(value), `${estimate.name} ${field} ${value}`);
});

test('costs are never 0 or below, and are finite, whatever random input comes', () => {
  const rng = new Random(9);
  const odd = (): number => [0, -1, 1, 3.5, 1e-9, 1e6, 1e12, Number.NaN, Number.POSITIVE_INFINITY][rng.below(9)] as number;
  const model = new CostModel();
  for (let i = 0; i < 20_000; i++) {
    const nowMs = i * 10;
    model.finished(`h${rng.below(5)}`, `c${rng.below(10)}`, { count: odd(), busyMs: odd() }, nowMs, odd());
    model.reported(`c${rng.below(10)}`, odd(), odd());
    if (i % 20 === 0)
      model.observe(
        `h${rng.below(5)}`,
        { cpuMs: rng.below(2) ? odd() : rng.below(4000), cores: rng.below(3) ? 4 : odd() },
        nowMs,
        rng.below(3) ? 1000 : odd(),
      );
    if (i % 100 === 0) model.tick(nowMs);
  }
  for (const [name, value] of model.costs()) assert.ok(Number.isFinite(value) && value > 0, `${name} ${value}`);
});

test('a hundred classes: 63 by name, the others in the rest; classes that vanish free their places', () => {
  const model = new CostModel();
  feed(
    model,
    Array.from({ length: 100 }, (_, i) => ({ name: `old ${i}`, cpuMs: 2 })),
    10,
  );
  const names = model.estimates().map(({ name }) => name);
  assert.is(names.length, 64);
  assert.ok(names.includes('(rest)'));
  feed(model, [{ name: 'new', cpuMs: 7 }], 30, 20 * 60_000);
  isNear(cost(model, 'new'), 7);
  assert.ok(!model.estimates().some(({ name }) => name.startsWith('old')));
});

test('of a thousand hosts a limited number is tracked', () => {
  const model = new CostModel();
  for (let second = 1; second <= 3; second++) {
    for (let host = 0; host < 1000; host++) {
      model.finished(`h${host}`, 'GET /a', { count: 10, busyMs: 80 }, second * 1000 - 100, 20);
      model.observe(`h${host}`, { cpuMs: 100, cores: 4 }, second * 1000, 1000);
    }
    model.tick(second * 1000);
  }
  isNear(model.estimates()[0]?.samples ?? 0, 30_000, 0.05);
  assert.ok(cost(model, 'GET /a') > 0);
});

test('costs that hosts report are trusted only when their CPU agrees', () => {
  const honest = new CostModel();
  feed(
    honest,
    [
      { name: 'a', cpuMs: 5, waitMs: 100, reportedMs: 5 },
      { name: 'b', cpuMs: 20, reportedMs: 20 },
    ],
    20,
  );
  isNear(cost(honest, 'a'), 5);
  isNear(cost(honest, 'b'), 20);
  const lying = new CostModel();
  feed(
    lying,
    [
      { name: 'a', cpuMs: 5, waitMs: 100, reportedMs: 50 },
      { name: 'b', cpuMs: 20, reportedMs: 200 },
    ],
    20,
  );
  isNear(cost(lying, 'a'), 5);
  isNear(cost(lying, 'b'), 20);
});

/** What agents may report as their CPU (0..1): `random` has a value from 0 to 1, `second` counts; null is no report. */
const AGENTS: Readonly<Record<string, (random: () => number, second: number) => number | null>> = {
  'the same CPU always': () => 0.3,
  'random CPU': (random) => random(),
  'random CPU of next to nothing': (random) => random() / 1e4,
  'no CPU': () => 0,
  'full CPU': () => 1,
  'no figure': () => null,
  'CPU that jumps each second': (_, second) => (second % 2 === 0 ? 0.05 : 0.95),
  'CPU that jumps at random': (random) => (random() < 0.5 ? 0.05 : 0.95),
  'CPU that jumps each ten seconds': (_, second) => (Math.floor(second / 10) % 2 === 0 ? 0.1 : 0.9),
};

/**
 * Ten hosts of which some report figures that have nothing to do with their requests, and the others the truth. Hands
 * out each class's cost over its duration, after each second.
 */
function feedFalsely(
  cpuOf: (random: () => number, second: number) => number | null,
  { cores, liars, seed }: { readonly cores: number; readonly liars: number; readonly seed: number },
  onRatio: (ratio: number) => void,
): void {
  const rng = new Random(seed);
  const model = new CostModel();
  const random = (): number => rng.below(1e6) / 1e6;
  const classes = [
    { name: 'GET /a', ms: 10, most: 10 },
    { name: 'GET /b', ms: 100, most: 2 },
  ];
  for (let second = 1; second <= 60; second++) {
    for (let host = 0; host < 10; host++) {
      let usedMs = 0;
      for (let at = 100; at < 900; at += 80)
        for (const { name, ms, most } of classes) {
          const count = rng.below(most);
          model.finished(`h${host}`, name, { count, busyMs: count * ms }, (second - 1) * 1000 + at, 20);
          usedMs += count * ms;
        }
      const cpu = host < liars ? cpuOf(random, second) : usedMs / (1000 * cores);
      if (cpu !== null) model.observe(`h${host}`, { cpuMs: cpu * cores * 1000, cores }, second * 1000, 1000);
    }
    model.tick(second * 1000);
    for (const { name, ms } of classes) onRatio(cost(model, name) / ms);
  }
}

for (const [title, cpuOf] of Object.entries(AGENTS)) {
  test(`agents that report ${title} make no request cost a tenth of its duration, or five times as much`, () => {
    for (const cores of [4, 64])
      for (const liars of [10, 5])
        for (const seed of [1, 2, 3])
          feedFalsely(cpuOf, { cores, liars, seed }, (ratio) =>
            assert.ok(ratio > 0.1 && ratio < 5, `${liars} of 10 hosts with ${cores} cores, seed ${seed}: ${ratio}`),
          );
  });
}

test('a class that seems to use no CPU at all is not free', () => {
  const model = new CostModel();
  feed(
    model,
    [
      { name: 'idle', cpuMs: 0, waitMs: 20 },
      { name: 'busy', cpuMs: 20 },
    ],
    60,
  );
  isNear(cost(model, 'busy'), 20);
  assert.ok(cost(model, 'idle') > 0.3 && cost(model, 'idle') < 2, `${cost(model, 'idle')}`);
});

test('a class whose hosts report that it costs nothing is not free', () => {
  const model = new CostModel();
  feed(
    model,
    [
      { name: 'a', cpuMs: 5, reportedMs: 0 },
      { name: 'b', cpuMs: 20, reportedMs: 25 },
    ],
    20,
  );
  isNear(cost(model, 'b'), 25);
  assert.ok(cost(model, 'a') > 5 / 65, `${cost(model, 'a')}`);
});

test('a class that is new while others are fitted costs the same fraction of its duration', () => {
  const model = new CostModel();
  feed(model, [{ name: 'a', cpuMs: 40, waitMs: 120 }], 20);
  model.finished('h0', 'new', { count: 10, busyMs: 400 }, 20_000, 20);
  isNear(cost(model, 'new'), 10, 0.2);
});

test('a class with fewer than five recent requests has no cost of its own yet', () => {
  const model = new CostModel();
  for (let i = 0; i < 4; i++) model.finished('h', 'GET /a', { count: 1, busyMs: 10 }, i, 20);
  assert.is(model.costs().size, 0);
  for (let i = 0; i < 2; i++) model.finished('h', 'GET /a', { count: 1, busyMs: 10 }, i, 20);
  assert.equal([...model.costs()], [['GET /a', 10]]);
});

test('costs are fitted every five seconds, which bounds the CPU time it takes', () => {
  const model = new CostModel();
  let fits = 0;
  let last = Number.NaN;
  for (let second = 0; second < 60; second++) {
    feed(model, KINDS, 1, second * 1000, second + 1);
    if (cost(model, 'GET /b') !== last) fits++;
    last = cost(model, 'GET /b');
  }
  assert.ok(fits >= 8 && fits <= 13, `${fits}`);
});

test('a clock that stands still or goes back, lost reports and returning hosts do no harm', () => {
  const model = new CostModel();
  feed(model, KINDS, 20);
  feed(model, KINDS, 5, 10_000);
  model.tick(0);
  model.tick(0);
  feed(model, KINDS, 25, 500_000, 3);
  isNear(cost(model, 'GET /a'), 5, 0.2);
  isNear(cost(model, 'GET /b'), 20, 0.2);
});

test.run();
