// Programs that check files of deploy/, each by the Debian package that brings it. One that is missing is a failure in
// CI, which installs them; elsewhere it is said, and what can be checked without it still is.

import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Debian keeps daemons out of a plain user's PATH. */
const DAEMON_DIRS = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

/** Where programs are looked for. */
export interface ToolPlaces {
  readonly path?: string | undefined;
  readonly dirs?: readonly string[];
  readonly ci?: string | undefined;
  /** Where it is said that one is missing. */
  readonly say?: (line: string) => void;
}

/** The full path of a program, or of a file that is named by its full path; null, with a line that says so, when it is missing. In CI that throws instead. */
export function findTool(
  name: string,
  debianPackage: string,
  { path = process.env['PATH'], dirs = DAEMON_DIRS, ci = process.env['CI'], say = print }: ToolPlaces = {},
): string | null {
  const candidates = isAbsolute(name) ? [name] : [...(path ?? '').split(delimiter).filter(Boolean), ...dirs].map((dir) => join(dir, name));
  const found = candidates.find(isAbsolute(name) ? existsSync : isExecutable);
  if (found !== undefined) return found;
  const what = `${name} is missing: apt-get install ${debianPackage}`;
  if (ci) throw new Error(`${what} (.ci/run must do so)`);
  say(`NOT CHECKED: ${what}`);
  return null;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
