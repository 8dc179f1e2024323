// The log of a process: one JSON line for each event, on stderr, by pino. The only importer of pino.
// Worker threads hand their lines to the main thread, so that lines never mix.

import { pino } from 'pino';

/** Log levels, least severe first. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** How much is logged: this level and what is more severe. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Values that go with a log line, by name. No secrets. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Writes one log line. */
export type Log = (level: Exclude<LogLevel, 'silent'>, message: string, fields?: LogFields) => void;

/** The log of this process; `name` is on each line, so that the lines of a fleet can be told apart. */
export function createLog(level: LogLevel, name: string): Log {
  const logger = pino(
    {
      level,
      base: { name },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    // Not synchronous: a slow reader of stderr must not hold up requests.
    pino.destination({ dest: 2, sync: false }),
  );
  return (lineLevel, message, fields = {}) => logger[lineLevel](fields, message);
}
