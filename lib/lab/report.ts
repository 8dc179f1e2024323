// What a benchmark hands back, and how it is printed: a table for people, one line of JSON for programs.
// A missed goal is said plainly and is no failure; a wrong answer is one.

/** What a benchmark is measured against. A missed goal does not change the exit code. */
export interface Goal {
  /** What is measured, as a person would say it. */
  readonly what: string;
  /** What it should be, such as `< 2000 ms`. */
  readonly goal: string;
  readonly value: number;
  /** Null if it could not be measured. */
  readonly isReached: boolean | null;
  /** Why it could not be measured. */
  readonly lack?: string;
}

/** A table as it is printed: the first row is the heading; numbers are cut to `places`. */
export type Rows = readonly (readonly (string | number)[])[];

/** A benchmark's outcome. */
export interface BenchReport {
  /** What was measured and how, in a few lines. */
  readonly notes: readonly string[];
  readonly tables: readonly Rows[];
  readonly goals: readonly Goal[];
  /** What was answered wrongly; with any of it, the figures mean nothing. */
  readonly wrong: readonly string[];
  /** All figures, as they stand in the JSON. */
  readonly figures: Readonly<Record<string, unknown>>;
}

/** A goal that is reached when the value is below (or at most) the limit. */
export function goalBelow(what: string, value: number, limit: number, unit: string, isEqualFine = false): Goal {
  const isReached = isEqualFine ? value <= limit : value < limit;
  const sign = isEqualFine ? (limit === 0 ? '=' : '<=') : '<';
  return { what, goal: `${sign} ${limit}${unit === '' ? '' : ` ${unit}`}`, value, isReached };
}

/** A goal that is reached when the value is at least the limit. */
export function goalAtLeast(what: string, value: number, limit: number, unit: string): Goal {
  return { what, goal: `>= ${limit}${unit === '' ? '' : ` ${unit}`}`, value, isReached: value >= limit };
}

/** The goal as it is, or as not measured if something was missing; `lack` says what. */
export function unlessLacking(lack: string | undefined, goal: Goal): Goal {
  return lack === undefined ? goal : { ...goal, value: Number.NaN, isReached: null, lack };
}

/** The report as text for a person. */
export function formatReport(name: string, report: BenchReport): string {
  const parts = [
    [`bench ${name}`, ...report.notes.map((note) => `  ${note}`)].join('\n'),
    ...report.tables.map(formatTable),
    [...report.goals.map(formatGoal), ...report.wrong.map((what) => `WRONG ANSWERS: ${what}`)].join('\n'),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function formatGoal({ what, goal, value, isReached, lack }: Goal): string {
  if (isReached === null) return `goal: ${what} ${goal}, not measured${lack === undefined ? '' : `: ${lack}`}`;
  return `goal: ${what} ${goal}, measured: ${formatCell(value)}, reached: ${isReached ? 'yes' : 'no'}`;
}

/** Rows as columns: the first column to the left, all others to the right. */
export function formatTable(rows: Rows): string {
  const texts = rows.map((row) => row.map(formatCell));
  const widths = (texts[0] ?? []).map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    widths
      .map((width, column) => (column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width)))
      .join('  ')
      .trimEnd();
  const [heading = [], ...rest] = texts;
  return [line(heading), widths.map((width) => '-'.repeat(width)).join('  '), ...rest.map(line)].join('\n');
}

/** Three digits that mean something, but whole numbers whole. */
function formatCell(value: string | number): string {
  if (typeof value === 'string') return value;
  if (Number.isNaN(value)) return 'n/a';
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
