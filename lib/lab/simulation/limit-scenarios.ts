// What happens to the fleets on which limits are tried: how traffic is spread over the balancers, and what fails.

/** What fails, and when. */
export interface LimitFault {
  readonly what: 'dies' | 'master-dies' | 'redis-away';
  readonly atMs: number;
}

/** A scenario. */
export interface LimitScenario {
  readonly name: string;
  readonly about: string;
  /** The part of the traffic that comes through one balancer at this time; the others have the rest in equal parts. */
  readonly busy: (nowMs: number, balancers: number) => { readonly balancer: number; readonly part: number };
  readonly fault: LimitFault | null;
}

/** Time of a fault: long after the first lease, so that all shares have been dealt out. */
export const FAULT_AT_MS = 10_000;

/** How long Redis is away. */
export const AWAY_MS = 10_000;

/** Part of the traffic of the busy balancer. */
const BUSY_PART = 0.9;

/** Traffic moves to another balancer so often. */
const MOVES_MS = 5000;

const even: LimitScenario['busy'] = (_, balancers) => ({ balancer: balancers - 1, part: 1 / balancers });
const uneven: LimitScenario['busy'] = (_, balancers) => ({ balancer: balancers - 1, part: balancers === 1 ? 1 : BUSY_PART });
const moving: LimitScenario['busy'] = (nowMs, balancers) => ({
  balancer: Math.floor(nowMs / MOVES_MS) % balancers,
  part: balancers === 1 ? 1 : BUSY_PART,
});

/** All scenarios. The master is the first balancer, the busy one the last. */
export const LIMIT_SCENARIOS: readonly LimitScenario[] = [
  { name: 'even', about: 'every balancer has the same traffic', busy: even, fault: null },
  { name: 'uneven', about: 'one balancer has 90 %', busy: uneven, fault: null },
  { name: 'moving', about: '90 % move to another balancer every 5 s', busy: moving, fault: null },
  { name: 'even, one dies', about: 'its clients go to the others at once', busy: even, fault: { what: 'dies', atMs: FAULT_AT_MS } },
  { name: 'uneven, the busy one dies', about: 'nine tenths of the clients move', busy: uneven, fault: { what: 'dies', atMs: FAULT_AT_MS } },
  { name: 'even, the master dies', about: 'a new one after 2 s', busy: even, fault: { what: 'master-dies', atMs: FAULT_AT_MS } },
  { name: 'uneven, the master dies', about: 'a new one after 2 s', busy: uneven, fault: { what: 'master-dies', atMs: FAULT_AT_MS } },
  { name: 'even, Redis away', about: 'for 10 s', busy: even, fault: { what: 'redis-away', atMs: FAULT_AT_MS } },
  { name: 'uneven, Redis away', about: 'for 10 s', busy: uneven, fault: { what: 'redis-away', atMs: FAULT_AT_MS } },
];
