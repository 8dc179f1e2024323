// The host for one attempt: the policy's pick, unless the host is on its way out of the table or has no room, or the
// attempt is a retry and something is held against it. Then candidates are searched for a better one; sending anyway
// beats refusing. That a host has no room means that none has that may be picked: policies pass over full hosts.

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

/** Picks by the policy for one attempt, while the hosts that it picks have left the table since the list was built. */
const MAX_PICKS = 4;

/** Candidates that a search looks at: it bounds a pick, whatever the number of hosts. */
const MAX_LOOKS = 32;

/** What speaks against a host, worst last; between 0 and 1 it is the share of its requests that failed lately. */
const NOTHING = 0;
const FULL = 2;
/** It has no room, and as many wait for it as may. */
const CROWDED = 3;
const OUT = 4;
const UNKNOWN = 5;

/**
 * A host with room; for a retry one that nothing is held against. When there is none, the best of those that were
 * looked at: one with failures, then one without room, then one that is out. Undefined when there is no other host.
 * @param excluded the slot of the host that failed this request before; -1 for the first attempt
 * @param request its number in the log of picks, when there is one
 */
export function pick(
  context: PickContext,
  nowMs: number,
  excluded: number,
  cost: number,
  request: number,
  attempt: number,
): Host | undefined {
  const { policy, view, pool, ids } = context;
  const isRetry = excluded >= 0;
  let best: Host | undefined;
  let least = UNKNOWN;
  for (let i = 0; i < MAX_PICKS && least === UNKNOWN; i++) {
    ids?.log.begin(request, attempt, policy.algorithm, view, nowMs, excluded);
    const slot = policy.pick(view, nowMs, excluded, cost);
    if (slot < 0) break;
    least = objection(pool, slot, nowMs, isRetry);
    ids?.log.end(slot, least === NOTHING ? 'taken' : least === UNKNOWN ? 'gone' : least < OUT && least >= FULL ? 'full' : 'avoided');
    if (least !== UNKNOWN) best = pool.get(slot);
  }
  return least === NOTHING ? best : search(context, nowMs, excluded, request, attempt, best, least);
}

/** Looks at candidates one after the other, from another one each time; gives the best of them and the one that is known. */
function search(
  { policy, view, pool, ids }: PickContext,
  nowMs: number,
  excluded: number,
  request: number,
  attempt: number,
  known: Host | undefined,
  objectionToKnown: number,
): Host | undefined {
  const isRetry = excluded >= 0;
  const candidates = view.candidates();
  const count = candidates[0] as number;
  // In a panic those that are well come first.
  const among = isRetry && pool.wellCount > 0 ? Math.min(pool.wellCount, count) : count;
  // Whoever waits for the known one waits as well for any other: nothing better is to be had.
  if (among === 0 || (!isRetry && objectionToKnown === FULL)) return known;
  const start = pool.nextTurn();
  let best = known;
  let least = objectionToKnown;
  ids?.log.begin(request, attempt, policy.algorithm, view, nowMs, excluded);
  for (let i = 0; i < Math.min(among, MAX_LOOKS) && least > NOTHING; i++) {
    const slot = candidates[1 + ((start + i) % among)] as number;
    if (slot === excluded) continue;
    const against = objection(pool, slot, nowMs, isRetry);
    if (against === UNKNOWN) continue;
    ids?.log.look(view, slot, nowMs, against === OUT ? LOOK.avoided : against >= FULL ? LOOK.full : LOOK.eligible, Number.NaN);
    if (against >= least) continue;
    best = pool.get(slot);
    least = against;
  }
  if (best !== undefined) ids?.log.end(best.slot, least === FULL || least === CROWDED ? 'full' : 'taken');
  return best;
}

function objection(pool: HostPool, slot: number, nowMs: number, isRetry: boolean): number {
  const host = pool.get(slot);
  if (host === undefined || host.isRemoved) return UNKNOWN;
  if (isRetry && pool.isOut(slot, nowMs)) return OUT;
  if (!pool.hasRoom(host)) return host.queue.isFull ? CROWDED : FULL;
  return isRetry ? pool.failing(slot) : NOTHING;
}
