// Some libraries print on the console: ioredis does when a user may not use INFO, or needs no password.
// Such a line would stand among lines of JSON, or in the middle of a table.

import { format } from 'node:util';
import type { Log } from './log.js';

type Level = Parameters<Log>[0];

/** Different texts that are passed on: libraries repeat themselves at each reconnect. */
const MAX_TEXTS = 100;
const MAX_LENGTH = 1000;

const LEVELS = { error: 'error', warn: 'warn', trace: 'warn', info: 'info', log: 'info', debug: 'debug' } as const satisfies Readonly<
  Record<string, Level>
>;

/**
 * Turns what libraries print on this thread's console, and Node.js's own warnings, into log lines; each text once.
 * Called where a process or a thread begins, never by what a program imports: the console is the program's.
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
