// Deals a limit out to balancers by demand. Pure. Invariant: shares are integers of at least 0, and their sum is the limit.

/**
 * Part of a limit that is dealt out evenly when demand exceeds it, so that a balancer whose traffic begins need not wait.
 * What idle balancers leave of it unused is an undershoot: at most this, well within the goal of 5 %.
 */
export const FLOOR_FRACTION = 0.02;

/**
 * Deals out a limit. While demand is below it, every balancer gets its demand, half of the rest in proportion to demand, for
 * growth, and half evenly, for traffic that begins. Above it, requests have the same chance at every balancer: shares are in
 * proportion to demand, but for a small floor.
 * @param limit an integer of at least 0
 * @param demands one per balancer; what is not a positive number counts as 0
 * @param credits what each balancer is owed of earlier deals; changed. Without them, a share below 1 could always round to 0
 */
export function dealShares(limit: number, demands: readonly number[], credits: number[] = []): number[] {
  const count = demands.length;
  if (count === 0) return [];
  const wanted = demands.map((demand) => (demand > 0 ? Math.min(demand, Number.MAX_SAFE_INTEGER) : 0));
  const total = wanted.reduce((sum, each) => sum + each, 0);
  const spare = limit - total;
  const quotas = wanted.map((each) => {
    if (total === 0) return limit / count;
    if (spare >= 0) return each + spare / 2 / count + (spare / 2) * (each / total);
    return (limit * FLOOR_FRACTION) / count + limit * (1 - FLOOR_FRACTION) * (each / total);
  });
  const owed = quotas.map((quota, index) => quota + (quota < 1 ? (credits[index] ?? 0) : 0));
  const shares = owed.map((each) => Math.max(0, Math.floor(each)));
  const order = owed.map((each, index) => [each - Math.floor(each), index] as const).toSorted(([one], [other]) => other - one);
  let left = limit - shares.reduce((sum, each) => sum + each, 0);
  // Largest remainder. Credits can make the floors exceed the limit by a few: then the smallest remainders give one back.
  for (let at = 0; left > 0; at++, left--) (shares[(order[at % count] as readonly [number, number])[1]] as number)++;
  for (let at = count - 1; left < 0; at = (at + count - 1) % count) {
    const index = (order[at] as readonly [number, number])[1];
    if ((shares[index] as number) === 0) continue;
    (shares[index] as number)--;
    left++;
  }
  for (const [index, quota] of quotas.entries())
    credits[index] = quota < 1 ? Math.min(Math.max((credits[index] ?? 0) + quota - (shares[index] as number), -1), 1) : 0;
  credits.length = count;
  return shares;
}
