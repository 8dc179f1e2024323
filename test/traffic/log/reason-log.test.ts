// The log of reasons at `debug`: its rate limit, with a clock that the test moves; and what the failure log keeps.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { LogFields } from '../../../lib/log.js';
import { FailureLog } from '../../../lib/traffic/log/failure-log.js';
import { ReasonLog } from '../../../lib/traffic/log/reason-log.js';

const test = suite('reason log');

test('after a burst of fifty lines it writes ten a second, and each says how many were left out before it', () => {
  let nowMs = 1000;
  const lines: (readonly [level: string, message: string, fields: LogFields])[] = [];
  const log = new ReasonLog(
    (level, message, fields = {}) => void lines.push([level, message, fields]),
    () => nowMs,
  );
  for (let i = 0; i < 500; i++) log.note('request refused', { reason: `no ${i}` });
  assert.is(lines.length, 50);
  assert.equal(lines[49], ['debug', 'request refused', { reason: 'no 49' }]);
  nowMs += 100;
  for (let i = 500; i < 600; i++) log.note('request refused', { reason: `no ${i}` });
  assert.equal(lines.slice(50), [['debug', 'request refused', { reason: 'no 500', left_out: 450 }]]);
  // A second of a flood.
  for (let i = 0; i < 1000; i++) {
    nowMs++;
    log.note('host failed a request', { reason: 'x' });
  }
  assert.is(lines.length, 61);
  assert.is(lines[51]?.[2]?.['left_out'], 99 + 99);
  // An hour later the burst is no larger than before.
  nowMs += 3_600_000;
  for (let i = 0; i < 500; i++) log.note('request refused', { reason: 'x' });
  assert.is(lines.length, 111);
});

test('the failure log forgets the oldest', () => {
  const log = new FailureLog(3);
  const failed = (atMs: number) => ({
    atMs,
    id: String(atMs),
    className: '',
    code: '',
    failures: [{ attempt: 0, host: null, outcome: 'refused', reason: 'x' }],
  });
  for (const request of [5, 9, 2, 7]) log.add(request, failed(request));
  assert.is(log.get(5), undefined);
  assert.equal(
    [9, 2, 7].map((request) => log.get(request)?.atMs),
    [9, 2, 7],
  );
});

test.run();
