// Some libraries print to the console: ioredis does if a user may not run INFO, or needs no password.
// Such a line would end up among JSON log lines, or in the middle of a table.

import { format } from 'node:util';
import type { Log } from './log.js';

type Level = Parameters<Log>[0];

/** Maximum distinct texts that are logged: libraries repeat themselves on each reconnect. */
const MAX_TEXTS = 100;
const MAX_LENGTH = 1000;

const LEVELS = { error: 'error', warn: 'warn', trace: 'warn', info: 'info', log: 'info', debug: 'debug' } as const satisfies Readonly<
  Record<string, Level>
>;

/**
 * Redirects this thread's console output by libraries, and Node.js warnings, to the log; each text once.
 * Call it from the entry point of a process or thread, never from the importable API: there the console belongs to the program.
 */
export function captureConsole(log: Log): void {
  const said = new Set<string>();
  const say = (level: Level, text: string): void => {
    if (said.has(text) || said.size >= MAX_TEXTS) return;
    said.add(text);
    log(level, 'a library says', { text });
  };
  const oneLine = (text: string): string => text.replace(/\s*\n\s*/g, ' ').slice(0, MAX_LENGTH);
  for (const [method, level] of Object.entries(LEVELS) as [keyof typeof LEVELS, Level][]) {
    console[method] = (...parts: unknown[]) => say(level, oneLine(format(...parts)));
  }
  process.removeAllListeners('warning').on('warning', (warning) => say('warn', oneLine(`${warning.name}: ${warning.message}`)));
}
