// Checks a history against all promises. Pure: the same history gives the same violations.

import { DEFAULTS } from '../../config/config.js';
import type { ChaosEvent, Promises, Rule, Violation } from './events.js';
import { forgeriesChangeNothing, forgeriesCounted, forgeriesDropped } from './rules-forgeries.js';
import {
  nothingDeposedApplied,
  nothingDeposedStored,
  noStepBack,
  oneClaim,
  oneMaster,
  oneOwner,
  tablesInOrder,
} from './rules-masterships.js';
import {
  drainedIsIdle,
  memoryComesBack,
  nothingEnds,
  nothingTwice,
  requestsAnswered,
  resourcesComeBack,
  settingsSurvive,
  wellInTime,
} from './rules-service.js';

/** The promises of docs/faults.md. */
export const PROMISES: Promises = { leaseTtlMs: DEFAULTS.leaseTtlMs, wellWithinMs: 5000, isSigned: true };

const RULES: readonly Rule[] = [
  oneClaim,
  noStepBack,
  oneOwner,
  nothingDeposedApplied,
  nothingDeposedStored,
  oneMaster,
  tablesInOrder,
  forgeriesDropped,
  forgeriesChangeNothing,
  forgeriesCounted,
  requestsAnswered,
  nothingTwice,
  wellInTime,
  settingsSurvive,
  drainedIsIdle,
  nothingEnds,
  resourcesComeBack,
  memoryComesBack,
];

/** All violations, in order of time. */
export function checkHistory(events: readonly ChaosEvent[], promises: Promises = PROMISES): Violation[] {
  return RULES.flatMap((rule) => rule(events, promises)).toSorted((a, b) => a.atMs - b.atMs);
}
