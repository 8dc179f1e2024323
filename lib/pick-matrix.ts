// Who picked which host in the last 5 s: rows are balancers, columns are hosts. Pure.

import { SECOND } from './clock.js';
import type { PickMatrix } from './fleet-figures.js';

/** How long picks count. */
const PICKS_MS = 5 * SECOND;

/** Most balancers in a matrix. */
export const MAX_PICK_ROWS = 64;

/** Most hosts in a matrix. */
export const MAX_PICK_COLUMNS = 1000;

/** Picks by host. */
export type PicksByHost = ReadonlyMap<string, number>;

/** The recent picks of one balancer. */
export class RecentPicks {
  /** Oldest first. */
  #messages: { readonly atMs: number; readonly picks: PicksByHost }[] = [];

  /** Takes the picks of a message. */
  add(atMs: number, picks: PicksByHost): void {
    this.#messages = [...this.#recent(atMs), { atMs, picks }];
  }

  /** The picks by host. The latest message counts also when it is older, as messages are rarer in a large fleet. */
  count(nowMs: number): PicksByHost {
    const recent = this.#recent(nowMs);
    const counted = recent.length > 0 ? recent : this.#messages.slice(-1);
    const sums = new Map<string, number>();
    for (const { picks } of counted) for (const [host, count] of picks) sums.set(host, (sums.get(host) ?? 0) + count);
    return sums;
  }

  #recent(nowMs: number): { readonly atMs: number; readonly picks: PicksByHost }[] {
    return this.#messages.filter(({ atMs }) => nowMs - atMs < PICKS_MS);
  }
}

/** The matrix of all balancers' picks; where there are too many, those with the most are in it. Names are in order. */
export function pickMatrixOf(picksBy: ReadonlyMap<string, PicksByHost>): PickMatrix {
  const byBalancer = new Map<string, number>();
  const byHost = new Map<string, number>();
  for (const [balancer, picks] of picksBy) {
    for (const [host, count] of picks) {
      byBalancer.set(balancer, (byBalancer.get(balancer) ?? 0) + count);
      byHost.set(host, (byHost.get(host) ?? 0) + count);
    }
  }
  const balancers = most(byBalancer, MAX_PICK_ROWS);
  const hosts = most(byHost, MAX_PICK_COLUMNS);
  return { balancers, hosts, picks: balancers.map((balancer) => hosts.map((host) => picksBy.get(balancer)?.get(host) ?? 0)) };
}

function most(counts: ReadonlyMap<string, number>, max: number): string[] {
  const names = [...counts.keys()];
  const kept = names.length <= max ? names : names.toSorted((a, b) => (counts.get(b) as number) - (counts.get(a) as number)).slice(0, max);
  return kept.toSorted((a, b) => (a < b ? -1 : 1));
}
