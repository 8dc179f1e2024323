// What stands where on a screen: the head stays at the top and the notes stay at the bottom, and between them the tables
// scroll, each under its own title. Pure. Invariant: never more lines than the screen has rows.

import { cutLine, type Line, line, textLines, widthOf } from './lines.js';

/** Lines at the bottom that belong together. */
export interface ScreenNotes {
  readonly lines: readonly Line[];
  /** Which lines matter most when not all have a place. */
  readonly keep: 'first' | 'last';
}

/** What is to be shown. */
export interface ScreenPage {
  readonly head: readonly Line[];
  /** The first line of each is its title. */
  readonly tables: readonly (readonly Line[])[];
  readonly notes: readonly ScreenNotes[];
  /** The last line of the screen. */
  readonly keys: Line;
}

/** A page on a screen. */
export interface ScreenLayout {
  readonly lines: readonly Line[];
  /** The first line of the tables that is shown: as asked, or as far as they scroll. */
  readonly top: number;
  /** By how many lines a page is scrolled. */
  readonly pageRows: number;
  readonly isScrollable: boolean;
}

const BLANK: Line = [];

/** ScreenNotes take this part of the screen at most while the tables need the rest: what happens is seen, and so are the hosts. */
const NOTES_SHARE = 1 / 3;

/** Two edges and a row; the same with a title, and some rows under it. */
const MIN_ROWS_WITH_EDGES = 3;
const MIN_ROWS_WITH_TITLE = 6;

/** Lines of a table that stay visible from one page to the next. */
const OVERLAP = 1;

/** Lays a page out; `top` is the first line of the tables to show, of 0 and above. */
export function layOut(
  { head, tables, notes, keys }: ScreenPage,
  size: { readonly rows: number; readonly columns: number },
  top: number,
): ScreenLayout {
  const wrapped = notes.flatMap(({ lines, keep }) => {
    const all = lines.flatMap((each) => wrapLine(each, size.columns));
    return all.length === 0 ? [] : [{ lines: all, keep }];
  });
  const body = withBlanks(tables);
  const above = head.length === 0 ? [] : [...head, BLANK];
  // A blank line stands before each of the notes and before the keys.
  const free = Math.max(0, size.rows - above.length - 2);
  const wanted = wrapped.reduce((sum, { lines }) => sum + lines.length + 1, 0);
  const below = fitNotes(wrapped, Math.min(wanted, Math.max(Math.floor(size.rows * NOTES_SHARE), free - body.length)));
  const rows = Math.max(1, free - below.length);
  const window = windowOf(tables, body, rows, top);
  return {
    ...window,
    lines: [...above, ...window.lines, ...below, BLANK, keys].slice(-size.rows).map((each) => cutLine(each, size.columns)),
  };
}

function withBlanks(tables: readonly (readonly Line[])[]): Line[] {
  return tables.flatMap((table, index) => (index === 0 ? table : [BLANK, ...table]));
}

/** A part of the tables; the title of the table that it begins in stays, and the edges say how much there is beyond them. */
function windowOf(tables: readonly (readonly Line[])[], body: readonly Line[], rows: number, asked: number): ScreenLayout {
  if (body.length <= rows) return { lines: body, top: 0, pageRows: rows, isScrollable: false };
  // What scrolls has the first place where there are only some lines, then the edges, then the title.
  const edgeRows = rows >= MIN_ROWS_WITH_EDGES ? 1 : 0;
  const titleRows = rows >= MIN_ROWS_WITH_TITLE ? 1 : 0;
  const last = body.length - (rows - edgeRows - titleRows);
  const top = Math.min(Math.max(0, Math.trunc(asked)), last);
  const above = [line(`${top} more above`, 'dim'), titleAt(tables, top)].slice(0, top === 0 ? 0 : edgeRows + titleRows);
  const left = rows - above.length;
  const shown = body.slice(top, top + (body.length - top <= left ? left : left - edgeRows));
  const beyond = body.length - top - shown.length;
  return {
    lines: [...above, ...shown, ...(beyond > 0 && edgeRows > 0 ? [line(`${beyond} more below`, 'dim')] : [])],
    top,
    pageRows: Math.max(1, rows - 2 * edgeRows - titleRows - OVERLAP),
    isScrollable: true,
  };
}

/** The title of the table that this line of the body belongs to; a blank line belongs to the table after it. */
function titleAt(tables: readonly (readonly Line[])[], index: number): Line {
  let end = 0;
  for (const table of tables) {
    end += table.length;
    // Right below its title it would stand there twice.
    if (index < end) return index === end - table.length ? BLANK : (table[0] ?? BLANK);
    if (index === end) return BLANK;
    end += 1;
  }
  return BLANK;
}

/** As many lines of the notes as fit into `rows`, with a blank line before each; the longest notes are shortened first. */
function fitNotes(notes: readonly ScreenNotes[], rows: number): Line[] {
  let kept = notes.map(({ lines }) => lines.length);
  const taken = (): number => kept.reduce((sum, length) => sum + (length === 0 ? 0 : length + 1), 0);
  while (taken() > rows) {
    const longest = kept.lastIndexOf(Math.max(...kept));
    kept = kept.map((length, index) => (index === longest ? length - 1 : length));
  }
  return notes.flatMap(({ lines, keep }, index) => {
    const length = kept[index] as number;
    if (length === 0) return [];
    if (length === lines.length) return [BLANK, ...lines];
    if (keep === 'last') return [BLANK, ...lines.slice(-length)];
    return [BLANK, ...lines.slice(0, length - 1), line(`${lines.length - length + 1} more lines`, 'dim')];
  });
}

/** A line in as many as it needs, broken between words. */
function wrapLine(parts: Line, columns: number): Line[] {
  if (widthOf(parts) <= columns || columns < 20) return [parts];
  const tone = parts.find((span) => span.tone !== undefined)?.tone;
  const rows: string[] = [];
  let row = '';
  for (const word of parts
    .map(({ text }) => text)
    .join('')
    .split(' ')) {
    const longer = row === '' ? word : `${row} ${word}`;
    if (row !== '' && widthOf(line(longer)) > columns) {
      rows.push(row);
      row = `  ${word}`;
    } else row = longer;
  }
  return textLines([...rows, row].join('\n'), tone);
}
