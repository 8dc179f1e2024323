// Figures of the dashboard: at most three digits, always with their unit, and a dash for what is unknown.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { formatBytes, formatClock, formatMs, formatNumber, formatShare, isoTime } from '../../../lib/console/dashboard/format.js';

const test = suite('dashboard figures');

const CASES: readonly (readonly [format: (value: number | null) => string, value: number | null, text: string])[] = [
  [formatNumber, 0, '0'],
  [formatNumber, 0.44, '0.4'],
  [formatNumber, 9.96, '10'],
  [formatNumber, 61.4, '61'],
  [formatNumber, 1234, '1234'],
  [formatNumber, 9999.6, '10.0k'],
  [formatNumber, 123_456, '123k'],
  [formatNumber, 999_600, '1.0M'],
  [formatNumber, Number.NaN, '–'],
  [formatMs, 0, '0 ms'],
  [formatMs, 0.424, '0.42 ms'],
  [formatMs, 0.996, '1.0 ms'],
  [formatMs, 4.25, '4.3 ms'],
  [formatMs, 61.4, '61 ms'],
  [formatMs, 999.6, '1.0 s'],
  [formatMs, 12_300, '12 s'],
  [formatMs, 180_000, '3 min'],
  [formatMs, null, '–'],
  [formatShare, 0, '0 %'],
  [formatShare, 0.0001, '< 0.1 %'],
  [formatShare, 0.003, '0.3 %'],
  [formatShare, 0.614, '61 %'],
  [formatShare, 1, '100 %'],
  [formatShare, null, '–'],
  [formatBytes, 61e6, '61 MB'],
  [formatBytes, 1.23e9, '1.2 GB'],
  [formatBytes, null, '–'],
];

for (const [format, value, text] of CASES) test(`${format.name} of ${value} is ${text}`, () => assert.is(format(value), text));

test('a time that no clock shows is no error', () => {
  assert.is(formatClock(Date.UTC(2026, 0, 2, 3, 4, 5)), '03:04:05');
  for (const odd of [Number.NaN, Number.POSITIVE_INFINITY, 1e300, -1e300]) assert.is(isoTime(odd), '1970-01-01T00:00:00.000Z');
});

test.run();
