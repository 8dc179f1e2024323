// Whether a fleet is well: one master, one term, one mastership, and every living host up. Pure.

import type { HostTable } from '../../model.js';
import type { ChaosHealth } from './chaos-balancer.js';

/** What a fleet lacks to be well; '' if it lacks nothing. */
export function lackOf(
  pages: ReadonlyMap<string, ChaosHealth | undefined>,
  table: Pick<HostTable, 'stamp' | 'hosts'> | undefined,
  hosts: readonly string[],
): string {
  const masters: string[] = [];
  for (const [name, page] of pages) {
    if (page === undefined) return `${name} does not answer`;
    if (page.role === 'master') masters.push(name);
  }
  if (masters.length !== 1) return masters.length === 0 ? 'there is no master' : `masters are ${masters.join(' and ')}`;
  const [master] = masters as [string];
  const { term, table: routed } = pages.get(master) as ChaosHealth;
  for (const [name, page] of pages as ReadonlyMap<string, ChaosHealth>) {
    if (page.term !== term) return `${name} knows term ${page.term}, and ${master} term ${term}`;
    if (page.table.term !== term || page.table.mastership !== routed.mastership)
      return `${name} routes on a table of term ${page.table.term}, mastership ${page.table.mastership || 'none'}, in term ${term}`;
    if (page.status !== 'serving') return `${name} is ${page.status}`;
    if (page.hosts < hosts.length) return `${name} knows ${page.hosts} hosts of ${hosts.length}`;
  }
  if (table === undefined) return 'Redis has no table';
  if (table.stamp.term !== term) return `the table in Redis is of term ${table.stamp.term}, in term ${term}`;
  const down = hosts.filter((name) => table.hosts.find((row) => row.name === name)?.state !== 'up');
  return down.length === 0
    ? ''
    : `not up: ${down.map((name) => `${name} (${table.hosts.find((row) => row.name === name)?.state ?? 'unknown'})`).join(', ')}`;
}
