// What the fleet thread tells the thread that serves requests, and what follows from it there: hosts come and go, the start
// gate opens, the role and the fleet's settings change. It runs between two requests, never inside one.

import type { PageExchanges } from './console/page-bridge.js';
import type { Log } from './log.js';
import { poolOf } from './host-id.js';
import type { Role } from './model.js';
import type { Outbox } from './outbox.js';
import { DEFAULT_POOL, type StoredSite } from './site-model.js';
import type { SiteSwitch } from './traffic/site-switch.js';
import type { StartGate } from './start-gate.js';
import type { NamedPool } from './table/pool-indexes.js';
import type { FromFleet, ToFleet } from './thread-messages.js';
import type { KnownHosts } from './traffic/host/known-hosts.js';
import type { Explainer } from './traffic/request/explainer.js';

/** What a balancer knows of its place in the fleet; the listener writes it. */
export interface FleetState {
  role: Role;
  /** The fields of the fleet's settings, as they stand in Redis. */
  settings: Readonly<Record<string, string>>;
  /** The pools of the table, by index. */
  pools: readonly NamedPool[];
  /** The fleet's site; null while it has none, or this balancer goes by a file of its own. */
  site: StoredSite | null;
  /** The secret of sticky cookies that the fleet shares; '' while none is known. */
  secret: string;
}

/** What the messages act on. */
export interface FleetListenerOptions {
  readonly state: FleetState;
  readonly hosts: KnownHosts;
  readonly explainer: Explainer;
  readonly gate: StartGate;
  readonly siteSwitch: SiteSwitch;
  readonly toFleet: Outbox<ToFleet>;
  /** The console's way to its pages in the fleet thread. */
  readonly pages: Pick<PageExchanges, 'onMessage'>;
  readonly log: Log;
}

/** Builds what takes the fleet thread's messages. */
export function listenToFleet({
  state,
  hosts,
  explainer,
  gate,
  siteSwitch,
  toFleet,
  pages,
  log,
}: FleetListenerOptions): (message: FromFleet) => void {
  return (message) => {
    switch (message.type) {
      case 'hosts':
        for (const host of message.removed) {
          hosts.remove(host.slot);
          siteSwitch.hostWent(host);
        }
        for (const host of message.added) {
          hosts.add(host);
          siteSwitch.hostCame(host);
          explainer.hostCame(host);
        }
        if (message.added.length === 0) break;
        toFleet.post({ type: 'hosts-known' });
        gate.onAnnounced(message.added.some(({ name }) => poolOf(name) !== DEFAULT_POOL));
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
      case 'settings':
        state.settings = message.fields;
        siteSwitch.setMaintenance(new Map(message.maintenance));
        if (!siteSwitch.setFleetAlgorithm(message.algorithm)) break;
        if (message.algorithm === null) log('info', 'no algorithm is set for the whole fleet any more', {});
        else log('info', 'the algorithm is set for the whole fleet', { algorithm: message.algorithm });
        break;
      case 'site':
        state.pools = message.pools;
        state.site = message.stored;
        siteSwitch.apply(message.version, message.site, message.pools);
        toFleet.post({ type: 'site-taken' });
        if (message.site !== null) gate.onSite();
        break;
      case 'limits':
        siteSwitch.takeLimits(message);
        if (message.isAsked) toFleet.post({ type: 'limit-keys', keys: siteSwitch.busyKeys() });
        break;
      case 'secrets':
        state.secret = message.shared;
        siteSwitch.setSecrets(message.secrets.map((secret) => Buffer.from(secret, 'hex')));
        break;
      case 'why':
        toFleet.post({ type: 'why-answer', token: message.token, answer: explainer.answer(message.question) });
        break;
      case 'host-ejected':
        // An operator has ejected the host: its requests in flight end here.
        hosts.endAll(message.slot);
        break;
      case 'console-pages':
      case 'console-head':
      case 'console-chunk':
      case 'console-end':
      case 'console-broken':
        pages.onMessage(message);
        break;
      case 'log':
        log(...message.line);
        break;
      case 'stopped':
    }
  };
}
