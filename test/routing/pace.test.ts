// The pace of hosts: what they are compared with, and which are implausibly fast.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isBogusPace, neutralPaceOf, paceAfter } from '../../lib/routing/pace.js';

const test = suite('pace');

test('a pace is the mean of the first responses, then of about the last sixteen', () => {
  let pace = 0;
  for (let before = 0; before < 4; before++) pace = paceAfter(pace, before, 1, before);
  assert.is(pace, 1.5);
  for (let before = 4; before < 1000; before++) pace = paceAfter(pace, before, 1, 1);
  assert.ok(Math.abs(pace - 1) < 1e-9);
  for (let before = 1000; before < 1011; before++) pace = paceAfter(pace, before, 1, 0);
  assert.ok(pace > 0.45 && pace < 0.55, `${pace}: half after eleven`);
  // A batch counts like the same number one by one.
  assert.ok(Math.abs(paceAfter(1, 1000, 11, 0) - pace) < 1e-9);
});

test('the reference is the median: the slower one of two', () => {
  assert.is(neutralPaceOf([0.01, 1]), 1);
  assert.is(neutralPaceOf([3, 1, 2]), 2);
  assert.ok(Number.isNaN(neutralPaceOf([])));
});

test('a host faster than a fifth of the median time is suspect, unless it is at its usual speed', () => {
  const table: [pace: number, neutral: number, boolean][] = [
    [0.1, 1, true],
    [0.25, 1, false],
    [0.1, 0.4, false],
    [0.05, 0.4, true],
    [1, 8, false],
    [0.3, 8, false],
    [0.1, 8, true],
    [0, 1, false],
    [0.1, Number.NaN, false],
    [Number.NaN, 1, false],
  ];
  for (const [pace, neutral, isQuick] of table) assert.is(isBogusPace(pace, neutral), isQuick, `${pace} beside ${neutral}`);
});

test.run();
