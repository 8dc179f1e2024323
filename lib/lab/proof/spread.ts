// Spreads of figures over rounds, and how numbers are written in the report, the page and the docs. Invariant: what was
// not measured (NaN) is a dash, never a number.

import { rounded } from '../statistics.js';
import type { Spread } from './figures.js';

/** Without a difference between rounds, since it is so by construction. */
export const NONE: Spread = { median: 0, least: 0, most: 0 };

/** How uncertain a figure is that was read once: a tenth either way. */
export const READ_ONCE_SHARE = 0.1;

/** The spread that a figure is taken to have which was read once, so that its spread is not known. */
export function readOnce(value: number): Spread {
  return { median: value, least: value * (1 - READ_ONCE_SHARE), most: value * (1 + READ_ONCE_SHARE) };
}

/** Whether all three values are there; NaN stands for what was not measured. */
export function isMeasured({ median, least, most }: Spread): boolean {
  return !Number.isNaN(median + least + most) || [median, least, most].every((each) => each === Number.POSITIVE_INFINITY);
}

/** A number with three significant digits; integers from 100 on in full, with separators; `–` for NaN, `∞` for never. */
export function numberText(figure: number): string {
  if (Number.isNaN(figure)) return '–';
  if (!Number.isFinite(figure)) return figure > 0 ? '∞' : '-∞';
  // 55.000000000000001 is 55.
  const value = Number(figure.toPrecision(12));
  const size = Math.abs(value);
  // In three digits at last, 99.96 is 100.
  if (size >= 99.95) return Math.round(value).toLocaleString('en-US');
  if (Number.isInteger(value)) return String(value);
  if (size >= 9.995) return value.toFixed(1);
  if (size >= 0.9995) return value.toFixed(2);
  // Never an exponent, and never "-0".
  const text = value.toFixed(Math.min(6, 2 - Math.floor(Math.log10(size))));
  return Number(text) === 0 ? '0' : text;
}

/** As {@link numberText}, without zeros that only show the precision: for settings, which are exact. */
export function exactText(value: number): string {
  return numberText(value)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}

/** `12.3 (12.0–12.9)`, each value times `factor`; without the range if nothing varied. */
export function spreadText({ median, least, most }: Spread, factor = 1): string {
  const [middle, low, high] = [median, least, most].map((each) => numberText(each * factor)) as [string, string, string];
  return low === high && low === middle ? middle : `${middle} (${low}–${high})`;
}

/** A multiple such as `× 1.31`; `–` where there is none. */
export function ratioText(ratio: number): string {
  return Number.isFinite(ratio) ? `× ${numberText(rounded(ratio, 4))}` : '–';
}
