// One host as the master's registry keeps it, and why its state changed, in words for people.

import type { HostFigures, HostRow, HostState } from '../model.js';
import { type Checked, FALLEN, type RiseAndFall, UNCHECKED } from '../routing/health.js';
import type { FleetLoad } from './host-total.js';

/** A host is silent after so many missed reports, but not before 3 s. */
const MISSED_REPORTS = 3;
const SILENT_AFTER_MS = 3000;

/** Figures older than so many intervals of their agent say nothing of the CPU that is free now. */
export const OLD_INTERVALS = 2.5;

/** The figures of a host that nothing is known of. */
export const UNKNOWN: HostFigures = { cpu: null, memory: null, cores: null, rps: null };

/** How hosts are checked; `HealthRules` has these fields. */
export interface CheckRules extends RiseAndFall {
  /** With a path every host is checked, and one that fails is down whatever its agent says; without, only hosts of which no agent tells. */
  readonly healthPath: string;
}

/** One host. */
export interface HostEntry {
  readonly name: string;
  readonly url: string;
  figures: HostFigures;
  state: HostState;
  /** Has an agent: it reported once, to this master or an earlier one. */
  hasAgent: boolean;
  /** When it last reported, by its agent or in-band; null when never. */
  reportedAtMs: number | null;
  /** Since when an agent's report is awaited: the last one, or when this master began to listen. */
  awaitedSinceMs: number;
  intervalMs: number;
  checks: Checked;
  /** Another address reported under its name: a probe must tell whether this one is still alive. */
  isContested: boolean;
  /** Since when neither report nor answer came. */
  downSinceMs: number;
}

/** A host that was just named and that nothing is known of. */
export function blankEntry(name: string, url: string, nowMs: number): HostEntry {
  return {
    name,
    url,
    figures: UNKNOWN,
    state: 'up',
    hasAgent: false,
    reportedAtMs: null,
    awaitedSinceMs: nowMs,
    intervalMs: 1000,
    checks: UNCHECKED,
    isContested: false,
    downSinceMs: Number.NaN,
  };
}

/** A host as an earlier master knew it. */
export function seededEntry({ name, url, cpu, memory, cores, rps, state, isStatic, ageMs }: HostRow, nowMs: number): HostEntry {
  return {
    ...blankEntry(name, url, nowMs),
    figures: { cpu, memory, cores, rps },
    state,
    hasAgent: !isStatic,
    reportedAtMs: ageMs === null ? null : nowMs - ageMs,
    // What the last master had not heard, this one has not either.
    awaitedSinceMs: isStatic || state === 'up' ? nowMs : Number.NEGATIVE_INFINITY,
    checks: state === 'down' ? FALLEN : UNCHECKED,
    downSinceMs: state === 'down' ? nowMs : Number.NaN,
  };
}

/** What its agent said, without CPU where that is old; nothing of a host that is not known. */
export function freshFigures(entry: HostEntry | undefined, nowMs: number): HostFigures {
  if (entry === undefined) return UNKNOWN;
  const { figures, reportedAtMs, intervalMs } = entry;
  return reportedAtMs === null || nowMs - reportedAtMs > OLD_INTERVALS * intervalMs ? { ...figures, cpu: null } : figures;
}

/** Whether its agent's reports have stopped. */
export function isSilent(entry: HostEntry, nowMs: number): boolean {
  return nowMs - entry.awaitedSinceMs > Math.max(SILENT_AFTER_MS, MISSED_REPORTS * entry.intervalMs);
}

/** Milliseconds since it last reported; null when it never did. */
export function ageOf({ reportedAtMs }: HostEntry, nowMs: number): number | null {
  return reportedAtMs === null ? null : Math.max(0, nowMs - reportedAtMs);
}

/** A host with its load as a row of the table. */
export function rowOf(entry: HostEntry, { inflight, work, rps, capacity, speed }: FleetLoad, nowMs: number): HostRow {
  return {
    name: entry.name,
    url: entry.url,
    state: entry.state,
    isStatic: !entry.hasAgent,
    ...entry.figures,
    ageMs: ageOf(entry, nowMs),
    inflight,
    fleetRps: rps,
    work,
    capacity,
    speed,
  };
}

/** Why a host has its state now; `before` is the one that it had, and `hasPath` whether every host is checked. */
export function reasonFor({ state, hasAgent }: HostEntry, before: HostState, hasPath: boolean): string {
  const passes = hasPath ? 'passes its checks' : 'answers';
  switch (state) {
    case 'down':
      if (hasPath) return 'fails its checks';
      return hasAgent ? 'neither reports nor answers' : 'does not answer';
    case 'silent':
      return before === 'up' ? 'stopped reporting' : `${passes}, but does not report`;
    case 'up':
      return before === 'silent' || (hasAgent && !hasPath) ? 'reports again' : `${passes} again`;
  }
}
