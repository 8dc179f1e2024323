// What becomes of tokens that are wrong or missing: they are counted, and guesses are logged. A flood of guesses is a few
// lines; no line holds a token.

import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Count } from '../table/counters.js';
import type { GuardReports } from './guard.js';

/** After a line the next one comes this much later at the earliest, and says how many guesses there were. */
const LINE_EVERY_MS = 10_000;

/** Builds what counts and logs for one console. */
export function guardReports(count: Count, log: Log, clock: Clock): GuardReports {
  let loggedAtMs = Number.NEGATIVE_INFINITY;
  let guesses = 0;
  const onGuess = (from: string): void => {
    guesses++;
    const nowMs = clock();
    if (nowMs - loggedAtMs < LINE_EVERY_MS) return;
    log('warn', 'a wrong token was given to the console', { from, ...(guesses > 1 && { guesses }) });
    loggedAtMs = nowMs;
    guesses = 0;
  };
  return {
    onUnauthorized(remoteAddress, isGuess) {
      count('console_unauthorized');
      if (isGuess) onGuess(remoteAddress);
    },
    onThrottled(remoteAddress) {
      count('console_throttled');
      onGuess(remoteAddress);
    },
  };
}
