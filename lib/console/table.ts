// Rows in columns that are as wide as their widest cell. Where that is too wide, columns are left out whole, those first
// that can be done without: a cell is never cut.

import { type Line, paint, type LinePart, type Tone } from './lines.js';

/** What else is known of a column. */
export interface ColumnTraits<Row> {
  readonly tone?: (row: Row) => Tone | undefined;
  /** Leaves it out where the table is too wide; the highest number first. Without it the column always stays. */
  readonly spare?: number;
}

/** A column: its title, where its cells stand, and what is in them. */
export type Column<Row> = readonly [title: string, align: 'left' | 'right', cell: (row: Row) => string, traits?: ColumnTraits<Row>];

const GAP = '  ';

/** A table of at most `maxWidth` columns of the terminal, if its spare columns make that possible. The first line is its title. */
export function tableLines<Row>(columns: readonly Column<Row>[], rows: readonly Row[], maxWidth = Number.POSITIVE_INFINITY): Line[] {
  const cells = columns.map(([title, , cell]) => [title, ...rows.map(cell)]);
  const widths = cells.map((column) => column.reduce((widest, { length }) => Math.max(widest, length), 0));
  const shown = fitting(columns, widths, maxWidth);
  return Array.from({ length: rows.length + 1 }, (_, row) =>
    trimEnd(
      shown.flatMap((index, place) => {
        const [, align, , traits] = columns[index] as Column<Row>;
        const cell = cells[index]?.[row] as string;
        const width = widths[index] as number;
        const text = align === 'right' ? cell.padStart(width) : cell.padEnd(width);
        const tone = row === 0 ? 'title' : traits?.tone?.(rows[row - 1] as Row);
        return place === 0 ? [{ text, tone }] : [{ text: GAP }, { text, tone }];
      }),
    ),
  );
}

/** The same as text, without colour. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string[] {
  return tableLines(columns, rows).map((each) => paint(each, false));
}

/** The places of the columns that stay. */
function fitting<Row>(columns: readonly Column<Row>[], widths: readonly number[], maxWidth: number): number[] {
  const spareOf = (index: number): number => columns[index]?.[3]?.spare ?? 0;
  let shown = columns.map((_, index) => index);
  for (;;) {
    const width = shown.reduce((sum, index) => sum + (widths[index] as number), GAP.length * (shown.length - 1));
    const most = Math.max(...shown.map(spareOf));
    if (width <= maxWidth || most === 0) return shown;
    shown = shown.filter((index) => spareOf(index) !== most);
  }
}

function trimEnd(spans: readonly LinePart[]): Line {
  const index = spans.findLastIndex(({ text }) => text.trim() !== '');
  const last = spans[index];
  return last === undefined ? [] : [...spans.slice(0, index), { text: last.text.trimEnd(), tone: last.tone }];
}
