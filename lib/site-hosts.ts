// The hosts that a site names. A host that is named on the command line counts only while the site names none for its
// pool, which is `default`.

import { hostIdOf, poolOf } from './host-id.js';
import type { StaticHost } from './model.js';
import type { Site } from './site-model.js';

/** The hosts of the site that are known by their URL alone, without those that a name in DNS stands for. */
export function siteHostsOf(site: Site | null): StaticHost[] {
  if (site === null) return [];
  return site.pools.flatMap((pool) =>
    pool.hosts
      .filter(({ discovery }) => discovery === 'none')
      .map(({ name, url, weight }): StaticHost => ({ name: hostIdOf(pool.name, name), url, weight })),
  );
}

/** Those of the hosts on the command line that count beside the site. */
export function countingStatics<Named extends { readonly name: string }>(statics: readonly Named[], site: Site | null): readonly Named[] {
  const named = new Set(site?.pools.filter(({ hosts }) => hosts.length > 0).map(({ name }) => name));
  return statics.filter(({ name }) => !named.has(poolOf(name)));
}
