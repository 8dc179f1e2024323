// Which terms are plausible: the same ones for every balancer, and always the next one too.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import * as fc from 'fast-check';
import { isPlausibleTerm, MAX_TERM, plausibleUpTo } from '../../lib/redis/term.js';

const test = suite('term');

const NOW_MS = Date.UTC(2026, 5, 1);
const HOUR_MS = 3_600_000;

test('what is plausible does not depend on how far each balancer is, so that two never hold each other’s term for garbage', () =>
  fc.assert(
    fc.property(fc.nat({ max: plausibleUpTo(0, NOW_MS) }), fc.nat({ max: MAX_TERM }), (highest, term) => {
      assert.is(isPlausibleTerm(term, highest, NOW_MS), isPlausibleTerm(term, 0, NOW_MS));
    }),
  ));

test('absurd terms are not plausible', () => {
  const absurd = [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER, MAX_TERM, MAX_TERM - 1, 2 ** 50];
  for (const term of absurd) assert.is(isPlausibleTerm(term, 7, NOW_MS), false, String(term));
});

test('after the highest plausible term the next thousand are plausible a second later, and on a clock an hour behind an hour later', () => {
  const highest = plausibleUpTo(0, NOW_MS);
  assert.is(isPlausibleTerm(highest + 1000, highest, NOW_MS), false);
  assert.is(isPlausibleTerm(highest + 1000, highest, NOW_MS + 1000), true);
  assert.is(isPlausibleTerm(highest, 0, NOW_MS - HOUR_MS), false);
  assert.is(isPlausibleTerm(highest, highest, NOW_MS - HOUR_MS), true, 'to whom has seen it, it stays plausible');
});

test('a machine with a clock that is years behind takes part in elections', () => {
  assert.is(isPlausibleTerm(1_000_000, 0, 0), true);
});

test.run();
