// The memory guard: its two thresholds, which limit applies, and that it checks periodically.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isMemoryOver, memoryLimitOf, startMemoryGuard } from '../../../lib/traffic/request/memory-guard.js';
import { until } from '../../support/brackets.js';

const test = suite('memory guard');

test('it is over above 95 %, not over below 93 %, and unchanged in between', () => {
  const readings: readonly [number, boolean][] = [
    [0, false],
    [930, false],
    [950, false],
    [951, true],
    [2000, true],
    [950, true],
    [931, true],
    [930, false],
    [940, false],
    [951, true],
    [0, false],
  ];
  let isOver = false;
  for (const [rss, expected] of readings) {
    isOver = isMemoryOver(isOver, rss, 1000);
    assert.is(isOver, expected, `${rss} of 1000`);
  }
});

test("a container's limit holds where there is one, else the machine's memory", () => {
  assert.is(memoryLimitOf(512, 1024), 512);
  assert.is(memoryLimitOf(2048, 1024), 1024);
  assert.is(memoryLimitOf(18_446_744_073_709_552_000, 1024), 1024);
  assert.is(memoryLimitOf(0, 1024), 1024);
});

test('it checks at once, and then periodically', async () => {
  let rss = 99;
  const guard = startMemoryGuard(100, () => rss);
  try {
    assert.is(guard.isOver, true);
    rss = 10;
    await until(() => !guard.isOver);
    rss = 96;
    await until(() => guard.isOver);
  } finally {
    guard.stop();
  }
});

test('with the limit of this machine, this process is not over', () => {
  const guard = startMemoryGuard(0);
  guard.stop();
  assert.is(guard.isOver, false);
});

test.run();
