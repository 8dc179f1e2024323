// The host for one attempt: the policy's pick, unless that host has no room, or the attempt is a retry and something
// is held against it. Then the candidates are searched for a better one; sending anyway beats refusing.

import { LOOK, type HostView, type Policy } from '../../model.js';
import type { Host } from '../host/host.js';
import type { HostPool } from '../host/host-pool.js';
import type { RequestIds } from '../log/pick-log.js';

/** What a pick needs. */
export interface PickContext {
  readonly policy: Policy;
  readonly view: HostView;
  readonly pool: HostPool;
  /** Where picks are logged; undefined when they are not. */
  readonly ids: RequestIds | undefined;
}

/** Picks by the policy for one attempt, while the hosts that it picks have no room. */
const MAX_PICKS = 4;

/** Candidates that a search looks at: it bounds a pick, whatever the number of hosts. */
const MAX_LOOKS = 32;

/** What speaks against a host, worst last; between 0 and 1 it is the share of its requests that failed lately. */
const NOTHING = 0;
const FULL = 2;
const OUT = 3;
const UNKNOWN = 4;

/**
 * A host with room; for a retry one that nothing is held against. When there is none, the best of those that were
 * looked at: one with failures, then one without room, then one that is out. Undefined when there is no other host.
 * @param excluded the slot of the host that failed this request before; -1 for the first attempt
 * @param request its number in the log of picks, when there is one
 */
export function pick(context: PickContext, nowMs: number, excluded: number, cost: number, request: number, attempt: number): Host | undefined {
  const { policy, view, pool, ids } = context;
  const isRetry = excluded >= 0;
  let best: Host | undefined;
  let least = UNKNOWN;
  for (let i = 0; i < MAX_PICKS; i++) {
    ids?.log.begin(request, attempt, policy.algorithm, view, nowMs, excluded);
    const slot = policy.pick(view, nowMs, excluded, cost);
    if (slot < 0) break;
    const against = objection(pool, slot, nowMs, isRetry);
    ids?.log.end(slot, against === NOTHING ? 'taken' : against === UNKNOWN ? 'gone' : against === FULL ? 'full' : 'avoided');
    if (against < least) {
      best = pool.get(slot);
      least = against;
    }
    if (against === NOTHING) return best;
    // To draw again may bring the same host.
    if (against < FULL || against === OUT) break;
  }
  return search(context, nowMs, excluded, request, attempt, best, least);
}

/** Looks at candidates one after the other, from another one each time; gives the best of them and the one that is known. */
function search({ policy, view, pool, ids }: PickContext, nowMs: number, excluded: number, request: number, attempt: number, known: Host | undefined, objectionToKnown: number): Host | undefined {
  const isRetry = excluded >= 0;
  const candidates = view.candidates();
  const count = candidates[0] as number;
  // In a panic those that are well come first.
  const among = isRetry && pool.wellCount > 0 ? Math.min(pool.wellCount, count) : count;
  if (among === 0) return known;
  const start = pool.nextTurn();
  let best = known;
  let least = objectionToKnown;
  ids?.log.begin(request, attempt, policy.algorithm, view, nowMs, excluded);
  for (let i = 0; i < Math.min(among, MAX_LOOKS) && least > NOTHING; i++) {
    const slot = candidates[1 + ((start + i) % among)] as number;
    if (slot === excluded) continue;
    const against = objection(pool, slot, nowMs, isRetry);
    if (against === UNKNOWN) continue;
    ids?.log.look(view, slot, nowMs, against === OUT ? LOOK.avoided : LOOK.eligible, Number.NaN);
    if (against >= least) continue;
    best = pool.get(slot);
    least = against;
  }
  if (best !== undefined) ids?.log.end(best.slot, least === FULL ? 'full' : 'taken');
  return best;
}

function objection(pool: HostPool, slot: number, nowMs: number, isRetry: boolean): number {
  const host = pool.get(slot);
  if (host === undefined || host.isRemoved) return UNKNOWN;
  if (isRetry && pool.isOut(slot, nowMs)) return OUT;
  if (!pool.hasRoom(host)) return FULL;
  return isRetry ? pool.failing(slot) : NOTHING;
}
