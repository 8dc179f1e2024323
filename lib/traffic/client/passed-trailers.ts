// The trailers of a request that pass, by the rule for names that a host may take for others.

import type { NamePolicy } from '../../config/traffic-config.js';
import { NO_NAMES, oddNamesOf, withoutOddNames } from '../wire/header-names.js';

/** Trailers after the rule. */
export interface PassedTrailers {
  /** Undefined: they are refused. */
  readonly passed: readonly string[] | undefined;
  /** The names of those that are left out. */
  readonly dropped: readonly string[];
}

/** Applies the rule to trailers. */
export function passedRequestTrailers(trailers: readonly string[], oddNames: NamePolicy): PassedTrailers {
  const odd = oddNames === 'pass' ? NO_NAMES : oddNamesOf(trailers);
  if (odd.length === 0) return { passed: trailers, dropped: NO_NAMES };
  return oddNames === 'refuse' ? { passed: undefined, dropped: NO_NAMES } : { passed: withoutOddNames(trailers), dropped: odd };
}
