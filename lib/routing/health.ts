// When checks take a host out and bring it back: so many in a row, so that a lost packet takes nobody out and a
// lucky answer brings nobody back. Pure.

/** What decides it; `HealthRules` has these fields. */
export interface RiseAndFall {
  /** Good checks in a row that bring a host back. */
  readonly healthRise: number;
  /** Failed checks in a row that take a host out. */
  readonly healthFall: number;
}

/** What checks say of a host so far. */
export interface Checked {
  readonly isDown: boolean;
  /** The checks in a row that said the contrary of `isDown`. */
  readonly streak: number;
}

/** A host that no check has said anything of yet: it is taken to be well. */
export const UNCHECKED: Checked = { isDown: false, streak: 0 };

/** A host that is out. */
export const FALLEN: Checked = { isDown: true, streak: 0 };

/** What one more check makes of it. */
export function afterCheck({ isDown, streak }: Checked, isGood: boolean, { healthRise, healthFall }: RiseAndFall): Checked {
  if (isGood !== isDown) return { isDown, streak: 0 };
  if (streak + 1 < (isDown ? healthRise : healthFall)) return { isDown, streak: streak + 1 };
  return { isDown: !isDown, streak: 0 };
}
