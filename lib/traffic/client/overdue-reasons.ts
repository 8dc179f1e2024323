// Describes for the logs, in a few words, which deadline a client missed.

import { formatDuration } from '../../config/config.js';
import type { Overdue, PatienceRules } from './client-patience.js';

/** Why a client is given up. @param hasBegun for `head`: whether a part of it has arrived */
export function describeOverdue(overdue: Overdue, rules: PatienceRules, hasBegun = true): string {
  switch (overdue) {
    case 'head':
      return `${hasBegun ? 'no whole head' : 'no byte of a request'} within ${formatDuration(rules.headerTimeoutMs)} (--header-timeout)`;
    case 'idle':
      return `no request within ${formatDuration(rules.keepAliveTimeoutMs)} (--keep-alive-timeout)`;
    case 'reading':
      return `took nothing of the answer for ${formatDuration(rules.clientTimeoutMs)} (--client-timeout)`;
    case 'body':
      return `no byte of the body for ${formatDuration(rules.clientTimeoutMs)} (--client-timeout)`;
    case 'silent':
      return `neither side said anything for ${formatDuration(rules.tunnelTimeoutMs)} (--tunnel-timeout)`;
    case 'rate':
      return `body slower than ${rules.minBodyRate} bytes a second (--min-body-rate)`;
  }
}
