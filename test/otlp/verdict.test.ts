// What an answer of a collector means, by the specification of OTLP/HTTP; odd answers of collectors cost spans, not more.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_RETRY_AFTER_MS, verdictOf } from '../../lib/otlp/verdict.js';

const test = suite('verdict on an export');

const NOW = Date.parse('2026-12-01T00:00:00Z');

const judge = (status: number, body = '', retryAfter = '') => verdictOf({ kind: 'answered', status, retryAfter, body }, 10, NOW);

test('a success takes all spans but those that the collector refuses', () => {
  assert.equal(judge(200), { kind: 'taken', refused: 0, reason: '' });
  assert.equal(judge(202, '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}}'), {
    kind: 'taken',
    refused: 3,
    reason: '3 of 10 spans were refused: too old',
  });
});

test('an odd partial success is bounded, or says of nothing', () => {
  for (const body of ['', 'protobuf \x00\x01', 'null', '[]', '{"partialSuccess":null}', '{"partialSuccess":{"rejectedSpans":-4}}'])
    assert.equal(judge(200, body), { kind: 'taken', refused: 0, reason: '' }, body);
  const { refused } = judge(200, '{"partialSuccess":{"rejectedSpans":99999,"errorMessage":7}}') as { refused: number };
  assert.is(refused, 10);
  const { reason } = judge(200, `{"partialSuccess":{"rejectedSpans":1,"errorMessage":"${'\\u001b[2J'}${'x'.repeat(500)}"}}`);
  assert.match(reason, /^1 of 10 spans were refused: \?\[2Jx+$/);
  assert.ok(reason.length < 260);
});

test('what may pass is tried again, when the collector says; all else is refused for good', () => {
  for (const status of [429, 502, 503, 504])
    assert.equal(judge(status, '', '7'), { kind: 'again', afterMs: 7000, reason: `status ${status}` });
  for (const status of [301, 400, 401, 404, 500]) assert.equal(judge(status, '', '7'), { kind: 'refused', reason: `status ${status}` });
  assert.equal(verdictOf({ kind: 'failed', reason: 'refused' }, 10, NOW), { kind: 'again', afterMs: undefined, reason: 'refused' });
});

test('Retry-After may be a date, and never asks for more than a minute', () => {
  const afterMs = (text: string): number | undefined => (judge(503, '', text) as { afterMs: number | undefined }).afterMs;
  assert.is(afterMs('Tue, 01 Dec 2026 00:00:30 GMT'), 30_000);
  assert.is(afterMs('Mon, 30 Nov 2026 00:00:30 GMT'), 0);
  assert.is(afterMs('999999999'), MAX_RETRY_AFTER_MS);
  for (const text of ['', 'soon', '-1e400']) assert.is(afterMs(text), undefined, text);
});

test.run();
