// The usage score and the weight of stale figures, as tables of inputs and outputs.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildView } from '../support/host-views.js';
import { neutralUsageOf, putUsage, usageOf } from '../../lib/routing/usage.js';

const test = suite('usage');

const near = (found: number, expected: number, what: string) =>
  assert.ok(Object.is(found, expected) || Math.abs(found - expected) < 1e-12, `${what}: ${found}, expected ${expected}`);

/** The effective usage of a host that reported this one so many ms ago. */
function believedUsage(usage: number, ageMs: number, neutral: number, failing = 0): number {
  const loads = new Float64Array(2);
  putUsage(buildView(2, { usage: [9, usage], reportedAt: [0, 50_000 - ageMs], failing: [0, failing], neutral }), 1, 50_000, loads, 1);
  return loads[1] as number;
}

test('usage is the CPU, and memory counts from 80 % on, at 100 % as much as a fully used CPU', () => {
  const table: [number | null, number | null, number][] = [
    [0, 0, 0],
    [0.3, 0, 0.3],
    [0.3, 0.79, 0.3],
    [0.3, 0.8, 0.3],
    [0.3, 0.9, 0.8],
    [0.3, 1, 1.3],
    [1, 1, 2],
    [1, 0.5, 1],
    [0, 1, 1],
    [0.5, null, 0.5],
    [null, 0.5, Number.NaN],
    [null, null, Number.NaN],
  ];
  for (const [cpu, memory, expected] of table) near(usageOf(cpu, memory), expected, `cpu ${cpu}, memory ${memory}`);
});

test('usage never falls when CPU or memory grows', () => {
  for (let cpu = 0; cpu <= 1; cpu += 0.05) {
    for (let memory = 0; memory <= 0.95; memory += 0.05) {
      assert.ok(usageOf(cpu + 0.01, memory) > usageOf(cpu, memory));
      assert.ok(usageOf(cpu, memory + 0.05) >= usageOf(cpu, memory));
    }
  }
});

test('a figure counts fully for 2 s, half at 6 s, and not at all from 10 s on', () => {
  const table: [number, number][] = [
    [-50, 0.9],
    [0, 0.9],
    [1999, 0.9],
    [2000, 0.9],
    [4000, 0.8],
    [6000, 0.7],
    [8000, 0.6],
    [9999, 0.5 + 0.4 / 8000],
    [10_000, 0.5],
    [20_000, 0.5],
    [Number.NaN, 0.5],
    [Number.POSITIVE_INFINITY, 0.5],
  ];
  for (const [ageMs, expected] of table) near(believedUsage(0.9, ageMs, 0.5), expected, `${ageMs} ms`);
  near(believedUsage(0.1, 6000, 0.5), 0.3, 'below neutral it fades upwards');
  near(believedUsage(Number.NaN, 0, 0.5), 0.5, 'not known');
  near(believedUsage(0.2, 0, 0.5, 0.7), 0.9, 'what it fails counts as work');
});

test('a figure fades continuously towards neutral', () => {
  for (let ageMs = 0; ageMs < 12_000; ageMs += 10) {
    const [now, next] = [believedUsage(1, ageMs, 0.5), believedUsage(1, ageMs + 10, 0.5)];
    assert.ok(next <= now && now - next < 0.002, `${ageMs} ms`);
  }
});

test('the neutral usage is the median', () => {
  const table: [number[], number][] = [
    [[], 0.5],
    [[0.3], 0.3],
    [[0.9, 0.1], 0.5],
    [[0.9, 0.1, 0.2], 0.2],
    [[2, 0, 1, 0.5], 0.75],
    [[0, 0, 0, 2], 0],
    [[10, 9, 2, 1, 0], 2],
  ];
  for (const [known, expected] of table) near(neutralUsageOf(Float64Array.from(known)), expected, `${known}`);
});

test.run();
