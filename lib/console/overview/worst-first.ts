// The order of a pool's hosts on the dashboard: who needs attention first. Pure, and steady: healthy hosts don't change places
// because a figure moved a little.

import type { OverviewHost } from '../../overview.js';
import { isFailing } from './thresholds.js';

/** Sorts a pool's hosts, the worst first: by what is wrong with them, then by their p99 within a factor of two, then by name. */
export function worstFirst(hosts: readonly OverviewHost[], slow: ReadonlySet<string>): OverviewHost[] {
  return hosts
    .map((host) => ({ host, trouble: troubleOf(host, slow), latency: latencyLevel(host) }))
    .toSorted((a, b) => a.trouble - b.trouble || b.latency - a.latency || compareNames(a.host.name, b.host.name))
    .map(({ host }) => host);
}

/** What is wrong with a host, the worst first; what an operator did comes after what nobody wanted. */
function troubleOf(host: OverviewHost, slow: ReadonlySet<string>): number {
  const { state, ejectedBy, ejectedUntilMs, operator, rps, errorRps, name } = host;
  if (state === 'down' && operator === null) return 0;
  if ((ejectedBy.length > 0 || ejectedUntilMs !== null) && operator === null) return 1;
  if (errorRps !== null && isFailing(rps ?? 0, errorRps)) return 2;
  if (slow.has(name)) return 3;
  if (operator === 'ejected') return 4;
  if (operator === 'drained') return 5;
  return state === 'silent' ? 6 : 7;
}

/** The power of two of the last minute's p99; hosts without requests come last. */
function latencyLevel({ minute }: OverviewHost): number {
  return minute.p99Ms === null ? Number.NEGATIVE_INFINITY : Math.round(Math.log2(Math.max(1, minute.p99Ms)));
}

/** Natural order: h2 before h10. A collator is many times faster than `localeCompare`. */
const compareNames = new Intl.Collator('en', { numeric: true }).compare;
