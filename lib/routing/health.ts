// Rise and fall of active checks: it takes several results in a row to take a host out or bring it back, so that
// neither a lost packet nor a lucky answer does. Pure.

/** The thresholds; a subset of `HealthRules`. */
export interface RiseAndFall {
  /** Successful checks in a row that bring a host back. */
  readonly healthRise: number;
  /** Failed checks in a row that take a host out. */
  readonly healthFall: number;
}

/** The state of a host's checks. */
export interface Checked {
  readonly isDown: boolean;
  /** Consecutive checks that contradict `isDown`. */
  readonly streak: number;
}

/** A host without any check yet counts as healthy. */
export const UNCHECKED: Checked = { isDown: false, streak: 0 };

/** A host that is down. */
export const FALLEN: Checked = { isDown: true, streak: 0 };

/** The state after one more check. */
export function afterCheck({ isDown, streak }: Checked, isGood: boolean, { healthRise, healthFall }: RiseAndFall): Checked {
  if (isGood !== isDown) return { isDown, streak: 0 };
  if (streak + 1 < (isDown ? healthRise : healthFall)) return { isDown, streak: streak + 1 };
  return { isDown: !isDown, streak: 0 };
}
