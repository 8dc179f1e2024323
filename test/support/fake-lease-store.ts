// A LeaseStore without Redis: several of them over one fake server are what several balancers over one
// Redis are. It passes the same contract suite as the real store.

import type { LeaseGrant, LeaseStore } from '../../lib/redis/lease-store.js';
import type { FakeLeaseServer } from './fake-lease-server.js';

/** Whether the fake's server can be reached just now. */
export interface FakeReach {
  isAway: boolean;
}

let lastValue = 0;

/** The store of one balancer. Answers come at the next turn of the event loop's microtasks. */
export function createFakeLeaseStore(server: FakeLeaseServer, ttlMs: number, reach: FakeReach = { isAway: false }): LeaseStore {
  const valueOf = (grant: LeaseGrant) => grant.lock as string;
  return {
    async acquire() {
      if (reach.isAway) return { kind: 'unreachable' };
      const value = `grant-${++lastValue}`;
      const answer = server.acquire(value, ttlMs);
      return answer.kind === 'acquired' ? { kind: 'acquired', grant: { lock: value } } : answer;
    },
    async renew(grant) {
      return reach.isAway ? 'unreachable' : server.renew(valueOf(grant), ttlMs);
    },
    async release(grant) {
      if (!reach.isAway) server.release(valueOf(grant));
    },
    async takeTerm(floor, master) {
      return reach.isAway ? null : server.takeTerm(floor, master, ttlMs);
    },
    async refreshMaster(term, master) {
      return reach.isAway ? 'unreachable' : server.refreshMaster(term, master, ttlMs);
    },
    async clearMaster(term) {
      if (!reach.isAway) server.clearMaster(term);
    },
  };
}
