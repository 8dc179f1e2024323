// What a run repeats just before its last line: of each file that failed its name, why, and its first failing test with
// its message. A few lines each, since whole outputs stand far above in a log of thousands of lines.

import { isAbsolute, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FileResult } from './test-file.js';

/** The line before all that is repeated; .ci/tally.sh looks for it. */
export const FAILED_FILES = '== failed files';

const MOST_LINES = 8;
const MOST_CHARACTERS = 300;
const INDENT = '       ';

/** A file and what became of it. */
export interface NamedResult {
  readonly name: string;
  readonly result: FileResult;
}

/** The lines to repeat, of all files that failed and of patterns that match nothing; none when nothing failed. */
export function repeatFailures(results: readonly NamedResult[], unmatched: readonly string[] = []): string[] {
  const lines = unmatched.map((pattern) => `FAIL nothing matches the pattern "${pattern}"`);
  for (const { name, result } of results) {
    if (result.reasons.length === 0) continue;
    lines.push(`FAIL ${name}: ${result.reasons.join('; ')}`);
    for (const line of firstFailure(result.output)) lines.push(`${INDENT}${shortened(line)}`);
  }
  return lines.length === 0 ? [] : [FAILED_FILES, ...lines];
}

const shortened = (line: string): string => (line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)} …` : line);

/**
 * The first failing test that uvu 0.5.6 describes in an output: its name, its message, and the line of the test that
 * failed. An output without one, as of a process that was killed, gives its last lines.
 */
export function firstFailure(output: string): string[] {
  const lines = output.split('\n').map((line) => line.trimEnd());
  const start = lines.findIndex((line) => /^ {3}FAIL .*"$/.test(line));
  if (start < 0) return lines.filter((line) => line !== '' && !/^ {2}(Total|Passed|Skipped|Duration): /.test(line)).slice(-MOST_LINES);
  const [heading = '', ...rest] = lines.slice(start);
  const end = rest.findIndex((line) => /^ {4}at /.test(line));
  const message = (end < 0 ? rest.slice(0, 3 * MOST_LINES) : rest.slice(0, end)).filter((line) => line.trim() !== '');
  // The line of the test itself, or of what it uses: uvu's own and those of packages say nothing. A blank line ends a stack.
  const stack = end < 0 ? [] : rest.slice(end, rest.indexOf('', end));
  const place = stack.find((line) => !line.includes('/node_modules/'));
  const shown = message.length > MOST_LINES ? [...message.slice(0, MOST_LINES - 3), '    …', ...message.slice(-2)] : message;
  return [heading.trim().replace(/^FAIL\s+/, ''), ...[...shown, ...(place === undefined ? [] : [fromHere(place)])].map(indented)];
}

const indented = (line: string): string => `  ${line.replace(/^ {4}/, '')}`;

/** A line of a stack with its file's path from the working directory. */
const fromHere = (line: string): string =>
  line.replace(/file:\/\/[^\s:)]+/, (url) => {
    const path = relative('', fileURLToPath(url));
    return isAbsolute(path) || path.startsWith('..') ? url : path;
  });
