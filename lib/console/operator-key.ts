// The key of an operator's command. In a fleet that drops what is not signed, a command without the key would seem to
// have worked and change nothing: it is refused before.

import { readKeyRing } from '../config/key-file.js';
import { MeercatError } from '../errors.js';
import type { Commands } from '../redis/connect.js';
import { ACCEPT_UNSIGNED, type KeyRing } from '../redis/fleet-key.js';
import { readBalancers } from '../redis/fleet-view.js';
import type { Keys } from '../redis/keys.js';
import { MessageSigner } from '../redis/sign.js';

const FLAG = '--fleet-key';

/** The keys of the file; none without one. Throws MEERCAT_BAD_CONFIG. */
export function readOperatorKeys(fleetKeyFile: string | undefined): KeyRing {
  return readKeyRing({ flag: FLAG, file: fleetKeyFile ?? '', kinds: ['fleet', 'operator'] });
}

/**
 * What signs for an operator; undefined without a key. Rejects with MEERCAT_KEY_NEEDED when balancers of the fleet would
 * drop what it says.
 * @param sender who says it: a program of an operator's, or the balancer whose console is used
 */
export async function signerOf(client: Commands, keys: Keys, ring: KeyRing, sender = 'operator'): Promise<MessageSigner | undefined> {
  await checkAccepted(client, keys, ring);
  return ring.isKeyed ? new MessageSigner(ring, sender) : undefined;
}

async function checkAccepted(client: Commands, keys: Keys, ring: KeyRing): Promise<void> {
  const balancers = await readBalancers(client, keys).catch(() => []);
  const keyed = balancers.filter(({ fleetKey }) => fleetKey !== '');
  const [id = ''] = ring.ids;
  const deaf = keyed.filter(({ fleetKey }) =>
    ring.isKeyed ? !fleetKey.replace(/ .*/, '').split(',').includes(id) : !fleetKey.endsWith(ACCEPT_UNSIGNED),
  );
  const [first] = deaf;
  // One balancer with a wrong key is that one's trouble.
  if (first === undefined || (ring.isKeyed && deaf.length < keyed.length)) return;
  const names = deaf
    .map(({ name }) => name)
    .slice(0, 8)
    .join(', ');
  throw new MeercatError(
    'MEERCAT_KEY_NEEDED',
    ring.isKeyed
      ? `${FLAG}: its key is ${id}, and ${names} would drop what is signed with it (the key there is ${first.fleetKey})`
      : `the fleet signs its messages (key ${first.fleetKey}), and ${names} would drop this one: give the key with ${FLAG} FILE or MEERCAT_FLEET_KEY`,
  );
}
