// Writes of the site: an application by an operator is a compare-and-set, so that two of them can't overwrite each other
// unseen; what a master puts back is fenced by its term. Invariant: a version is never given to two documents.

import type { StoredSite } from '../site-model.js';
import type { Commands } from './connect.js';
import { encodeEvent, WHOLE_FLEET } from './event-message.js';
import type { KeyRing } from './fleet-key.js';
import type { Keys } from './keys.js';
import { defineVitalScript, runScript } from './script.js';
import { MessageChecker, type MessageSigner, signAgain } from './sign.js';
import { fieldsOf, readStoredSite, SITE_CHECK, SITE_MARK, sealSite, signedTextOf } from './stored-site.js';
import { type HeldTerm, FENCE, READ_TERM, termArg } from './term.js';

/** A new document. */
export interface SiteApplication {
  /** '' removes the site. */
  readonly document: string;
  /** The version that it replaces, 0 for none; `any` replaces also what can't be read. */
  readonly expectedVersion: number | 'any';
  /** The highest version that a balancer remembers; the new one is above it. */
  readonly highestVersion: number;
  readonly by: string;
  readonly at: Date;
}

/** What became of an application. */
export type ApplyOutcome =
  | { readonly kind: 'applied'; readonly site: StoredSite }
  /** Another version stands there; null if none does. */
  | { readonly kind: 'conflict'; readonly found: StoredSite | null }
  /** What stands there can't be read; only `any` replaces it. */
  | { readonly kind: 'unreadable'; readonly reason: string };

// KEYS: site. ARGV: the mark that was read, the channel and message of the event, then fields and values.
const APPLY = defineVitalScript(`${SITE_MARK}
if siteMark(KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], unpack(ARGV, 4))
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`);

/** How often a forced application starts again when somebody else was faster. */
const ATTEMPTS = 5;

/** Applies a document, signs it, and publishes an event. Rejects if Redis is unreachable or denies it. */
export async function applySite(client: Commands, keys: Keys, application: SiteApplication, signer?: MessageSigner): Promise<ApplyOutcome> {
  const { document, expectedVersion, highestVersion, by, at } = application;
  for (let attempt = 1; ; attempt++) {
    // oxlint-disable-next-line no-await-in-loop -- each attempt needs what stands there now
    const found = await readStoredSite(client, keys);
    const current = found.kind === 'site' ? found.site : null;
    if (expectedVersion !== 'any') {
      if (found.kind === 'bad') return { kind: 'unreadable', reason: found.reason };
      if ((current?.version ?? 0) !== expectedVersion) return { kind: 'conflict', found: current };
    }
    const version = Math.max(current?.version ?? 0, highestVersion) + 1;
    const site = signSite(keys, sealSite({ version, document, by, at: at.toISOString() }), signer);
    const event = encodeEvent({ kind: 'site', name: WHOLE_FLEET, version, by }, at);
    const args = [found.mark, keys.events, signer?.sign(keys.events, event, 'operator') ?? event, ...fieldsOf(site)];
    // oxlint-disable-next-line no-await-in-loop -- as above
    if ((await runScript(client, APPLY, [keys.site], args)) === 1) return { kind: 'applied', site };
    if (attempt === ATTEMPTS) return { kind: 'conflict', found: current };
  }
}

/** A site with the signature of this signer; as it is without one. */
function signSite(keys: Keys, site: StoredSite, signer: MessageSigner | undefined): StoredSite {
  const text = signedTextOf(site);
  return { ...site, signature: signer?.sign(keys.site, text, 'operator').slice(text.length) ?? '' };
}

/** The same site under the key that signs now; null if it is signed with that one already, or does not count. */
export function signSiteAgain(ring: KeyRing, keys: Keys, site: StoredSite): StoredSite | null {
  const text = signedTextOf(site);
  const again = signAgain(ring, keys.site, text + site.signature, SITE_CHECK);
  return again === null ? null : { ...site, signature: again.slice(text.length) };
}

/** Whether each balancer of the fleet takes this site: signed with a key of the ring, where there is one. */
export function isAcceptable(ring: KeyRing, keys: Keys, site: StoredSite): boolean {
  return new MessageChecker(ring).check(keys.site, signedTextOf(site) + site.signature, SITE_CHECK).ok;
}

/** What became of a master's write. `changed`: something else stands there now. */
export type PutBackOutcome = 'written' | 'fenced' | 'changed';

// KEYS: term, site. ARGV: term and bound, mastership, the mark that was read, then fields and values.
const PUT_BACK = defineVitalScript(`${READ_TERM}${FENCE}${SITE_MARK}
if newer then return 'fenced' end
if siteMark(KEYS[2]) ~= ARGV[3] then return 'changed' end
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], unpack(ARGV, 4))
return 'written'`);

/**
 * Writes a site that is in force where this mark was read: where Redis lost it, or holds what does not count. Does nothing
 * for a master that was followed by another one. Rejects if Redis is unreachable.
 */
export async function putBackSite(
  client: Commands,
  keys: Keys,
  site: StoredSite,
  mark: string,
  { term, mastership }: HeldTerm,
): Promise<PutBackOutcome> {
  const args = [termArg(term), mastership, mark, ...fieldsOf(site)];
  return (await runScript(client, PUT_BACK, [keys.term, keys.site], args)) as PutBackOutcome;
}
