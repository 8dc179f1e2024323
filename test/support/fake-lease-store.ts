// A LeaseStore without Redis: several of them over one fake server are what several balancers over one
// Redis are. It passes the same contract suite as the real store.

import type { LeaseFailure, LeaseStore } from '../../lib/redis/lease-store.js';
import type { FakeLeaseServer } from './fake-lease-server.js';

/** Whether the fake's server can be reached just now. */
export interface FakeReach {
  isAway: boolean;
}

let lastValue = 0;

const AWAY: LeaseFailure = { kind: 'failed', reason: 'not connected', isSlow: false, isRefused: false };

/** The store of one balancer. Answers come at the next turn of the event loop's microtasks. */
export function createFakeLeaseStore(server: FakeLeaseServer, ttlMs: number, reach: FakeReach = { isAway: false }): LeaseStore {
  return {
    async look() {
      if (reach.isAway) return AWAY;
      const { leftMs } = server;
      return leftMs === null ? { kind: 'free' } : { kind: 'held', leftMs };
    },
    async acquire() {
      if (reach.isAway) return AWAY;
      const mastership = (++lastValue).toString(16).padStart(16, '0');
      const answer = server.acquire(mastership, ttlMs);
      return answer.kind === 'acquired' ? { kind: 'acquired', grant: { mastership, lock: null } } : answer;
    },
    async renew(grant) {
      return reach.isAway ? 'unreachable' : server.renew(grant.mastership, ttlMs);
    },
    async release(grant) {
      if (!reach.isAway) server.release(grant.mastership);
    },
    async takeTerm(claim, master) {
      if (reach.isAway) return AWAY;
      const term = server.takeTerm(claim, master, ttlMs);
      return term === 'missing' ? { kind: 'missing' } : { kind: 'taken', term };
    },
    async refreshMaster(held, master) {
      return reach.isAway ? 'unreachable' : server.refreshMaster(held, master, ttlMs);
    },
    async clearMaster(mastership) {
      if (!reach.isAway) server.clearMaster(mastership);
    },
    async raiseTerm(term) {
      if (!reach.isAway) server.raiseTerm(term);
    },
  };
}
