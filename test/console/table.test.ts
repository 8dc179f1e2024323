// Tables of text: which columns stay where there is no place for all.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { paint } from '../../lib/console/lines.js';
import { type Column, table, tableLines } from '../../lib/console/table.js';

const test = suite('table');

interface Row {
  readonly name: string;
  readonly url: string;
  readonly rps: number;
}

const COLUMNS: readonly Column<Row>[] = [
  ['NAME', 'left', ({ name }) => name],
  ['URL', 'left', ({ url }) => url, { spare: 1 }],
  ['RPS', 'right', ({ rps }) => String(rps), { tone: ({ rps }) => (rps > 9 ? 'warn' : undefined) }],
  ['NOTE', 'left', ({ name }) => `about ${name}`, { spare: 2 }],
];
const ROWS: readonly Row[] = [
  { name: 'a', url: 'http://a', rps: 7 },
  { name: 'longer', url: 'http://b', rps: 1234 },
];

const at = (columns: number): string[] => tableLines(COLUMNS, ROWS, columns).map((each) => paint(each, false));

test('columns are as wide as their widest cell, and no line ends with blanks', () => {
  assert.equal(table(COLUMNS, ROWS), [
    'NAME    URL        RPS  NOTE',
    'a       http://a     7  about a',
    'longer  http://b  1234  about longer',
  ]);
});

test('where a table is too wide the spare columns are left out, whole and one after the other, and the rest stays', () => {
  assert.equal(at(36), table(COLUMNS, ROWS));
  const withoutNote = ['NAME    URL        RPS', 'a       http://a     7', 'longer  http://b  1234'];
  assert.equal([at(35), at(22)], [withoutNote, withoutNote]);
  const least = ['NAME     RPS', 'a          7', 'longer  1234'];
  assert.equal([at(21), at(1)], [least, least]);
});

test('a cell has the tone of its row, and the title has its own', () => {
  assert.equal(
    tableLines(COLUMNS, ROWS, 21).map((each) => paint(each, true)),
    ['\u001b[1mNAME  \u001b[0m  \u001b[1m RPS\u001b[0m', 'a          7', 'longer  \u001b[33m1234\u001b[0m'],
  );
});

test('without rows there are the titles, and without columns there is nothing', () => {
  assert.equal(table(COLUMNS, []), ['NAME  URL  RPS  NOTE']);
  assert.equal(table([], ROWS), ['', '', '']);
});

test.run();
