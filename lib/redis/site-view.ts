// The site as commands show it: which version stands in Redis, and which balancers go by another one.

import { ACCEPT_UNSIGNED, type KeyRing } from './fleet-key.js';
import type { Keys } from './keys.js';
import { isAcceptable } from './site-store.js';
import type { SiteFound } from './stored-site.js';

/** The fleet's site, without its document. */
export interface SiteView {
  readonly version: number;
  readonly by: string;
  /** ISO 8601. */
  readonly at: string;
  /** An operator removed it: there are no pools and routes. */
  readonly isRemoved: boolean;
}

/** What a balancer says of the site, as in its row. */
export interface BalancerSite {
  readonly name: string;
  readonly site: number | null;
  readonly siteRefused: string;
  readonly fleetKey: string;
}

/** The site that stands there; null if none does, or balancers do not take it. */
export function siteViewOf(keys: Keys, found: SiteFound, ring: KeyRing | undefined, balancers: readonly BalancerSite[]): SiteView | null {
  if (found.kind !== 'site' || isIgnored(keys, found, ring, balancers)) return null;
  const { version, by, at, document } = found.site;
  return { version, by, at, isRemoved: document === '' };
}

/** What is wrong with it, and with those that do not go by it, one phrase each. */
export function siteProblems(keys: Keys, found: SiteFound, ring: KeyRing | undefined, balancers: readonly BalancerSite[]): string[] {
  const out: string[] = [];
  if (found.kind === 'bad') out.push(`${keys.site}: ${found.reason}; balancers keep the site that they have`);
  const isUnsigned = found.kind === 'site' && isIgnored(keys, found, ring, balancers);
  if (isUnsigned) out.push(`${keys.site}: not signed with the fleet’s key, and ignored; balancers keep the site that they have`);
  for (const [reason, names] of grouped(balancers, ({ siteRefused }) => siteRefused))
    if (reason !== '') out.push(`the site is refused by ${names}: ${reason}`);
  const version = found.kind === 'site' && !isUnsigned ? found.site.version : null;
  if (found.kind === 'bad' || isUnsigned) return out;
  const others = balancers.filter(({ site, siteRefused }) => siteRefused === '' && site !== version);
  for (const [site, names] of grouped(others, (each) => each.site)) {
    const what = describeSite(site);
    out.push(
      `${what}${(site ?? 0) > 0 ? ' of the site' : ''} is in force on ${names}, ${version === null ? 'and the fleet has none' : `not version ${version}`}`,
    );
  }
  return out;
}

/** What is in force on the balancers that refuse the site in Redis, as a phrase for people; '' while none refuses it. */
export function siteInForce(balancers: readonly BalancerSite[]): string {
  const refusing = balancers.filter(({ siteRefused }) => siteRefused !== '');
  const places = grouped(refusing, ({ site }) => site);
  const [first] = places;
  if (first !== undefined && places.length === 1 && refusing.length === balancers.length) return `${describeSite(first[0])} is in force`;
  return places.map(([site, names]) => `${describeSite(site)} is in force on ${names}`).join(', ');
}

function describeSite(version: number | null): string {
  if (version === null) return 'no site';
  return version === 0 ? 'the file of --site' : `version ${version}`;
}

/** With the key it is checked; without it all that can be seen is whether a fleet that signs has a signature there. */
function isIgnored(
  keys: Keys,
  { site }: Extract<SiteFound, { kind: 'site' }>,
  ring: KeyRing | undefined,
  balancers: readonly BalancerSite[],
): boolean {
  if (ring?.isKeyed === true) return !isAcceptable(ring, keys, site);
  const isSigning = balancers.length > 0 && balancers.every(({ fleetKey }) => fleetKey !== '' && !fleetKey.endsWith(ACCEPT_UNSIGNED));
  return isSigning && site.signature === '';
}

function grouped<Of>(balancers: readonly BalancerSite[], keyOf: (balancer: BalancerSite) => Of): [Of, string][] {
  const names = new Map<Of, string[]>();
  for (const each of balancers) names.set(keyOf(each), [...(names.get(keyOf(each)) ?? []), each.name]);
  return [...names].map(([key, those]) => [key, those.join(', ')]);
}
