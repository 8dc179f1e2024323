// What the thread that serves requests tells the fleet thread, and what follows from it here: the counterpart of
// lib/fleet-listener.ts. Nothing is answered; whatever can't be sent to Redis now is dropped or sent later by its part.

import type { CertificateExpiry } from '../certificate-expiry.js';
import type { Clock } from '../clock.js';
import type { InbandReport } from '../model.js';
import type { Commands } from '../redis/connect.js';
import type { KeyRing } from '../redis/fleet-key.js';
import type { Keys } from '../redis/keys.js';
import type { MessageGate } from '../redis/message-gate.js';
import { encodeReport } from '../redis/report-message.js';
import type { MessageSigner } from '../redis/sign.js';
import type { Count } from '../table/counters.js';
import type { ToPages } from '../console-messages.js';
import type { ToFleet } from '../thread-messages.js';
import type { EjectionEvents } from './ejection-events.js';
import type { FiguresSync } from './figures-sync.js';
import type { Heartbeats } from './heartbeats.js';
import type { HostsLink } from './hosts-link.js';
import { type InbandReports, publishedReport } from './inband-reports.js';
import type { KeyWatch } from './key-watch.js';
import type { LeaseDriver } from './lease-driver.js';
import type { LimitSync } from './limit-sync.js';
import type { LoadSync } from './load-sync.js';
import type { SecretSync } from './secret-sync.js';
import type { SiteSync } from './site-sync.js';
import type { TableSync } from './table-sync.js';
import type { WhyAnswers } from './why-answers.js';

/** What the messages act on. */
export interface MainThreadOptions {
  readonly client: Commands;
  readonly keys: Keys;
  readonly clock: Clock;
  readonly count: Count;
  readonly ring: KeyRing;
  readonly gate: MessageGate;
  readonly signer: MessageSigner;
  readonly table: TableSync;
  readonly loads: LoadSync;
  readonly figures: FiguresSync;
  readonly ejections: EjectionEvents;
  readonly limits: LimitSync;
  readonly inband: InbandReports;
  readonly keyWatch: KeyWatch;
  readonly why: WhyAnswers;
  readonly hosts: HostsLink;
  readonly lease: LeaseDriver;
  readonly heartbeats: Heartbeats;
  readonly site: SiteSync;
  readonly secrets: SecretSync;
  readonly setCertificates: (certificates: readonly CertificateExpiry[]) => void;
}

/** The messages of the main thread that the parts of the fleet thread take. */
export type ToFleetParts = Exclude<ToFleet, ToPages | { readonly type: 'traces' }>;

/** Builds what takes the messages of the main thread; `stop` is the caller's. */
export function listenToMainThread(options: MainThreadOptions): (message: ToFleetParts) => void {
  const { ring, gate, table, loads, figures, ejections, limits, keyWatch, why, hosts, lease, heartbeats, site, secrets } = options;
  return (message) => {
    switch (message.type) {
      case 'verdict':
        table.rebuild();
        break;
      case 'hosts-known':
        table.admitKnown();
        break;
      case 'ejection':
        figures.windows.onEjection(message.host, message.reason);
        ejections.take(message.host, message.reason);
        break;
      case 'slowest':
        figures.windows.onSlowest(message.requests);
        break;
      case 'inband-reports':
        publishInband(options, message.reports);
        break;
      case 'why-answer':
        why.answer(message.token, message.answer);
        break;
      case 'site-taken':
        table.siteTaken();
        break;
      case 'pools-gone':
        table.dropPools(message.pools);
        break;
      case 'slot-released':
        table.writer.release(message.slot);
        break;
      case 'limit-keys':
        limits.onKeys(message.keys);
        loads.answerSoon(table.writer);
        break;
      case 'classes':
        loads.setClasses(message.classes);
        break;
      case 'fleet-key':
        ring.replace('--fleet-key', message.text);
        gate.onKeys();
        keyWatch.onKeys();
        table.readAgain();
        site.readAgain();
        secrets.onKeys();
        void heartbeats.send();
        break;
      case 'hosts-port':
        hosts.reconnect(message.port, lease.state.phase === 'master' ? lease.state : null);
        break;
      case 'certificates':
        options.setCertificates(message.certificates);
        break;
      case 'resign':
        void lease.stop();
        break;
      case 'stop':
        break;
    }
  };
}

/** Publishes those reports of hosts that no other balancer has just published. */
function publishInband({ client, keys, clock, count, signer, inband }: MainThreadOptions, reports: readonly InbandReport[]): void {
  if (client.status !== 'ready') return;
  for (const report of inband.due(reports, clock())) {
    count('inband_published');
    client.publish(keys.reports, signer.sign(keys.reports, encodeReport(publishedReport(report)), 'balancer')).catch(() => undefined);
  }
}
