// The slowest requests: exactly the slowest are kept, in order, and each second begins anew.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { SLOWEST_KEPT, OwnSlowest } from '../../../lib/traffic/log/own-slowest.js';

const test = suite('own slowest requests');

function noteAll(slowest: OwnSlowest, durations: readonly number[]): void {
  for (const [i, durationMs] of durations.entries()) {
    if (!slowest.isSlow(durationMs)) continue;
    slowest.note({ id: `0000-${i}`, atMs: i, durationMs, className: 'GET /', pool: 'default', host: 'h1', status: 200 });
  }
}

test('of many requests the slowest are kept, the slowest first', () => {
  const random = new Random(3);
  const slowest = new OwnSlowest();
  const durations = Array.from({ length: 5000 }, () => random.below(1_000_000) / 1000);
  noteAll(slowest, durations);
  const expected = durations.toSorted((a, b) => b - a).slice(0, SLOWEST_KEPT);
  assert.equal(
    slowest.take().map(({ durationMs }) => durationMs),
    expected,
  );
});

test('of few requests all are kept', () => {
  const slowest = new OwnSlowest();
  noteAll(slowest, [1, 3, 2, 3, 0]);
  assert.equal(
    slowest.take().map(({ durationMs }) => durationMs),
    [3, 3, 2, 1, 0],
  );
});

test('what was taken is not given again, and fast requests count again', () => {
  const slowest = new OwnSlowest();
  noteAll(
    slowest,
    Array.from({ length: 100 }, () => 50),
  );
  assert.not(slowest.isSlow(50));
  slowest.take();
  assert.ok(slowest.isSlow(1));
  assert.equal(slowest.take(), []);
});

test.run();
