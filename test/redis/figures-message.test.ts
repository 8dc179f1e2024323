// The messages of figures: what is encoded is decoded again, and hostile ones are dropped whole.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decodeFigures, encodeFigures, MAX_FIGURES_LENGTH } from '../../lib/redis/figures-message.js';
import { BAD_FIGURES } from '../support/bad-messages.js';
import { FIGURES, SLOW } from '../support/fleet-views.js';

const test = suite('figures message');

test('figures come out as they went in', () => {
  assert.equal(decodeFigures(encodeFigures(FIGURES)), { ok: true, value: FIGURES });
});

test('what a host said of itself can harm no terminal, and stays within its length', () => {
  const hosts = [{ name: 'h1', attempts: 0, errors: 0, latency: [], ejected: `\x1b[2J\u202e${'x'.repeat(500)}` }];
  const decoded = decodeFigures(encodeFigures({ ...FIGURES, hosts }));
  assert.is(decoded.ok && decoded.value.hosts[0]?.ejected, `?[2J?${'x'.repeat(195)}`);
});

test('a slow request that could not be decoded is left out, and costs no other', () => {
  const slowest = [{ ...SLOW, id: 'a b' }, { ...SLOW, className: 'GET /\n' }, { ...SLOW, durationMs: Number.NaN }, SLOW];
  const decoded = decodeFigures(encodeFigures({ ...FIGURES, slowest }));
  assert.equal(decoded.ok && decoded.value.slowest, [SLOW]);
});

test('at most 20 slow requests are sent', () => {
  const decoded = decodeFigures(encodeFigures({ ...FIGURES, slowest: Array.from({ length: 50 }, () => SLOW) }));
  assert.is(decoded.ok && decoded.value.slowest.length, 20);
});

for (const [counter, texts] of Object.entries(BAD_FIGURES)) {
  test(`hostile figures are dropped as ${counter}`, () => {
    for (const text of texts) {
      const decoded = decodeFigures(text);
      assert.is(decoded.ok, false, text.slice(0, 200));
      const reason = decoded.ok ? '' : decoded.reason;
      const counted = reason === 'oversized' || reason === 'version' ? reason : 'malformed';
      assert.is(`figures_dropped_${counted}`, counter, text.slice(0, 200));
    }
  });
}

test('a longer message than is allowed is not read', () => {
  assert.equal(decodeFigures(`${encodeFigures(FIGURES)}${' '.repeat(MAX_FIGURES_LENGTH)}`), { ok: false, reason: 'oversized' });
});

test.run();
