// One host as the master's registry keeps it, and why its state changed, in words for people.

import type { FiguresRow, HostFigures, HostRow, HostState, Report } from '../model.js';
import { type Checked, FALLEN, type RiseAndFall, UNCHECKED } from '../routing/health.js';
import type { FleetLoad } from './host-total.js';

/** A host is silent after so many missed reports, but not before 3 s. */
const MISSED_REPORTS = 3;
const SILENT_AFTER_MS = 3000;

/**
 * A host without an agent that no living balancer names is removed after this: each of them names its hosts at least
 * every 2 s, and to a new master at once, so that one message may be lost.
 */
const UNNAMED_AFTER_MS = 5000;

/** Figures older than so many intervals of their agent say nothing of the CPU that is free now. */
export const OLD_INTERVALS = 2.5;

/** The figures of a host that nothing is known of. */
export const UNKNOWN: HostFigures = { cpu: null, memory: null, cores: null, rps: null };

/** How hosts are checked; `HealthRules` has these fields. */
export interface HostCheckRules extends RiseAndFall {
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
  /** Since when no living balancer names it; NaN while one does, or an agent tells of it. */
  unnamedSinceMs: number;
  /** The agent that reports under this name from another URL; null when none ever did. */
  claim: Claim | null;
  /** How the living contradict each other about its URL, for people; null when they agree. */
  conflict: string | null;
}

/** What an agent claims to be the host's URL. */
interface Claim {
  readonly url: string;
  readonly sinceMs: number;
  readonly untilMs: number;
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
    unnamedSinceMs: Number.NaN,
    claim: null,
    conflict: null,
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
    // A host that the last master did not hear is not awaited again.
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

/** An agent reports under the host's name from another URL. */
export function takeClaim(entry: HostEntry, { url, intervalMs }: Report, nowMs: number): void {
  const isSame = entry.claim?.url === url && nowMs <= entry.claim.untilMs;
  const untilMs = nowMs + Math.max(SILENT_AFTER_MS, MISSED_REPORTS * intervalMs);
  entry.claim = { url, sinceMs: isSame ? (entry.claim as Claim).sinceMs : nowMs, untilMs };
}

/**
 * How the living contradict each other about a host's URL, as a phrase for people; null when they agree. A claim that
 * is new does not count yet: the host may just have moved.
 * @param contradiction how balancers contradict each other
 */
export function conflictOf({ url, claim }: HostEntry, contradiction: string | undefined, nowMs: number): string | null {
  const isClaimed = claim !== null && nowMs - claim.sinceMs >= SILENT_AFTER_MS && nowMs <= claim.untilMs;
  const said = [contradiction, isClaimed ? `an agent reports from ${claim.url}` : undefined].filter((each) => each !== undefined);
  return said.length === 0 ? null : `${said.join(', ')}; ${url} is used`;
}

/**
 * Whether a host without an agent has not been named by any living balancer for so long that it is to be removed. To
 * be asked each second.
 * @param isNamed whether one names it now, or no balancer is heard at all, so that this can't be told
 */
export function isAbandoned(entry: HostEntry, isNamed: boolean, nowMs: number): boolean {
  if (isNamed || entry.hasAgent) entry.unnamedSinceMs = Number.NaN;
  else if (Number.isNaN(entry.unnamedSinceMs)) entry.unnamedSinceMs = nowMs;
  return nowMs - entry.unnamedSinceMs >= UNNAMED_AFTER_MS;
}

/** What was reported of a host, as a row. */
export function figuresRowOf(entry: HostEntry, nowMs: number): FiguresRow {
  const { cpu, memory, cores } = entry.figures;
  return { name: entry.name, cpu, memory, cores, ageMs: ageOf(entry, nowMs) };
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
    ...(entry.conflict !== null && { conflict: entry.conflict }),
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
      if (before === 'silent' && !hasAgent) return 'counts as a host without an agent';
      return before === 'silent' || (hasAgent && !hasPath) ? 'reports again' : `${passes} again`;
  }
}
