// What is wrong with a site document and where: problems are gathered by their offset in the text and listed in its order.
// Invariant: a message is one line of printable text, however hostile the document.

/** One thing that is wrong, or looks wrong. Line and column count from 1. */
export interface SiteProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** Problems that are listed; of the others only their number is told. */
export const MAX_LISTED_PROBLEMS = 100;

/** Problems that are kept until they are sorted; later ones are only counted. */
const MAX_KEPT_PROBLEMS = 10_000;

/** Longest text of a document that a message repeats, in characters. */
const MAX_QUOTED = 80;

/** Where in a document a value stands, from the inside outwards: a key below a subject such as a pool. */
export interface Where {
  readonly parent: Where | null;
  readonly name: string;
  /** It is a thing of its own, such as a pool or a route; what is outside of it is not told. */
  readonly isSubject?: true;
}

/** The place of a key within a place; null is the whole document. */
export function inside(parent: Where | null, name: string): Where {
  return { parent, name };
}

/** A place as the beginning of a message: `` pool `api`: limits.queue: ``; empty for the whole document. */
function phraseOf(where: Where | null): string {
  const keys: string[] = [];
  let subject = '';
  for (let at = where; at !== null; at = at.parent) {
    if (at.isSubject) {
      subject = `${at.name}: `;
      break;
    }
    keys.unshift(at.name);
  }
  return keys.length === 0 ? subject : `${subject}${keys.join('.')}: `;
}

/** Control characters and those that turn the direction of text: a terminal must not obey a document. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A text without characters that are not seen, each written as `\uXXXX`. */
export function visible(text: string): string {
  return text.replaceAll(UNSEEN, (sign) => `\\u${sign.codePointAt(0)?.toString(16).padStart(4, '0')}`);
}

/** A value of the document as messages repeat it: in double quotes, its first 80 characters. */
export function quoted(text: string): string {
  const shown = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
  return visible(JSON.stringify(shown));
}

/** A key or name as messages repeat it: in backticks, or quoted when it is unusual. */
export function code(text: string): string {
  return /^[\w.*/:%-]{1,80}$/.test(text) ? `\`${text}\`` : quoted(text);
}

/** The lines of a text. */
export class SourceLines {
  readonly #starts: number[] = [0];

  constructor(text: string) {
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) this.#starts.push(at + 1);
  }

  /** Line and column of an offset, both counted from 1. */
  positionOf(offset: number): { readonly line: number; readonly column: number } {
    let [low, high] = [0, this.#starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#starts[middle] as number) <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - (this.#starts[low] as number) + 1 };
  }
}

/** Gathers problems while a document is read. */
export class Problems {
  readonly #lines: SourceLines;
  readonly #kept: { readonly at: number; readonly message: string }[] = [];
  #count = 0;

  constructor(lines: SourceLines) {
    this.#lines = lines;
  }

  /** Whether nothing is wrong as yet. */
  get isEmpty(): boolean {
    return this.#count === 0;
  }

  /** Notes what is wrong with the value at this offset. */
  add(at: number, where: Where | null, message: string): void {
    this.#count++;
    if (this.#kept.length < MAX_KEPT_PROBLEMS) this.#kept.push({ at, message: `${phraseOf(where)}${message}` });
  }

  /** The line of an offset. */
  lineOf(at: number): number {
    return this.#lines.positionOf(at).line;
  }

  /** All problems in the order of the text; beyond the 100th their number only, at the place of the first of them. */
  list(): SiteProblem[] {
    const sorted = this.#kept.toSorted((one, other) => one.at - other.at);
    const listed = sorted.slice(0, MAX_LISTED_PROBLEMS).map(({ at, message }) => this.#problemAt(at, message));
    const next = sorted[MAX_LISTED_PROBLEMS];
    if (next === undefined) return listed;
    const more = this.#count - MAX_LISTED_PROBLEMS;
    return [...listed, this.#problemAt(next.at, `and ${more} more ${more === 1 ? 'problem' : 'problems'} from here on`)];
  }

  #problemAt(at: number, message: string): SiteProblem {
    const { line, column } = this.#lines.positionOf(at);
    return { line, column, message };
  }
}

/** A problem as a line of text: `site.yaml:14:5: …`, which editors and terminals can open. */
export function formatProblem(file: string, { line, column, message }: SiteProblem): string {
  return `${file}:${line}:${column}: ${message}`;
}
