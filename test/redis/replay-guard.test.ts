// What is remembered of senders: as much as is needed so that no number counts twice, and not more.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ReplayGuard } from '../../lib/redis/replay-guard.js';

const test = suite('replay guard');

const SECOND = 1_000_000;

test('runs whose messages are too old anyway are forgotten', () => {
  const guard = new ReplayGuard();
  for (let i = 0; i < 1000; i++) assert.ok(guard.isNew(`h${i}`, 'r', 100 * SECOND, 40 * SECOND));
  assert.is(guard.size, 1000);
  assert.ok(guard.isNew('h0', 'r', 200 * SECOND, 140 * SECOND));
  assert.is(guard.size, 1);
});

test('a sender that starts again and again takes the place of its own oldest run alone', () => {
  const guard = new ReplayGuard();
  guard.isNew('other', 'r', 100 * SECOND, 0);
  for (let i = 0; i < 100; i++) assert.ok(guard.isNew('b1', `run${i}`, (100 + i) * SECOND, 0));
  assert.not.ok(guard.isNew('b1', 'run99', 199 * SECOND, 0));
  assert.not.ok(guard.isNew('other', 'r', 100 * SECOND, 0));
});

test('however many messages come within a second, none of them counts twice', () => {
  const guard = new ReplayGuard();
  const seqs = Array.from({ length: 10_000 }, (_, i) => 100 * SECOND + i * 50);
  for (const seq of seqs) assert.ok(guard.isNew('b1', 'r', seq, 0));
  for (const seq of seqs) assert.not.ok(guard.isNew('b1', 'r', seq, 0), String(seq));
});

test('numbers in any order count once each, and all of them within a second of the newest count', () => {
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 600 }), { maxLength: 400 }), (steps) => {
      const guard = new ReplayGuard();
      const seen = new Set<number>();
      let highest = 0;
      for (const step of steps) {
        // Within 1.2 s: some are too late.
        const seq = 100 * SECOND + step * 2000;
        const isExpected = !seen.has(seq) && seq >= highest - SECOND;
        assert.is(guard.isNew('b1', 'r', seq, 0), isExpected, `${seq} after ${highest}`);
        if (isExpected) seen.add(seq);
        highest = Math.max(highest, seq);
      }
    }),
  );
});

test('senders are limited, and those known go on', () => {
  const guard = new ReplayGuard();
  let taken = 0;
  for (let i = 0; i < 100_100; i++) taken += Number(guard.isNew(`web-${i}`, 'r', 100 * SECOND, 0));
  assert.is(taken, 100_000);
  assert.ok(guard.isNew('web-0', 'r', 101 * SECOND, 0));
});

test.run();
