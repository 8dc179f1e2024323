// The statistics and the output of the benchmarks, by small examples.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bytesPerCall } from '../../lib/lab/picker.js';
import { formatReport, formatTable, goalAtLeast, goalBelow, unlessLacking } from '../../lib/lab/report.js';
import { distributionOf, median, percentile, rounded } from '../../lib/lab/statistics.js';
import { parseWrk } from '../../lib/lab/wrk.js';

const test = suite('lab statistics');

test('a percentile is the nearest rank, and always a value that was measured', () => {
  const sorted = Array.from({ length: 100 }, (_, index) => index + 1);
  for (const [fraction, expected] of [
    [0, 1],
    [0.01, 1],
    [0.5, 50],
    [0.501, 51],
    [0.99, 99],
    [0.995, 100],
    [1, 100],
  ] as const) {
    assert.is(percentile(sorted, fraction), expected, String(fraction));
  }
  assert.is(percentile([7], 0.99), 7);
  assert.ok(Number.isNaN(percentile([], 0.5)));
});

test('a distribution sorts by number and leaves the values as they are', () => {
  const values = [10, 9, 100, 1];
  assert.equal(distributionOf(values), { count: 4, min: 1, p50: 9, p90: 100, p99: 100, max: 100 });
  assert.equal(values, [10, 9, 100, 1]);
  assert.is(distributionOf([]).count, 0);
  assert.ok(Number.isNaN(distributionOf([]).p99));
});

test('the median of an even number of values is the mean of the middle two', () => {
  assert.is(median([3, 1, 2]), 2);
  assert.is(median([4, 1, 3, 2]), 2.5);
  assert.ok(Number.isNaN(median([])));
});

test('rounded keeps the given number of decimal places', () => {
  assert.is(rounded(1.23456, 2), 1.23);
  assert.is(rounded(2, 3), 2);
});

test('a table has its first column left-aligned and the others right-aligned', () => {
  assert.is(
    formatTable([
      ['name', 'ms'],
      ['a', 1234.5],
      ['longer', 0.123],
      ['x', Number.NaN],
    ]),
    ['name      ms', '------  ----', 'a       1235', 'longer  0.12', 'x        n/a'].join('\n'),
  );
});

test('a goal is reached below its limit, or at the limit if that is allowed; an unknown value reaches none', () => {
  assert.is(goalBelow('p99', 24.9, 25, 'ms').isReached, true);
  assert.is(goalBelow('p99', 25, 25, 'ms').isReached, false);
  assert.is(goalBelow('ratio', 1, 1, '', true).isReached, true);
  assert.is(goalBelow('p99', Number.NaN, 25, 'ms').isReached, false);
  assert.is(goalAtLeast('twice', 1.8, 1.8, '').isReached, true);
  assert.is(goalAtLeast('twice', 1.79, 1.8, '').isReached, false);
  assert.is(goalAtLeast('twice', Number.NaN, 1.8, '').isReached, false);
});

test('a missed goal and a wrong response are reported clearly', () => {
  const text = formatReport('x', {
    notes: ['how'],
    tables: [[['a']]],
    wrong: ['2 bodies'],
    figures: {},
    goals: [
      goalBelow('worst', 2500, 2000, 'ms'),
      goalBelow('failed', 0, 0, '', true),
      unlessLacking('x is not installed', goalBelow('ratio', 0.5, 1, '')),
    ],
  });
  assert.ok(text.includes('goal: worst < 2000 ms, measured: 2500, reached: no\n'), text);
  assert.ok(text.includes('goal: failed = 0, measured: 0, reached: yes\n'), text);
  assert.ok(text.includes('goal: ratio < 1, not measured: x is not installed\n'), text);
  assert.ok(text.includes('WRONG ANSWERS: 2 bodies\n'), text);
});

test('the output of wrk is parsed, including errors', () => {
  const good = '  Thread Stats   Avg\n  84127 requests in 3.01s, 12.92MB read\nRequests/sec:  27949.17\n';
  assert.equal(parseWrk(good), { requests: 84_127, wrong: 0, seconds: 3.01 });
  const bad = '  10 requests in 1.50m, 1MB read\n  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 5\n';
  assert.equal(parseWrk(bad), { requests: 10, wrong: 15, seconds: 90 });
  assert.is(parseWrk('unable to connect'), null);
});

test('memory allocated by a call is measured, and a call that allocates none shows none', () => {
  let kept: unknown;
  const taking = bytesPerCall((times) => {
    for (let i = 0; i < times; i++) kept = { i, text: [i] };
  });
  assert.ok(kept !== undefined && taking >= 24 && taking < 400, `${taking} bytes`);
  let sum = 0;
  const sparing = bytesPerCall((times) => {
    for (let i = 0; i < times; i++) sum = (sum + i) & 0xffff;
  });
  assert.ok(sum >= 0 && sparing < 1, `${sparing} bytes`);
});

test.run();
