// `meercat apply`: gives the fleet another site. The version that was read is replaced and no other one: who was slower
// than another operator is told so, and nothing is overwritten unseen.

import type { CheckedDocument } from '../config/site-source.js';
import { BUILT_IN_SITE } from '../config/site/built-in-site.js';
import type { SiteChange } from '../config/site/diff-sites.js';
import { renderDiff } from '../config/site/render-diff.js';
import { MeercatError } from '../errors.js';
import type { Commands } from '../redis/connect.js';
import type { KeyRing } from '../redis/fleet-key.js';
import { type FleetView, readFleet } from '../redis/fleet-view.js';
import type { Keys } from '../redis/keys.js';
import { applySite } from '../redis/site-store.js';
import type { StoredSite } from '../site-model.js';
import { isEmptyFleet, noFleet } from './no-fleet.js';
import { signerOf } from './operator-key.js';
import { badSite, describeVersion, readFleetSite, type SiteOptions, withFleetRedis, type Writer } from './site.js';
import { changesFrom } from './site-diff.js';
import { awaitRollout, checkRollout, describeRollout, type BalancerRollout } from './site-rollout.js';

/** Options of `meercat apply`. */
export interface ApplyOptions extends SiteOptions {
  /** Null removes the site. */
  readonly document: CheckedDocument | null;
  /** Whatever stands there is replaced. */
  readonly isForced: boolean;
  /** The version that is to be replaced; undefined for the one that runs. */
  readonly ifVersion?: number | undefined;
  readonly by: string;
  /** Whether to wait until the balancers go by it. */
  readonly isWaiting: boolean;
  /** Asks a person, once the changes are printed. */
  readonly confirm: () => Promise<boolean>;
}

/** What `--json` prints. */
interface Applied {
  readonly version: number;
  /** The version before; 0 for none. */
  readonly before: number;
  readonly isNew: boolean;
  /** Null where what stood there can't be read. */
  readonly changes: readonly SiteChange[] | null;
  readonly balancers: readonly BalancerRollout[];
}

const UNREADABLE_WAY_OUT = '--force writes this one all the same';

/**
 * Applies a document and prints what was done. Rejects with MEERCAT_SITE_CONFLICT, MEERCAT_SITE_REFUSED, MEERCAT_BAD_SITE,
 * MEERCAT_NO_FLEET, MEERCAT_KEY_NEEDED and MEERCAT_NO_REDIS.
 */
export async function applyToFleet(options: ApplyOptions, out: Writer): Promise<void> {
  const say = (text: string): void => void (options.isJson || out.write(`${text}\n`));
  const done = await withFleetRedis(options, (client, keys, ring) => apply(client, keys, ring, options, say));
  if (done !== null && options.isJson) out.write(`${JSON.stringify(done)}\n`);
}

async function apply(
  client: Commands,
  keys: Keys,
  ring: KeyRing,
  options: ApplyOptions,
  say: (text: string) => void,
): Promise<Applied | null> {
  const { document, isForced, ifVersion, by, isWaiting, confirm } = options;
  const view = await readFleet(client, keys, ring);
  checkFleet(view, isForced);
  const signer = await signerOf(client, keys, ring);
  let isUnreadable = false;
  const stored = await readFleetSite(client, keys, ring, UNREADABLE_WAY_OUT).catch((error: unknown) => {
    isUnreadable = isForced && error instanceof MeercatError && error.code === 'MEERCAT_BAD_SITE';
    if (isUnreadable) return null;
    throw error;
  });
  const before = stored?.version ?? 0;
  if (ifVersion !== undefined && before !== ifVersion && !isForced) throw conflict(stored, ifVersion);
  const text = document?.text ?? '';
  if ((stored?.document ?? '') === text && !isForced) {
    say(`nothing to do: the fleet has this already (${describeVersion(stored)})`);
    return { version: before, before, isNew: false, changes: [], balancers: [] };
  }
  const changes = isUnreadable ? null : await readChanges(stored, options);
  if (changes === null) say('what stands in Redis can’t be read, and is replaced');
  else say(`compared with what runs: ${describeVersion(stored)}\n${renderDiff(changes).trimEnd()}`);
  if (!(await confirm())) {
    say('nothing was applied');
    return null;
  }
  const outcome = await applySite(
    client,
    keys,
    {
      document: text,
      expectedVersion: isForced ? 'any' : before,
      highestVersion: Math.max(0, ...view.balancers.map(({ site }) => site ?? 0)),
      by,
      at: new Date(),
    },
    signer,
  );
  if (outcome.kind === 'conflict') throw conflict(outcome.found, before);
  if (outcome.kind === 'unreadable') throw badSite(keys, outcome.reason, UNREADABLE_WAY_OUT);
  const { version } = outcome.site;
  const balancers = isWaiting ? await awaitRollout(client, keys, version) : [];
  checkRollout(version, balancers);
  say(isWaiting ? describeRollout(version, balancers) : `version ${version} is written; balancers go by it within a second`);
  return { version, before, isNew: true, changes, balancers };
}

/** A site in a namespace without a fleet is most likely a wrong --namespace. */
function checkFleet(view: FleetView, isForced: boolean): void {
  if (!isEmptyFleet(view) || isForced) return;
  const { code, message } = noFleet(view);
  throw new MeercatError(code, `${message}; --force writes the site before the first balancer starts`);
}

async function readChanges(stored: StoredSite | null, { document, isForced }: ApplyOptions): Promise<readonly SiteChange[] | null> {
  return await changesFrom(stored, document?.site ?? BUILT_IN_SITE).catch((error: unknown) => {
    if (isForced) return null;
    throw error;
  });
}

function conflict(found: StoredSite | null, expected: number): MeercatError {
  const what = expected === 0 ? 'there was no site' : `version ${expected} was to be replaced`;
  return new MeercatError(
    'MEERCAT_SITE_CONFLICT',
    `${what}, and now it is another one: ${describeVersion(found)}. Look at it (meercat site, meercat diff FILE) and apply again, or replace it with --force`,
  );
}
