// Herding: who picked which host, over the share that was fair. Even values near 1 are good; a column that all balancers
// pick far more than its share is a herd.

import type { PickMatrix } from '../../fleet-figures.js';
import type { Overview, OverviewHost, OverviewPool } from '../../overview.js';
import type { PicksDelta } from './delta-message.js';
import { formatNumber, formatShare } from './format.js';
import { html, type Markup } from './html.js';

/**
 * Picks that both sides of a ratio are given besides: where only a few were due, chance alone doubles them. It is a prior
 * of mean 1 with a standard deviation of 1/√4.
 */
const PRIOR_PICKS = 4;

/** The largest ratio that a cell can say. */
const MOST_TENTHS = 35;

/**
 * For each host (column) its fair share of a pool's picks, which goes by cores: what is learned of capacities is uncertain while
 * a host has little to do. 0 while it may get none, or its pool is unknown.
 */
function fairShares(hosts: readonly string[], pools: readonly OverviewPool[]): { pool: number[]; share: number[] } {
  const known = new Map<string, { pool: number; share: number }>();
  for (const [index, { hosts: members }] of pools.entries()) {
    const open = members.filter(mayBePicked);
    const counts = open.map(({ cores }) => cores).filter((cores) => cores !== null && cores > 0) as number[];
    const usual = counts.length === 0 ? 1 : (counts.toSorted((a, b) => a - b)[counts.length >> 1] as number);
    const weightOf = ({ cores }: OverviewHost): number => (cores !== null && cores > 0 ? cores : usual);
    const total = open.reduce((sum, host) => sum + weightOf(host), 0);
    for (const host of members) known.set(host.name, { pool: index, share: mayBePicked(host) ? weightOf(host) / total : 0 });
  }
  const found = hosts.map((name) => known.get(name) ?? { pool: -1, share: 0 });
  return { pool: found.map(({ pool }) => pool), share: found.map(({ share }) => share) };
}

const mayBePicked = ({ state, operator, ejectedBy }: OverviewHost): boolean =>
  state !== 'down' && operator === null && ejectedBy.length === 0;

/** The ratios of picks to fair picks, by balancer and host; null where none were due and none were made. */
function ratiosOf({ hosts, picks }: PickMatrix, pools: readonly OverviewPool[]): (number | null)[][] {
  const { pool, share } = fairShares(hosts, pools);
  return picks.map((row) => {
    const totals = new Map<number, number>();
    for (const [column, count] of row.entries()) totals.set(pool[column] as number, (totals.get(pool[column] as number) ?? 0) + count);
    return row.map((count, column) => {
      const fair = (totals.get(pool[column] as number) ?? 0) * (share[column] as number);
      return fair === 0 && count === 0 ? null : (count + PRIOR_PICKS) / (fair + PRIOR_PICKS);
    });
  });
}

/** The matrix for the page's module, and what it says in words. */
export function livePicks({ picks, pools }: Overview): { delta: PicksDelta; slots: [string, Markup][] } {
  const ratios = ratiosOf(picks, pools);
  const delta = {
    balancers: picks.balancers,
    hosts: picks.hosts,
    ratios: ratios.map((row) =>
      row.map((ratio) => (ratio === null ? '.' : Math.max(0, Math.min(MOST_TENTHS, Math.round(ratio * 10))).toString(36))).join(''),
    ),
  };
  return { delta, slots: [['picks-said', worstColumn(picks, pools)]] };
}

/** The host that got the most over its fair share from all balancers together. */
function worstColumn({ balancers, hosts, picks }: PickMatrix, pools: readonly OverviewPool[]): Markup {
  const columns = hosts.map((_, column) => picks.reduce((sum, row) => sum + (row[column] ?? 0), 0));
  const total = columns.reduce((sum, count) => sum + count, 0);
  if (total === 0) return html`No picks in the last seconds.`;
  const all = ratiosOf({ balancers: ['all'], hosts, picks: [columns] }, pools)[0] ?? [];
  const worst = all.reduce<number>((best, ratio, column) => ((ratio ?? 0) > (all[best] ?? 0) ? column : best), 0);
  const ratio = all[worst] ?? 0;
  const said = ratio < 1.5 ? 'Even' : ratio < 2 ? 'Uneven' : 'A herd';
  return html`<strong>${said}</strong>: ${hosts[worst] ?? ''} gets the most, ${ratio.toFixed(1)} × its fair share (${formatShare((columns[worst] ?? 0) / total)} of ${formatNumber(total)} picks by ${balancers.length} ${balancers.length === 1 ? 'balancer' : 'balancers'}).`;
}
