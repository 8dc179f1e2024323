// When a balancer ejects a host for failures of its own requests, for how long, and how the fraction of failed requests
// follows them and decays.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type EjectionReason,
  type EjectionRules,
  endEjection,
  evidenceOf,
  failingAfter,
  failingFaded,
  startEjection,
  takeEvidence,
} from '../../lib/routing/ejection.js';
import type { OutcomeKind } from '../../lib/routing/retry.js';

const test = suite('ejection');

const RULES: EjectionRules = { ejectAfter: 5, ejectTimeMs: 1000, ejectMaxTimeMs: 30_000 };
const SLOW_REASONS: readonly EjectionReason[] = ['reset', 'timeout', 'bad_response', '5xx', 'grpc_status'];

test('every outcome is classified as evidence about the host', () => {
  const says: readonly [OutcomeKind, number, ReturnType<typeof evidenceOf>][] = [
    ['ok', 200, 'good'],
    ['ok', 101, 'good'],
    ['ok', 404, 'good'],
    ['ok', 499, 'good'],
    ['ok', 500, '5xx'],
    ['ok', 503, '5xx'],
    ['ok', 599, '5xx'],
    ['connect-failed', 0, 'connect_failed'],
    ['reset', 0, 'reset'],
    ['reset', 200, 'reset'],
    ['timeout', 0, 'timeout'],
    ['bad-response', 0, 'bad_response'],
    ['client-gone', 0, null],
    ['client-gone', 500, null],
    ['deadline', 0, null],
    ['deadline', 200, null],
  ];
  for (const [outcome, status, expected] of says) assert.is(evidenceOf(outcome, status), expected, `${outcome} ${status}`);
});

test('a call of gRPC fails through its host with RESOURCE_EXHAUSTED, INTERNAL and UNAVAILABLE, and with no other status', () => {
  for (let status = -1; status <= 16; status++) {
    const isFailure = status === 8 || status === 13 || status === 14;
    assert.is(evidenceOf('ok', 200, status), isFailure ? 'grpc_status' : 'good', `${status}`);
    assert.is(evidenceOf('ok', 503, status), '5xx', `${status}`);
    assert.is(evidenceOf('client-gone', 200, status), null, `${status}`);
    assert.is(evidenceOf('reset', 200, status), 'reset', `${status}`);
  }
});

test('a single refused connection ejects at once', () => {
  const state = startEjection();
  assert.is(takeEvidence(state, 'connect_failed', 100, RULES), true);
  assert.is(state.untilMs, 1100);
});

for (const reason of SLOW_REASONS) {
  test(`${reason} ejects after the configured number in a row`, () => {
    const state = startEjection();
    for (let i = 1; i < 5; i++) assert.is(takeEvidence(state, reason, i, RULES), false, `${i}`);
    assert.is(takeEvidence(state, reason, 5, RULES), true);
    assert.is(state.untilMs, 1005);
  });
}

test('different failures in a row count together, one success resets them, and a client that left does not', () => {
  const state = startEjection();
  for (const evidence of ['reset', 'timeout', null, 'bad_response', '5xx', 'good'] as const)
    assert.is(takeEvidence(state, evidence, 0, RULES), false);
  for (const evidence of ['reset', 'timeout', null, 'bad_response', '5xx', null] as const)
    assert.is(takeEvidence(state, evidence, 0, RULES), false);
  assert.is(takeEvidence(state, 'reset', 0, RULES), true);
});

test('late outcomes of an ejected host change nothing', () => {
  const state = startEjection();
  takeEvidence(state, 'connect_failed', 0, RULES);
  const before = { ...state };
  for (const evidence of ['connect_failed', 'reset', 'good', null] as const) assert.is(takeEvidence(state, evidence, 500, RULES), false);
  assert.equal(state, before);
});

test('each ejection is twice as long as the previous one, up to the maximum', () => {
  const state = startEjection();
  const lengths: number[] = [];
  let nowMs = 0;
  for (let i = 0; i < 100; i++) {
    assert.is(takeEvidence(state, 'connect_failed', nowMs, RULES), true);
    lengths.push(state.untilMs - nowMs);
    nowMs = state.untilMs;
    endEjection(state, nowMs);
    assert.is(state.untilMs, 0);
  }
  assert.equal(lengths.slice(0, 7), [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  assert.ok(lengths.slice(5).every((length) => length === 30_000));
});

test('a host that has been back for as long as the longest ejection starts over, and not before', () => {
  for (const [inForMs, expected] of [
    [29_999, 2000],
    [30_000, 1000],
  ] as const) {
    const state = startEjection();
    takeEvidence(state, 'connect_failed', 0, RULES);
    endEjection(state, 1000);
    takeEvidence(state, 'good', 1000 + inForMs, RULES);
    takeEvidence(state, 'connect_failed', 40_000, RULES);
    assert.is(state.untilMs - 40_000, expected, `${inForMs} ms`);
  }
});

test('a host that comes back has its earlier failures forgotten', () => {
  const state = startEjection();
  for (let i = 0; i < 5; i++) takeEvidence(state, 'reset', 0, RULES);
  endEjection(state, 1000);
  for (let i = 0; i < 4; i++) assert.is(takeEvidence(state, 'reset', 1000, RULES), false);
  assert.is(takeEvidence(state, 'reset', 1000, RULES), true);
});

test('the fraction of failed requests stays between 0 and 1, follows the outcomes, and ignores clients that left', () => {
  let share = 0;
  assert.is(failingAfter(share, null), 0);
  assert.is(failingAfter(share, 'good'), 0);
  for (let i = 0; i < 200; i++) share = failingAfter(share, '5xx');
  assert.ok(share > 0.99 && share <= 1, String(share));
  for (let i = 0; i < 16; i++) share = failingAfter(share, 'good');
  assert.ok(share > 0.3 && share < 0.4, 'sixteen good answers weigh two thirds');
  // Every second one fails.
  for (let i = 0; i < 400; i++) share = failingAfter(share, i % 2 === 0 ? 'good' : 'reset');
  assert.ok(Math.abs(share - 0.5) < 0.05, String(share));
});

test('failures halve every two seconds: a single one is forgotten after 4 s, any number after 12 s', () => {
  const fadedAfter = (share: number, ms: number): number => {
    let left = share;
    for (let passed = 0; passed < ms; passed += 250) left = failingFaded(left, 250);
    return left;
  };
  assert.ok(Math.abs(failingFaded(0.8, 2000) - 0.4) < 1e-9);
  assert.is(failingFaded(0, 1000), 0);
  const one = failingAfter(0, '5xx');
  assert.ok(fadedAfter(one, 3750) > 0);
  assert.is(fadedAfter(one, 4250), 0);
  assert.ok(fadedAfter(1, 11_750) > 0);
  assert.is(fadedAfter(1, 12_250), 0);
});

test.run();
