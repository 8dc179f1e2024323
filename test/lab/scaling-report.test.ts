// How `bench processes` judges two processes: by requests per second if there are enough cores, otherwise by CPU time
// and by how evenly the load is spread.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reportScaling, type ScalingSample } from '../../lib/lab/scaling-report.js';

const test = suite('scaling report');

const SETUP = { rounds: 1, seconds: 1, connections: 2, generator: 'own', cores: 2, isApart: false } as const;

const sample = (perSecond: number, cpuMicros: number, busiestShare: number): ScalingSample[] => [
  { perSecond, cpuMicros, userMicros: cpuMicros / 2, systemMicros: cpuMicros / 2, busyCores: 1, busiestShare },
];

test('two evenly loaded processes with the same CPU per request have twice the capacity, whatever requests/s the machine allowed', () => {
  const [goal] = reportScaling(
    SETUP,
    new Map([
      [1, sample(1000, 40, 1)],
      [2, sample(1200, 40, 0.5)],
    ]),
    [],
  ).goals;
  assert.equal([goal?.value, goal?.isReached], [2, true]);
  assert.match(goal?.what ?? '', /^capacity by CPU time/);
});

test('capacity is lower if one process gets most of the load, or if a request costs more', () => {
  const valueOf = (cpuMicros: number, share: number): number | undefined =>
    reportScaling(
      SETUP,
      new Map([
        [1, sample(1000, 40, 1)],
        [2, sample(1200, cpuMicros, share)],
      ]),
      [],
    ).goals[0]?.value;
  assert.is(valueOf(40, 0.8), 1.25);
  assert.is(valueOf(50, 0.5), 1.6);
  assert.is(valueOf(40, 1), 1);
});

test('if load and host have other cores, requests per second count', () => {
  const { goals, figures } = reportScaling(
    { ...SETUP, cores: 4, isApart: true },
    new Map([
      [1, sample(1000, 40, 1)],
      [2, sample(1750, 40, 0.5)],
    ]),
    [],
  );
  assert.equal([goals[0]?.value, goals[0]?.isReached], [1.75, false]);
  assert.is(figures.judgedBy, 'throughput');
});

test.run();
