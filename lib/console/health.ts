// The console's health pages, which need no token: is the process alive, is it ready for requests, and how does it
// stand in the fleet. For load balancers in front and for whoever starts and stops balancers; see docs/health.md.

import type { Role, Stamp } from '../model.js';
import { type ReadinessFacts, readinessOf } from './readiness.js';
import type { Page } from './server.js';

/** How a balancer stands, read at each request. */
export interface HealthFacts extends ReadinessFacts {
  readonly name: string;
  readonly role: Role;
  /** The highest term that this balancer has seen. */
  readonly term: number;
  /** The stamp of the host table it routes on; of its mastership the first 12 digits. */
  readonly table: Stamp;
  readonly inflight: number;
}

/** What a balancer does, as the pages say it. */
export type Phase = 'starting' | 'serving' | 'stopping';

/** Where the pages are. */
export const HEALTH_PATHS = { live: '/.meercat/live', ready: '/.meercat/ready', health: '/.meercat/health' } as const;

function phaseOf({ isStopping, waitingFor }: ReadinessFacts): Phase {
  if (isStopping) return 'stopping';
  return waitingFor === '' ? 'serving' : 'starting';
}

/** The pages of a balancer. Live answers 200 as long as anything answers; ready and health 503 when no request could be served. */
export function healthPages(read: () => HealthFacts): Page[] {
  return [
    {
      path: HEALTH_PATHS.live,
      answer: () => ({ status: 200, body: { status: 'live', reason: phaseOf(read()), message: 'the process answers' } }),
    },
    {
      path: HEALTH_PATHS.ready,
      answer() {
        const { isReady, reason, message } = readinessOf(read());
        return { status: isReady ? 200 : 503, body: { status: isReady ? 'ready' : 'not-ready', reason, message } };
      },
    },
    {
      path: HEALTH_PATHS.health,
      answer() {
        const standing = read();
        const { isReady, reason, message } = readinessOf(standing);
        const { name, role, term, table, hosts, inflight } = standing;
        return {
          status: isReady ? 200 : 503,
          body: { status: phaseOf(standing), reason, message, name, role, term, table, hosts, inflight },
        };
      },
    },
  ];
}
