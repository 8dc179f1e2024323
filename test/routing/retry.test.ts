// The retry rule as a table over all its inputs.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Attempted, mayRetry, type OutcomeKind } from '../../lib/routing/retry.js';

const test = suite('retry');

const OUTCOMES: readonly OutcomeKind[] = ['ok', 'connect-failed', 'reset', 'timeout', 'bad-response', 'client-gone', 'deadline'];
const SAFE_TWICE = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'TRACE'];
const NOT_SAFE_TWICE = ['POST', 'PATCH', 'CONNECT', 'LOCK', 'get', 'PROPFIND', ''];

/** A failed first attempt of a GET without a body: the most permissive case. */
const FIRST: Attempted = {
  outcome: 'connect-failed',
  hasStarted: false,
  method: 'GET',
  hasBody: false,
  isBodyTaken: false,
  attempts: 1,
  maxAttempts: 2,
};

test('after a failed connection another host is tried, with any method, and with a body too', () => {
  for (const method of [...SAFE_TWICE, ...NOT_SAFE_TWICE]) {
    for (const hasBody of [false, true]) assert.is(mayRetry({ ...FIRST, method, hasBody }), true, method);
  }
});

test('a request that a host may have begun is repeated only if that is safe', () => {
  for (const outcome of ['reset', 'bad-response'] as const) {
    for (const method of SAFE_TWICE) assert.is(mayRetry({ ...FIRST, outcome, method }), true, `${outcome} ${method}`);
    for (const method of NOT_SAFE_TWICE) assert.is(mayRetry({ ...FIRST, outcome, method }), false, `${outcome} ${method}`);
  }
});

test('a timeout is not retried: the client has waited long enough, and the host may still be working', () => {
  for (const method of SAFE_TWICE) assert.is(mayRetry({ ...FIRST, outcome: 'timeout', method }), false);
});

test('a response, or a client that left, ends it', () => {
  assert.is(mayRetry({ ...FIRST, outcome: 'ok' }), false);
  assert.is(mayRetry({ ...FIRST, outcome: 'client-gone' }), false);
  assert.is(mayRetry({ ...FIRST, outcome: 'deadline' }), false);
});

test('never with a body that may have been delivered, never after the first byte, never a third time', () => {
  for (const outcome of OUTCOMES) {
    for (const method of [...SAFE_TWICE, ...NOT_SAFE_TWICE]) {
      if (outcome !== 'connect-failed')
        assert.is(mayRetry({ ...FIRST, outcome, method, hasBody: true }), false, `${outcome} ${method} with a body`);
      assert.is(
        mayRetry({ ...FIRST, outcome, method, hasBody: true, isBodyTaken: true }),
        false,
        `${outcome} ${method} with a body that is gone`,
      );
      assert.is(mayRetry({ ...FIRST, outcome, method, hasStarted: true }), false, `${outcome} ${method} begun`);
      for (const attempts of [2, 3, 100])
        assert.is(mayRetry({ ...FIRST, outcome, method, attempts }), false, `${outcome} ${method} ${attempts}`);
    }
  }
});

test.run();
