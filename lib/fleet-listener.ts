// What the fleet thread tells the thread that serves requests, and what follows from it there: hosts come and go, the start
// gate opens, the role and the fleet's settings change. It runs between two requests, never inside one.

import type { Log } from './log.js';
import type { Algorithm, Policy, Role } from './model.js';
import type { Outbox } from './outbox.js';
import type { SiteInForce, StoredSite } from './site-model.js';
import type { StartGate } from './start-gate.js';
import type { FromFleet, ToFleet } from './thread-messages.js';
import type { HostPool } from './traffic/host/host-pool.js';
import type { ExchangeContext } from './traffic/request/exchange.js';
import type { Explainer } from './traffic/request/explainer.js';

/** What a balancer knows of its place in the fleet; the listener writes it. */
export interface FleetState {
  role: Role;
  /** The fields of the fleet's settings, as they stand in Redis. */
  settings: Readonly<Record<string, string>>;
  /** The fleet's site; null while it has none, or this balancer goes by a file of its own. */
  site: StoredSite | null;
}

/** What the messages act on. */
export interface FleetListenerOptions {
  readonly state: FleetState;
  readonly pool: HostPool;
  readonly explainer: Explainer;
  readonly gate: StartGate;
  /** Gets another policy when an operator sets one for the fleet. */
  readonly context: Pick<ExchangeContext, 'policy'>;
  readonly toFleet: Outbox<ToFleet>;
  readonly log: Log;
  /** The balancer's own algorithm, which counts while the fleet has none. */
  readonly algorithm: Algorithm;
  readonly policyOf: (algorithm: Algorithm) => Policy;
  /** Another site is in force, or again the same after the fleet thread died. */
  readonly onSite: (inForce: SiteInForce) => void;
}

/** Builds what takes the fleet thread's messages. */
export function listenToFleet({
  state,
  pool,
  explainer,
  gate,
  context,
  toFleet,
  log,
  algorithm: ownAlgorithm,
  policyOf,
  onSite,
}: FleetListenerOptions): (message: FromFleet) => void {
  return (message) => {
    switch (message.type) {
      case 'hosts':
        for (const { slot } of message.removed) pool.remove(slot);
        for (const host of message.added) {
          pool.add(host);
          explainer.hostCame(host);
        }
        if (message.added.length === 0) break;
        toFleet.post({ type: 'hosts-known' });
        gate.onAnnounced();
        break;
      case 'listed':
        gate.onListed();
        break;
      case 'synced':
        gate.onSynced();
        break;
      case 'redis-lost':
        gate.onRedisLost();
        break;
      case 'name-checked':
        gate.onNameChecked();
        break;
      case 'name-taken':
        gate.onNameTaken(message.holder);
        break;
      case 'role':
        state.role = message.role;
        break;
      case 'settings': {
        state.settings = message.fields;
        // What an operator sets for the fleet wins over this balancer's flag.
        const algorithm = message.algorithm ?? ownAlgorithm;
        if (algorithm === context.policy.algorithm) break;
        context.policy = policyOf(algorithm);
        log('info', 'the algorithm is set for the whole fleet', { algorithm });
        break;
      }
      case 'site':
        state.site = message.stored;
        onSite(message);
        break;
      case 'why':
        toFleet.post({ type: 'why-answer', token: message.token, answer: explainer.answer(message.question) });
        break;
      case 'host-ejected':
        // An operator has ejected the host: its requests in flight end here.
        pool.endAll(message.slot);
        break;
      case 'log':
        log(...message.line);
        break;
      case 'stopped':
    }
  };
}
