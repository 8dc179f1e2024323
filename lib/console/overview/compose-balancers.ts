// The balancers of an overview: what their heartbeats say in Redis, and of the one that is asked what it knows itself. Pure.

import type { OverviewBalancer } from '../../overview.js';
import type { BalancerView } from '../../redis/fleet-view.js';

/** What the balancer that is asked knows of itself, with or without Redis. */
export type SelfFacts = Pick<
  OverviewBalancer,
  'name' | 'url' | 'version' | 'role' | 'inflight' | 'term' | 'leaseMs' | 'tableAgeMs' | 'redisRttMs' | 'site'
> & {
  /** Why it hears no master; '' while it does. */
  readonly noMaster: string;
};

/** Heartbeats, as they were last read. */
export interface Heard {
  /** In order of succession. */
  readonly views: readonly BalancerView[];
  /** Whether they are of now; otherwise only who there was is known. */
  readonly isFresh: boolean;
}

/**
 * All balancers in order of succession. One that is not in Redis yet, or whose Redis is away, comes last or stays where it was.
 * @param master its name; null for none
 */
export function composeBalancers({ views, isFresh }: Heard, self: SelfFacts, master: string | null): OverviewBalancer[] {
  const isListed = views.some(({ name }) => name === self.name);
  const rows = views.map((view, rank) =>
    view.name === self.name ? ownRow(self, rank, view, isFresh) : rowOf(view, rank, master, isFresh),
  );
  return isListed ? rows : [...rows, ownRow(self, rows.length, undefined, isFresh)];
}

function rowOf(view: BalancerView, rank: number, master: string | null, isFresh: boolean): OverviewBalancer {
  const { name, url, version, rps, inflight, cpu, memoryBytes, term, site } = view;
  const base = { name, rank, isSelf: false, role: name === master ? 'master' : 'slave', url, version } as const;
  if (!isFresh) return { ...base, ...UNKNOWN };
  const { leaseMs, tableAgeMs, redisRttMs } = view;
  return {
    ...base,
    ...{ rps, inflight, cpu, memoryBytes, term, site, tableAgeMs, redisRttMs },
    // What has just lost its mastership may not have said so yet.
    leaseMs: name === master ? leaseMs : null,
    problem: problemOf(view.noMaster, view.siteRefused),
  };
}

const UNKNOWN = {
  rps: null,
  inflight: null,
  cpu: null,
  memoryBytes: null,
  term: null,
  leaseMs: null,
  tableAgeMs: null,
  redisRttMs: null,
  site: null,
  problem: '',
} as const;

function ownRow({ noMaster, ...self }: SelfFacts, rank: number, view: BalancerView | undefined, isFresh: boolean): OverviewBalancer {
  return {
    ...self,
    rank,
    isSelf: true,
    rps: isFresh ? (view?.rps ?? null) : null,
    cpu: isFresh ? (view?.cpu ?? null) : null,
    memoryBytes: isFresh ? (view?.memoryBytes ?? null) : null,
    problem: problemOf(noMaster, isFresh ? (view?.siteRefused ?? '') : ''),
  };
}

function problemOf(noMaster: string, siteRefused: string): string {
  if (noMaster !== '') return `hears no master: ${noMaster}`;
  return siteRefused === '' ? '' : `does not go by the fleet’s site: ${siteRefused}`;
}
