// Builds what the console's pages may see of the fleet thread (`FleetSight`) from its parts.

import type { FleetSight } from '../fleet-sight.js';
import { parseSettings } from '../redis/settings.js';
import { WIDE_HEADER } from '../table/layout.js';
import type { SiteInForce } from '../site-model.js';
import type { FiguresSync } from './figures-sync.js';
import type { Heartbeats } from './heartbeats.js';
import { roleOf } from './lease.js';
import type { LeaseDriver } from './lease-driver.js';
import type { LoadSync } from './load-sync.js';
import type { MasterWatch } from './master-watch.js';
import type { Membership } from './membership.js';
import type { RedisState } from './redis-state.js';
import type { SettingsSync } from './settings-sync.js';
import type { TableSync } from './table-sync.js';

/** What is handed over as it is, and the parts that the rest is read from. */
export interface SightParts
  extends Pick<
    FleetSight,
    'config' | 'columns' | 'clock' | 'count' | 'log' | 'client' | 'keys' | 'signer' | 'ring' | 'gate' | 'onEvent' | 'certificates'
  > {
  readonly table: TableSync;
  readonly lease: LeaseDriver;
  readonly redis: RedisState;
  readonly heartbeats: Heartbeats;
  readonly settings: SettingsSync;
  readonly loads: LoadSync;
  readonly watch: MasterWatch;
  readonly membership: Membership;
  readonly figures: FiguresSync;
  readonly inForce: () => SiteInForce | null;
}

/** Builds the sight of one fleet thread. */
export function buildSight(parts: SightParts): FleetSight {
  const { config, columns, clock, count, log, client, keys, signer, ring, gate, onEvent, certificates } = parts;
  const { table, lease, redis, heartbeats, settings, loads, watch, membership, figures, inForce } = parts;
  const startMs = clock();
  return {
    ...{ config, columns, clock, count, log, client, keys, signer, ring, gate, onEvent, certificates },
    hosts: () => table.writer.hosts(),
    pools: () => table.writer.pools,
    panics: () => table.writer.panics,
    stamp: () => table.writer.stamp,
    tableAgeMs: () => table.ageMs(),
    site: inForce,
    lease: () => ({
      role: roleOf(lease.state),
      term: columns.wideHeader[WIDE_HEADER.highestTerm] as number,
      remainingMs: lease.state.phase === 'master' ? Math.max(0, lease.state.validUntilMs - clock()) : null,
    }),
    redis: () => ({
      isUp: redis.isUsable,
      reason: redis.reason,
      downSinceMs: redis.isUsable ? null : (redis.downSinceMs ?? startMs),
      rttMs: heartbeats.roundTripMs,
    }),
    settings() {
      const { algorithm, operatorStates, maintenance } = parseSettings(Object.fromEntries(settings.fields));
      return { algorithm, operatorStates, maintenance };
    },
    costs: () => loads.costs,
    masterName: () => heartbeats.masterName,
    order: () => heartbeats.order,
    noMaster: () => watch.reason,
    exchangeIntervalMs: () => loads.intervalMs(table.writer),
    ownFigures: () => figures.windows.figures(),
    announce: (event) => membership.announce(event),
  };
}
