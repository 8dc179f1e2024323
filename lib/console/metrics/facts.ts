// What metrics are made of: the shared table, and what the fleet thread knows besides. Read anew at each scrape; plain data,
// so that tests can make it up.

import { basename, dirname } from 'node:path';
import type { CertificateExpiry } from '../../certificate-expiry.js';
import { bareNameOf, poolOf } from '../../host-id.js';
import type { LoopLag } from '../../loop-lag.js';
import type { Costs } from '../../model.js';
import type { TableColumns } from '../../table/layout.js';
import type { NamedPool } from '../../table/pool-indexes.js';
import type { SlotHost } from '../../table/slots.js';
import { labelsOf } from './exposition.js';
import type { HostHistograms } from './histograms.js';

/** More hosts than this are summed up as `_other`. */
export const MAX_HOSTS_SHOWN = 5000;

/** A host, or several that are shown as one. */
export interface ShownHost {
  /** Its pool and name. */
  readonly labels: string;
  readonly slots: readonly number[];
  /** Whether it is `_other`: then only sums make sense. */
  readonly isRest: boolean;
}

/** What the system says of the process; NaN is unknown. */
export interface ProcessFacts {
  readonly startedAtMs: number;
  readonly cpuUserMs: number;
  readonly cpuSystemMs: number;
  readonly residentBytes: number;
  readonly virtualBytes: number;
  readonly openFds: number;
  readonly maxFds: number;
}

/** A certificate as it is shown. */
export interface ShownCertificate {
  /** The name of its file; with the folder's where two have one name. */
  readonly name: string;
  /** Wall clock. */
  readonly notAfterMs: number;
}

/** Everything that metrics tell of one balancer, and of the fleet while it is master. Times are of the process clock unless they say so. */
export interface MetricsFacts {
  readonly balancer: string;
  readonly version: string;
  readonly nowMs: number;
  readonly columns: TableColumns;
  readonly pools: readonly NamedPool[];
  readonly hosts: readonly ShownHost[];
  readonly histograms: HostHistograms;
  /** The version of the site in force; 0 for none that the fleet has. */
  readonly siteVersion: number;
  /** By `classKeyOf`, in ms of CPU. */
  readonly costs: Costs;
  readonly isMaster: boolean;
  /** The highest term that was seen. */
  readonly term: number;
  /** What is left of this balancer's lease; 0 while it has none. */
  readonly leaseRemainingMs: number;
  /** Since the table in force arrived; NaN before the first. */
  readonly tableAgeMs: number;
  /** Between two load messages. */
  readonly exchangeIntervalMs: number;
  readonly isRedisUp: boolean;
  /** Of the last heartbeat; NaN before the first. */
  readonly redisRttMs: number;
  /** Balancers in the fleet, as far as known. */
  readonly balancers: number;
  readonly certificates: readonly ShownCertificate[];
  readonly fleetThreadLag: LoopLag;
  readonly process: ProcessFacts;
}

/** The hosts with their labels; of those beyond the first `max`, one `_other` for each pool. Of two with one name the later counts. */
export function groupHosts(hosts: readonly SlotHost[], max: number = MAX_HOSTS_SHOWN): ShownHost[] {
  const byId = new Map(hosts.map((host) => [host.name, host] as const));
  const groups: ShownHost[] = [];
  const rest = new Map<string, number[]>();
  for (const { name, slot } of byId.values()) {
    const pool = poolOf(name);
    if (groups.length < max) {
      groups.push({ labels: labelsOf({ pool, host: bareNameOf(name) }), slots: [slot], isRest: false });
      continue;
    }
    const slots = rest.get(pool);
    if (slots === undefined) rest.set(pool, [slot]);
    else slots.push(slot);
  }
  return [...groups, ...[...rest].map(([pool, slots]) => ({ labels: labelsOf({ pool, host: '_other' }), slots, isRest: true }))];
}

/**
 * Certificates by the names of their files: where a machine keeps them is nobody's business. Two files of one name have their
 * folder before it, as in `www.example/fullchain.pem`; of two that are still the same, the one that expires first counts.
 */
export function showCertificates(expiries: readonly CertificateExpiry[]): ShownCertificate[] {
  const isTwice = (name: string): boolean => expiries.filter(({ file }) => basename(file) === name).length > 1;
  const shown = new Map<string, number>();
  for (const { file, notAfterMs } of expiries) {
    const base = basename(file);
    const name = isTwice(base) ? `${basename(dirname(file))}/${base}` : base;
    shown.set(name, Math.min(notAfterMs, shown.get(name) ?? Number.POSITIVE_INFINITY));
  }
  return [...shown].map(([name, notAfterMs]) => ({ name, notAfterMs }));
}
