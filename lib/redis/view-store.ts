// The whole fleet's figures in Redis: published on the channel `view`, and kept in the key of the same name for who begins
// to look, and for the next master. Balancers drop views of an older term; the key is written by a script that does.

import type { FleetFigures, StoredView } from '../fleet-figures.js';
import type { Commands } from './connect.js';
import type { Keys } from './keys.js';
import type { MessageGate } from './message-gate.js';
import type { QuietPublisher } from './quiet-publish.js';
import { defineScript, runScript } from './script.js';
import type { MessageSigner } from './sign.js';
import { openStoredView } from './signed-messages.js';
import { FENCE, READ_TERM, termArg } from './term.js';
import { encodeStoredView, encodeView } from './view-message.js';

/** TTL of the key: figures that are older are of no use. */
export const VIEW_TTL_MS = 20_000;

// KEYS: term, view. ARGV: term, mastership, view, TTL.
const WRITE_VIEW = defineScript(`${READ_TERM}${FENCE}
if newer then return 'fenced' end
redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[4])
return 'written'`);

/** Publishes the figures, best effort. */
export function publishView(publisher: QuietPublisher, keys: Keys, figures: FleetFigures, signer: MessageSigner): void {
  if (publisher.isReady) publisher.publish(keys.view, signer.sign(keys.view, encodeView(figures), 'master', figures.term));
}

/** Stores the figures; a no-op for a stale master. Rejects if Redis is unreachable or returns an error. */
export async function writeView(client: Commands, keys: Keys, view: StoredView, signer: MessageSigner): Promise<void> {
  const { term, mastership } = view.figures;
  const text = signer.sign(keys.view, encodeStoredView(view), 'master', term);
  await runScript(client, WRITE_VIEW, [keys.term, keys.view], [termArg(term), mastership, text, VIEW_TTL_MS]);
}

/** Reads the stored figures; null for none, or such as do not count. Rejects if Redis is unreachable. */
export async function readView(client: Commands, keys: Keys, gate: MessageGate): Promise<StoredView | null> {
  const text = await client.get(keys.view);
  if (text === null) return null;
  const opened = openStoredView(gate, keys.view, text);
  return opened.ok ? opened.value : null;
}
