// The arithmetic of the probes, with a clock of the test's own.

import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countCpus, CpuMeter, fractionOf, parseCount } from '../../lib/agent/probes/figures.js';

test('a fraction is clamped to 0..1, and null rather than NaN or infinite', () => {
  assert.is(fractionOf(1, 4), 0.25);
  assert.is(fractionOf(0, 4), 0);
  assert.is(fractionOf(9, 4), 1);
  assert.is(fractionOf(-1, 4), 0);
  for (const [used, available] of [
    [null, 1],
    [1, null],
    [1, 0],
    [0, 0],
    [1, -1],
    [NaN, 1],
    [1, NaN],
    [Infinity, 1],
  ] as const) {
    assert.is(fractionOf(used, available), null, `${used} of ${available}`);
  }
});

test('a CPU list counts single CPUs and ranges, and a malformed one is not known', () => {
  assert.is(countCpus('0'), 1);
  assert.is(countCpus('0-3'), 4);
  assert.is(countCpus('0-3,8,10-11'), 7);
  for (const list of ['', null, undefined, ',', '0-', '-1', '3-1', 'a', '0-3,', '0 1', '0-3:1/2', '9999999']) {
    assert.is(countCpus(list), null, String(list));
  }
});

test('a count is digits and nothing else', () => {
  assert.is(parseCount('0'), 0);
  assert.is(parseCount('9223372036854771712'), 9223372036854771712);
  for (const text of ['', 'max', '-1', '1.5', '1e9', ' 1', '0x10', '1'.repeat(21), null, undefined]) {
    assert.is(parseCount(text), null, String(text));
  }
});

test('the meter gives the mean of cores in use between two samples', () => {
  let now = 1000;
  const meter = new CpuMeter(() => now);
  assert.is(meter.coresInUse('a', 5), null);
  now += 2000;
  assert.is(meter.coresInUse('a', 8), 1.5);
  now += 1000;
  assert.is(meter.coresInUse('a', 8), 0);
});

test('the meter returns null within 50 ms, and then measures from the older sample', () => {
  let now = 0;
  const meter = new CpuMeter(() => now);
  meter.coresInUse('a', 0);
  now = 30;
  assert.is(meter.coresInUse('a', 0.03), null);
  now = 60;
  assert.is(meter.coresInUse('a', 0.06), 1);
});

test('the meter restarts when its counter decreases or changes', () => {
  let now = 0;
  const meter = new CpuMeter(() => now);
  meter.coresInUse('a', 10);
  now = 1000;
  assert.is(meter.coresInUse('a', 2), null);
  now = 2000;
  assert.is(meter.coresInUse('a', 3), 1);
  now = 3000;
  assert.is(meter.coresInUse('b', 100), null);
  now = 4000;
  assert.is(meter.coresInUse('b', null), null);
  now = 5000;
  assert.is(meter.coresInUse('b', 101), 0.5);
});

test.run();
