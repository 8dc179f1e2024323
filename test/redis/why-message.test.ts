// Wire format of `meercat why`: valid questions and answers survive the round trip, and nothing else is accepted.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { WhyAnswer } from '../../lib/explanation.js';
import { decodeEvent, encodeEvent } from '../../lib/redis/event-message.js';
import { checkAsked, decodeAnswer, encodeAnswer, MAX_ASKED_TARGET } from '../../lib/redis/why-message.js';

const test = suite('why messages');

const TOKEN = '0123456789abcdef01234567';

const ANSWER: WhyAnswer = {
  status: 'explained',
  explanation: {
    id: '0123abcd-1f',
    at: '2026-11-24T21:13:10.123Z',
    className: 'GET /users/:id',
    costMs: 5.5,
    isCostKnown: true,
    route: {
      version: 3,
      index: 1,
      line: 14,
      parts: [{ part: 'host', how: 'wildcard', wanted: '*.example.test', found: 'a.example.test' }],
      passed: [{ index: 0, line: 9, failed: { part: 'query', how: 'exact', wanted: 'q=1', found: null } }],
      unlisted: 2,
      split: [{ pool: 'api', weight: 95 }],
      target: '/x',
      changes: ['request: set X-A: 1'],
      location: 'https://example.test/',
    },
    pool: 'api',
    answered: 301,
    picks: [
      {
        attempt: 1,
        algorithm: 'adaptive',
        candidates: 3,
        isPanic: false,
        excluded: null,
        loadsAgeMs: 18,
        isTableOld: false,
        assumedCapacity: 4,
        assumedSpeed: 1,
        unlisted: 0,
        picked: 'h1',
        end: 'taken',
        looked: [
          {
            host: 'h1',
            look: 'eligible',
            score: 5,
            inflight: 1,
            work: 4,
            othersInflight: 2,
            othersWork: 9,
            capacity: 4,
            speed: 1,
            usage: 0.5,
            reportAgeMs: 300,
            failing: 0,
          },
        ],
      },
    ],
    code: 'MEERCAT_BAD_RESPONSE',
    failures: [{ attempt: 1, host: 'h1', outcome: 'bad-response', reason: 'content-length "010"' }],
  },
};

/** Whether the answer is accepted with one value replaced everywhere. */
const changed = (from: string, to: string): unknown => decodeAnswer(encodeAnswer(ANSWER).replace(from, to)).ok;

test('questions survive the round trip through an event, also the longest, and carry no other fields', () => {
  for (const question of [
    { id: '0123abcd-1f' },
    { method: 'GET', target: `/${'"'.repeat(MAX_ASKED_TARGET - 1)}` },
    {
      ...{ method: 'GET', target: '/', host: 'h'.repeat(255), scheme: 'https' as const, client: '2001:db8:85a3:8d3:1319:8a2e:370:7348' },
      headers: ['X-A', '"'.repeat(MAX_ASKED_TARGET - 256 - 3 - 15 * 4), ...Array.from({ length: 15 }, () => ['X-B', '"']).flat()],
    },
  ]) {
    const event = { kind: 'why-asked', name: 'b1', asked: { token: TOKEN, ...question } } as const;
    assert.equal(decodeEvent(encodeEvent(event, new Date(0))), { ok: true, value: event });
  }
  assert.equal(checkAsked({ token: TOKEN, id: '0123abcd-1', more: 1, method: 'x' }), { token: TOKEN, id: '0123abcd-1' });
});

test('an invalid question is rejected together with its event', () => {
  const good = { token: TOKEN, method: 'GET', target: '/' };
  const wrong: unknown[] = [
    null,
    1,
    'x',
    [],
    {},
    { token: TOKEN },
    { ...good, token: undefined },
    { ...good, token: 'x' },
    { ...good, token: `${TOKEN}:hosts` },
    { ...good, token: 'A'.repeat(16) },
    { ...good, token: 'a'.repeat(33) },
    { ...good, id: 7 },
    { ...good, id: '' },
    { ...good, id: '0123abcd 1' },
    { ...good, id: '0123abcd-"1"' },
    { ...good, id: '1'.repeat(129) },
    { ...good, id: '0123abcd-1\n' },
    { ...good, method: 'get' },
    { ...good, method: 'G T' },
    { ...good, method: 'A'.repeat(33) },
    { ...good, method: null },
    { ...good, target: '' },
    { ...good, target: 'x' },
    { ...good, target: '/ ' },
    { ...good, target: '/\u001b[2J' },
    { ...good, target: '/é' },
    { ...good, target: `/${'x'.repeat(MAX_ASKED_TARGET)}` },
    { ...good, target: ['/'] },
    { ...good, host: '' },
    { ...good, host: 'a b' },
    { ...good, host: 'h'.repeat(256) },
    { ...good, host: 'a\r\nX: 1' },
    { ...good, scheme: 'http' },
    { ...good, scheme: 'ftp' },
    { ...good, client: 'localhost' },
    { ...good, client: 'fe80::1%eth0' },
    { ...good, client: ['::1'] },
    { ...good, headers: 'X-A: 1' },
    { ...good, headers: ['X-A'] },
    { ...good, headers: ['X A', '1'] },
    { ...good, headers: ['', '1'] },
    { ...good, headers: ['X-A', '1\r\nX-B: 2'] },
    { ...good, headers: ['X-A', ' 1'] },
    { ...good, headers: ['Host', 'a'] },
    { ...good, headers: ['X-A', 1] },
    { ...good, headers: Array.from({ length: 34 }, () => 'a') },
    { ...good, headers: ['X-A', 'x'.repeat(MAX_ASKED_TARGET)] },
  ];
  for (const asked of wrong) {
    assert.is(checkAsked(asked), null, JSON.stringify(asked));
    assert.is(decodeEvent(JSON.stringify({ v: 1, event: 'why-asked', name: 'b1', asked })).ok, false, JSON.stringify(asked));
  }
});

test('answers survive the round trip', () => {
  for (const answer of [ANSWER, ...(['unpicked', 'forgotten', 'unknown'] as const).map((status) => ({ status }))])
    assert.equal(decodeAnswer(encodeAnswer(answer)), { ok: true, value: answer });
});

test('an invalid answer, or one with text that could harm a terminal, is rejected', () => {
  const wrong: readonly (readonly [from: string, to: string])[] = [
    ['"v":1', '"v":2'],
    ['"MEERCAT_BAD_RESPONSE"', '"MEERCAT\\u001b"'],
    ['"bad-response"', '"bad response"'],
    ['content-length \\"010\\"', '\\u001b[2J'],
    ['content-length \\"010\\"', 'x'.repeat(300)],
    ['"attempt":1,"host":"h1"', '"attempt":1,"host":"\\u009b"'],
    ['"attempt":1,"host"', '"attempt":"1","host"'],
    ['"failures":[', '"failures":[7,'],
    ['"explained"', '"else"'],
    ['"h1","look"', '"h1\\u001b","look"'],
    ['"picked":"h1"', '"picked":7'],
    ['"GET /users/:id"', '"\\u009b2J"'],
    ['"GET /users/:id"', `"${'x'.repeat(300)}"`],
    ['"2026-11-24T21:13:10.123Z"', '"yesterday"'],
    ['"2026-11-24T21:13:10.123Z"', '7'],
    ['"0123abcd-1f"', '"m e"'],
    ['5.5', '"5.5"'],
    ['5.5', 'null'],
    ['5.5', '1e99'],
    ['"adaptive"', '"toString"'],
    ['"version":3', '"version":-1'],
    ['"index":1', '"index":"1"'],
    ['"line":14', '"line":1.5'],
    ['"unlisted":2,', ''],
    ['"wildcard"', '"wild"'],
    ['"part":"host"', '"part":"port"'],
    ['"wanted":"*', '"wanted":"\\u001b*'],
    ['"found":"a.', `"found":"${'a'.repeat(257)}`],
    ['"parts":[', `"parts":[${'7,'.repeat(2)}`],
    ['"failed":{', '"failed":[],"x":{'],
    ['"pool":"api","weight"', '"pool":"a/b","weight"'],
    ['"weight":95', '"weight":null'],
    ['"target":"/x"', '"target":"/\\u202e"'],
    ['"changes":["', '"changes":[7,"'],
    ['"location":"https', '"location":"\\nhttps'],
    ['"pool":"api","answered"', '"pool":"a b","answered"'],
    ['"answered":301', '"answered":1000'],
    ['"route":{', '"route":7,"x":{'],
    ['"eligible"', '"best"'],
    ['"taken"', '"stolen"'],
    ['"inflight":1', '"inflight":null'],
    ['"score":5', '"score":"5"'],
    ['"looked":[', '"looked":[7,'],
    ['"looked":[{', '"looked":{"x":[{'],
    ['"isPanic":false', '"isPanic":0'],
    ['"isTableOld":false', '"isTableOld":[]'],
    ['"assumedSpeed":1', '"assumedSpeed":null'],
    ['"loadsAgeMs":18', '"loadsAgeMs":"18"'],
    ['"isCostKnown":true', '"isCostKnown":1'],
  ];
  assert.is(changed('x y z', ''), true);
  for (const [from, to] of wrong) {
    assert.ok(encodeAnswer(ANSWER).includes(from), from);
    assert.is(changed(from, to), false, `${from} → ${to}`);
  }
  for (const text of [
    null,
    '',
    '[]',
    'x'.repeat(200_000),
    JSON.stringify({ v: 1, status: 'explained' }),
    JSON.stringify({ v: 1, status: 'explained', explanation: { picks: Array.from({ length: 100 }, () => ({})) } }),
  ])
    assert.is(decodeAnswer(text).ok, false);
});

test.run();
