// The layout of a screen: what has a place where there is not enough for all, and how tables scroll.

import { array, assert as assertAlways, integer, property } from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Line, line, paint, widthOf } from '../../lib/console/lines.js';
import { layOut, type ScreenPage } from '../../lib/console/screen-layout.js';

const test = suite('screen layout');

const rows = (name: string, count: number): Line[] => [
  line(name.toUpperCase()),
  ...Array.from({ length: count }, (_, index) => line(`${name}${index + 1}`)),
];

const page = (over: Partial<ScreenPage> = {}): ScreenPage => ({
  head: [line('head')],
  tables: [rows('b', 2), rows('h', 5)],
  notes: [],
  keys: line('keys'),
  ...over,
});

const textOf = (lines: readonly Line[]): string[] => lines.map((each) => paint(each, false));
const shown = (of: ScreenPage, height: number, top = 0, columns = 80): string[] => textOf(layOut(of, { rows: height, columns }, top).lines);

test('where there is a place for all, all stands there, each part after a blank line', () => {
  const notes = [
    { lines: [line('wrong')], keep: 'first' },
    { lines: [], keep: 'first' },
    { lines: [line('event')], keep: 'last' },
  ] as const;
  const all = ['head', '', 'B', 'b1', 'b2', '', 'H', 'h1', 'h2', 'h3', 'h4', 'h5', '', 'wrong', '', 'event', '', 'keys'];
  assert.equal(shown(page({ notes }), 40), all);
  assert.equal(shown(page({ notes }), all.length), all);
  assert.is(layOut(page({ notes }), { rows: all.length, columns: 80 }, 0).isScrollable, false);
});

test('where there is none, the edges say how much there is beyond them, and the title of the table stays', () => {
  assert.equal(shown(page(), 10), ['head', '', 'B', 'b1', 'b2', '', 'H', '5 more below', '', 'keys']);
  assert.equal(shown(page(), 10, 5), ['head', '', '5 more above', 'H', 'h1', 'h2', 'h3', '2 more below', '', 'keys']);
  assert.equal(shown(page(), 10, 1), ['head', '', '1 more above', 'B', 'b1', 'b2', '', '6 more below', '', 'keys']);
});

test('scrolling ends at the last line, however far it is asked to go', () => {
  const end = ['head', '', '6 more above', 'H', 'h2', 'h3', 'h4', 'h5', '', 'keys'];
  assert.equal(shown(page(), 10, 6), end);
  assert.equal(shown(page(), 10, Number.MAX_SAFE_INTEGER), end);
  assert.is(layOut(page(), { rows: 10, columns: 80 }, 999).top, 6);
  assert.is(layOut(page(), { rows: 40, columns: 80 }, 999).top, 0);
});

test('notes leave two thirds of the screen to the tables, and say how many lines of what is wrong have no place', () => {
  const notes = [
    { lines: Array.from({ length: 9 }, (_, index) => line(`wrong ${index + 1}`)), keep: 'first' },
    { lines: Array.from({ length: 9 }, (_, index) => line(`event ${index + 1}`)), keep: 'last' },
  ] as const;
  assert.equal(shown(page({ tables: [rows('h', 40)], notes }), 24).slice(-10), [
    '',
    'wrong 1',
    'wrong 2',
    '7 more lines',
    '',
    'event 7',
    'event 8',
    'event 9',
    '',
    'keys',
  ]);
});

test('notes that are too long for a line go on in the next one; lines of tables are cut', () => {
  const of = page({ tables: [[line('x'.repeat(30))]], notes: [{ lines: [line('no master is heard by b1: why', 'warn')], keep: 'first' }] });
  assert.equal(shown(of, 20, 0, 22), ['head', '', 'x'.repeat(22), '', 'no master is heard by', '  b1: why', '', 'keys']);
});

test('on any screen there is never more than fits, and scrolling line by line shows every row', () => {
  assertAlways(
    property(
      integer({ min: 1, max: 40 }),
      integer({ min: 1, max: 60 }),
      array(integer({ min: 0, max: 30 }), { maxLength: 3 }),
      array(integer({ min: 0, max: 20 }), { maxLength: 4 }),
      (height, columns, tables, notes) => {
        const of = page({
          tables: tables.map((count, index) => rows('abc'[index] as string, count)),
          notes: notes.map((count, index) => ({
            lines: Array.from({ length: count }, () => line('something is wrong with it')),
            keep: index % 2 === 0 ? 'first' : 'last',
          })),
        });
        const size = { rows: height, columns };
        const seen = new Set<string>();
        for (let asked = 0, next = 0; asked === next; asked++) {
          const layout = layOut(of, size, asked);
          assert.ok(layout.lines.length <= height, `${layout.lines.length} lines on ${height} rows`);
          for (const each of layout.lines) assert.ok(widthOf(each) <= columns);
          for (const text of textOf(layout.lines)) seen.add(text);
          next = layout.top === asked ? asked + 1 : -1;
        }
        // A screen that is too low shows its end; one of some rows shows everything in turn.
        if (height >= 10 && columns >= 5) for (const table of of.tables) for (const text of textOf(table)) assert.ok(seen.has(text), text);
      },
    ),
  );
});

test.run();
