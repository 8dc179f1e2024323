// A benchmark's report and its output: a table for people, one line of JSON for programs. A missed goal is reported but
// is not a failure; a wrong response is one.

import { accessSync, constants } from 'node:fs';
import { dirname } from 'node:path';
import { MeercatError } from '../errors.js';
import { fileReason } from '../file-reason.js';

/** Throws MEERCAT_BAD_CONFIG, before a long run, if a file can't be written at its end. */
export function checkWritable(flag: string, file: string): void {
  try {
    accessSync(dirname(file), constants.W_OK);
  } catch (error) {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${flag} ${file}: ${fileReason(error, 'written')}`);
  }
}

/** A goal of a benchmark. A missed goal does not change the exit code. */
export interface Goal {
  /** What is measured, in readable form. */
  readonly what: string;
  /** The target, such as `< 2000 ms`. */
  readonly goal: string;
  readonly value: number;
  /** Null if it could not be measured. */
  readonly isReached: boolean | null;
  /** Why it could not be measured. */
  readonly lack?: string;
}

/** A printed table: the first row is the heading; numbers are rounded. */
export type Rows = readonly (readonly (string | number)[])[];

/** What is known of a run besides its figures. */
export interface RunAbout {
  readonly version: string;
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: Readonly<Record<string, unknown>>;
}

/** A benchmark's outcome. */
export interface BenchReport {
  /** A few lines about what was measured and how. */
  readonly notes: readonly string[];
  readonly tables: readonly Rows[];
  readonly goals: readonly Goal[];
  /** Wrong responses; if there are any, the figures are invalid. */
  readonly wrong: readonly string[];
  /** What those are called; `WRONG ANSWERS` by default. */
  readonly wrongName?: string;
  /** All figures, for the JSON. */
  readonly figures: Readonly<Record<string, unknown>>;
  /** The run that is shown, if it is an earlier one. */
  readonly earlier?: RunAbout;
  /** Writes more files from the JSON of the run. */
  readonly write?: (json: string) => void;
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

/** The goal unchanged, or marked as not measured if `lack` says what was missing. */
export function unlessLacking(lack: string | undefined, goal: Goal): Goal {
  return lack === undefined ? goal : { ...goal, value: Number.NaN, isReached: null, lack };
}

/** The report as text for a person. */
export function formatReport(name: string, report: BenchReport): string {
  const parts = [
    [`bench ${name}`, ...report.notes.map((note) => `  ${note}`)].join('\n'),
    ...report.tables.map(formatTable),
    [...report.goals.map(formatGoal), ...report.wrong.map((what) => `${report.wrongName ?? 'WRONG ANSWERS'}: ${what}`)].join('\n'),
  ];
  return `${parts.filter((part) => part !== '').join('\n\n')}\n`;
}

function formatGoal({ what, goal, value, isReached, lack }: Goal): string {
  if (isReached === null) return `goal: ${what} ${goal}, not measured${lack === undefined ? '' : `: ${lack}`}`;
  return `goal: ${what} ${goal}, measured: ${formatCell(value)}, reached: ${isReached ? 'yes' : 'no'}`;
}

/** Formats rows: the first column left-aligned, all others right-aligned. */
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

/** Three significant digits; integers in full. */
function formatCell(value: string | number): string {
  if (typeof value === 'string') return value;
  if (Number.isNaN(value)) return 'n/a';
  if (Number.isInteger(value) || Math.abs(value) >= 100) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2);
}
