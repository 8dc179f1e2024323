// The host for one attempt: the policy's pick, unless that host is leaving the table or full, or, for a retry, is out or
// has failed lately. Then the candidates are searched for a better one; sending anyway beats refusing. Policies skip full
// hosts, so a full pick means that every host which the policy may pick is full.

import { LOOK, type HostView, type Policy } from '../../model.js';
import type { Host } from '../host/host.js';
import type { KnownHosts } from '../host/known-hosts.js';
import type { RequestIds } from '../log/pick-log.js';
import type { HostPreference } from './pool-affinity.js';

/** Dependencies of a pick. */
export interface PickContext {
  readonly policy: Policy;
  readonly view: HostView;
  readonly hosts: KnownHosts;
  /** Where picks are logged. */
  readonly ids: RequestIds;
}

/** Maximum picks per attempt: repeated while the picked host has left the table since the candidate list was built. */
const MAX_PICKS = 4;

/** Maximum candidates per search: bounds the cost of a pick, whatever the number of hosts. */
const MAX_LOOKS = 32;

/** Objections to a host, worst last; a value between 0 and 1 is the share of its recent requests that failed. */
const NOTHING = 0;
const FULL = 2;
/** Full, and so is its queue. */
const CROWDED = 3;
const OUT = 4;
const UNKNOWN = 5;

/**
 * A host with room; for a retry, one without recent failures. If there is none, the best of those examined: one with
 * failures, then a full one, then one that is out. Undefined if there is no other host.
 * @param excluded the slot of the host that failed the last attempt; -1 for the first attempt
 * @param request its number in the pick log
 * @param isLongLived whether it is expected to be an upgrade or a stream
 * @param preference of the request's affinity; undefined: none
 */
export function pick(
  context: PickContext,
  nowMs: number,
  excluded: number,
  cost: number,
  request: number,
  attempt: number,
  isLongLived = false,
  preference?: HostPreference,
): Host | undefined {
  const { policy, view, hosts, ids } = context;
  const isRetry = excluded >= 0;
  let best: Host | undefined;
  let least = UNKNOWN;
  for (let i = 0; i < MAX_PICKS && least === UNKNOWN; i++) {
    let slot = i === 0 && preference !== undefined ? pickPreferred(context, preference, nowMs, excluded, request, attempt) : -1;
    if (slot < 0) {
      ids.log.begin(request, attempt, policy.algorithm, view, nowMs, excluded);
      slot =
        isLongLived && policy.pickLongLived !== undefined
          ? policy.pickLongLived(view, nowMs, excluded)
          : policy.pick(view, nowMs, excluded, cost);
    }
    if (slot < 0) break;
    least = objection(hosts, view, slot, nowMs, isRetry);
    ids.log.end(slot, least === NOTHING ? 'taken' : least === UNKNOWN ? 'gone' : least < OUT && least >= FULL ? 'full' : 'avoided');
    if (least !== UNKNOWN) best = hosts.get(slot);
  }
  return least === NOTHING ? best : search(context, nowMs, excluded, request, attempt, best, least);
}

/** The slot of the host that the request prefers; -1 if it can't be picked. */
function pickPreferred(
  { view, ids }: PickContext,
  preference: HostPreference,
  nowMs: number,
  excluded: number,
  request: number,
  attempt: number,
): number {
  ids.log.begin(request, attempt, preference.by, view, nowMs, excluded);
  const slot = preference.pick(view, nowMs, excluded);
  if (slot < 0) ids.log.takeBack();
  return slot;
}

/** Examines candidates in turn, with another start each time; returns the best of them and of the known host. */
function search(
  { policy, view, hosts, ids }: PickContext,
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
  // In a panic the healthy ones come first.
  const among = isRetry && view.wellCount > 0 ? Math.min(view.wellCount, count) : count;
  // If the known host is full, all are, and its queue has room: no other host is better.
  if (among === 0 || (!isRetry && objectionToKnown === FULL)) return known;
  const start = hosts.nextTurn();
  let best = known;
  let least = objectionToKnown;
  ids.log.begin(request, attempt, policy.algorithm, view, nowMs, excluded);
  for (let i = 0; i < Math.min(among, MAX_LOOKS) && least > NOTHING; i++) {
    const slot = candidates[1 + ((start + i) % among)] as number;
    if (slot === excluded) continue;
    const against = objection(hosts, view, slot, nowMs, isRetry);
    if (against === UNKNOWN) continue;
    ids.log.look(view, slot, nowMs, against === OUT ? LOOK.avoided : against >= FULL ? LOOK.full : LOOK.eligible, Number.NaN);
    if (against >= least) continue;
    best = hosts.get(slot);
    least = against;
  }
  if (best !== undefined) ids.log.end(best.slot, least === FULL || least === CROWDED ? 'full' : 'taken');
  return best;
}

function objection(hosts: KnownHosts, view: HostView, slot: number, nowMs: number, isRetry: boolean): number {
  const host = hosts.get(slot);
  // A list that was rewritten during the pick may hold another pool's hosts.
  if (host === undefined || host.isRemoved || hosts.poolOf(slot) !== view.pool) return UNKNOWN;
  if (isRetry && hosts.isOut(slot, nowMs)) return OUT;
  if (!hosts.hasRoom(host)) return host.queue.isFull ? CROWDED : FULL;
  return isRetry ? hosts.failing(slot) : NOTHING;
}
