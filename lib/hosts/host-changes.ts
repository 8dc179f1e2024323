// What the registry of hosts tells of what it took in: outcomes, news, and the changes that a flush publishes.

import type { Costs, FiguresRow, HostRow, LoadRow } from '../model.js';

/**
 * What the registry did with a report. In-band ones alone can be of a host that is `unknown`, or that has an `agent`,
 * whose figures are used instead.
 */
export type ReportOutcome = 'taken' | 'conflict' | 'full' | 'unknown' | 'agent';

/** Something about a host that people may want to know at once. */
export interface HostNews {
  readonly kind: 'host-joined' | 'host-left' | 'host-silent' | 'host-down' | 'host-up' | 'host-conflict';
  readonly name: string;
  readonly detail: string;
}

/** What changed since the last flush. */
export interface HostChanges {
  readonly rows: readonly HostRow[];
  /** Hosts of which only what was reported changed. */
  readonly figures: readonly FiguresRow[];
  /** Hosts of which only the load changed; they can be among the figures too. */
  readonly loads: readonly LoadRow[];
  readonly acks: readonly (readonly [balancer: string, seq: number])[];
  /** The hosts that answer too soon to be believed. */
  readonly likelyBogus: readonly string[];
  /** What a request of each class costs (ms of CPU); null when that did not change. */
  readonly costs: Costs | null;
  readonly gone: readonly string[];
  readonly news: readonly HostNews[];
  /** True when hosts came, went or changed their state: the snapshot is due. */
  readonly isMembership: boolean;
}
