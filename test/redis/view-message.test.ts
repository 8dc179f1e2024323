// The fleet's figures as the master publishes and stores them: what is encoded is decoded again, and hostile ones are
// dropped whole.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeStoredView, decodeView, encodeStoredView, encodeView, MAX_VIEW_LENGTH } from '../../lib/redis/view-message.js';
import { BAD_VIEWS, badStoredViews } from '../support/bad-messages.js';
import { VIEW } from '../support/fleet-views.js';

const test = suite('view message');

test('figures of a fleet come out as they went in', () => {
  assert.equal(decodeView(encodeView(VIEW.figures)), { ok: true, value: VIEW.figures });
});

test('a stored view comes out as it went in', () => {
  assert.equal(decodeStoredView(encodeStoredView(VIEW)), { ok: true, value: VIEW });
});

test('figures that no fleet reaches stay within what is decoded', () => {
  const { figures } = VIEW;
  const decoded = decodeView(encodeView({ ...figures, total: { ...figures.total, rps: 1e15, inflight: 2 ** 40 } }));
  assert.equal(decoded.ok && [decoded.value.total.rps, decoded.value.total.inflight], [1e9, 2 ** 31 - 1]);
});

test('hostile views are dropped', () => {
  for (const text of BAD_VIEWS) assert.is(decodeView(text).ok, false, text.slice(0, 300));
});

test('hostile histories are dropped', () => {
  for (const text of badStoredViews(encodeStoredView(VIEW))) assert.is(decodeStoredView(text).ok, false, text.slice(-300));
});

test('a longer view than is allowed is not read', () => {
  assert.equal(decodeView(`${encodeView(VIEW.figures)}${' '.repeat(MAX_VIEW_LENGTH)}`), { ok: false, reason: 'oversized' });
});

test.run();
