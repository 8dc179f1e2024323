// A line for a terminal: parts of text with a tone. It is measured and cut as text, and only then painted, with colour
// or without, so that no escape sequence is ever counted or cut in two.

/** What a part of a line says apart from its text; colour is never the only sign of it. */
export type Tone = 'title' | 'strong' | 'good' | 'warn' | 'bad' | 'dim';

/** A part of a line. */
export interface LinePart {
  readonly text: string;
  readonly tone?: Tone | undefined;
}

/** A line, without a line break. */
export type Line = readonly LinePart[];

/** Select Graphic Rendition (ECMA-48): only the eight basic colours, which each terminal theme keeps legible. */
const CODES: Readonly<Record<Tone, number>> = { title: 1, strong: 1, good: 32, warn: 33, bad: 31, dim: 2 };

const RESET = '\x1b[0m';

/** Characters that take two columns, by the Unicode blocks that are wide or full-width (UAX #11). */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}\u{20000}-\u{3fffd}]/u;
const COMBINING = /\p{M}/u;

/** A line of one part. */
export const line = (text: string, tone?: Tone): Line => [{ text, tone }];

/** Text that comes in lines. */
export const textLines = (text: string, tone?: Tone): Line[] => text.split('\n').map((each) => line(each, tone));

const columnsOf = (character: string): number => (COMBINING.test(character) ? 0 : WIDE.test(character) ? 2 : 1);

/** How many columns of a terminal a line takes. */
export function widthOf(parts: Line): number {
  let width = 0;
  for (const { text } of parts) for (const character of text) width += columnsOf(character);
  return width;
}

/** A line without what does not fit into this many columns. */
export function cutLine(parts: Line, columns: number): Line {
  const kept: LinePart[] = [];
  let left = columns;
  for (const { text, tone } of parts) {
    let end = 0;
    for (const character of text) {
      const width = columnsOf(character);
      if (width > left) return [...kept, { text: text.slice(0, end), tone }];
      left -= width;
      end += character.length;
    }
    kept.push({ text, tone });
  }
  return kept;
}

/** The line as a terminal takes it. */
export function paint(parts: Line, isColoured: boolean): string {
  return parts
    .map(({ text, tone }) => (isColoured && tone !== undefined && text !== '' ? `\x1b[${CODES[tone]}m${text}${RESET}` : text))
    .join('');
}

/**
 * Whether to paint: as the flag says; else on a terminal that can, unless `NO_COLOR` is set (https://no-color.org).
 * @param flag of --color and --no-color; undefined without either
 */
export function wantsColour(
  flag: boolean | undefined,
  out: { readonly isTTY?: boolean },
  { NO_COLOR = '', TERM = 'dumb' }: NodeJS.ProcessEnv,
): boolean {
  return flag ?? (out.isTTY === true && NO_COLOR === '' && TERM !== 'dumb');
}
