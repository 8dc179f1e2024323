// A request carried through, as a promise: for tests, which wait for its end.

import type { ClientSide } from '../../lib/traffic/client/client-side.js';
import { exchange } from '../../lib/traffic/request/exchange.js';
import type { ExchangeContext } from '../../lib/traffic/request/exchange-context.js';

/** Carries a request through. Rejects with the fault when it ends by a bug of ours. */
export function carryThrough(context: ExchangeContext, client: ClientSide): Promise<void> {
  return new Promise((resolve, reject) => {
    exchange(context, client, (_client, fault) => (fault === undefined ? resolve() : reject(fault)));
  });
}
