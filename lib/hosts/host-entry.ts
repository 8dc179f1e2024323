// One host in the master's registry, and the reasons for its state changes, as text for people.

import type { FiguresRow, HostFigures, HostRow, HostState, Report } from '../model.js';
import { type Checked, FALLEN, type RiseAndFall, UNCHECKED } from '../routing/health.js';
import type { PartlyNamed } from '../redis/partly-named.js';
import { AgentInstance } from './agent-instance.js';
import type { FleetLoad } from './host-total.js';

/** A host is silent after this many missed reports, but not before 3 s. */
const MISSED_REPORTS = 3;
const SILENT_AFTER_MS = 3000;

/**
 * A host without an agent is removed when no live balancer has named it for this long. Each balancer names its hosts
 * to a new master at once, and again every two seconds until that is acknowledged, so one message may be lost.
 */
export const UNNAMED_AFTER_MS = 5000;

/** After this many intervals of its agent, a CPU figure is too stale to say what is free now. */
export const OLD_INTERVALS = 2.5;

/** The figures of an unknown host. */
export const UNKNOWN: HostFigures = { cpu: null, memory: null, cores: null, rps: null };

/** How hosts are checked; a subset of `HealthRules`. */
export interface HostCheckRules extends RiseAndFall {
  /**
   * With a path or a gRPC service, every host is checked, and one that fails is down whatever its agent reports. Without,
   * only hosts without agent reports are.
   */
  readonly healthPath: string;
  readonly healthGrpc: string | null;
}

/** One host. */
export interface HostEntry {
  readonly name: string;
  readonly url: string;
  /** The DNS name that it was found by; undefined when it was not. */
  authority: string | undefined;
  /** As the site or its record in DNS has it; 1 is usual. */
  weight: number;
  /** Whether there is no such pool. */
  isUnassigned: boolean;
  figures: HostFigures;
  state: HostState;
  /** Whether it has an agent: it reported once, to this master or an earlier one. */
  hasAgent: boolean;
  /** When it last reported, by its agent or in-band; null if never. */
  reportedAtMs: number | null;
  /** Since when an agent's report is awaited: the last report, or when this master began to listen. */
  awaitedSinceMs: number;
  /** When its agent counts as silent. A report never shortens the time that an earlier one gave. */
  silentAtMs: number;
  intervalMs: number;
  /** Which agent process it belongs to. */
  agent: AgentInstance;
  checks: Checked;
  /** Whether another address reported under its name: a probe must show if this one is still alive. */
  isContested: boolean;
  /** Since when it has been down. */
  downSinceMs: number;
  /** Since when no live balancer has named it; NaN while one does, or it has an agent. */
  unnamedSinceMs: number;
  /** The agent that reports under this name from another URL; null if none ever did. */
  claim: Claim | null;
  /** Which balancers name it and which do not, if that differs. */
  partlyNamed: PartlyNamed | null;
  /** How live agents and balancers contradict each other about its URL, as text for people; null when they agree. */
  conflict: string | null;
}

/** An agent's claim to the host's URL. */
interface Claim {
  readonly url: string;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** A new host of which nothing but name and URL is known. */
export function blankEntry(name: string, url: string, nowMs: number): HostEntry {
  return {
    name,
    url,
    authority: undefined,
    weight: 1,
    isUnassigned: false,
    figures: UNKNOWN,
    state: 'up',
    hasAgent: false,
    reportedAtMs: null,
    awaitedSinceMs: nowMs,
    silentAtMs: nowMs + SILENT_AFTER_MS,
    intervalMs: 1000,
    agent: new AgentInstance(),
    checks: UNCHECKED,
    isContested: false,
    downSinceMs: Number.NaN,
    unnamedSinceMs: Number.NaN,
    claim: null,
    partlyNamed: null,
    conflict: null,
  };
}

/** A host as an earlier master knew it. */
export function seededEntry(row: HostRow, nowMs: number): HostEntry {
  const { name, url, authority, weight = 1, cpu, memory, cores, rps, state, isStatic, ageMs } = row;
  // Don't wait again for a host that the previous master had found silent.
  const awaitedSinceMs = isStatic || state === 'up' ? nowMs : Number.NEGATIVE_INFINITY;
  return {
    ...blankEntry(name, url, nowMs),
    authority,
    weight,
    figures: { cpu, memory, cores, rps },
    state,
    hasAgent: !isStatic,
    reportedAtMs: ageMs === null ? null : nowMs - ageMs,
    awaitedSinceMs,
    silentAtMs: awaitedSinceMs + SILENT_AFTER_MS,
    checks: state === 'down' ? FALLEN : UNCHECKED,
    downSinceMs: state === 'down' ? nowMs : Number.NaN,
  };
}

/** The agent's figures, without CPU when stale; all null for an unknown host. */
export function freshFigures(entry: HostEntry | undefined, nowMs: number): HostFigures {
  if (entry === undefined) return UNKNOWN;
  const { figures, reportedAtMs, intervalMs } = entry;
  return reportedAtMs === null || nowMs - reportedAtMs > OLD_INTERVALS * intervalMs ? { ...figures, cpu: null } : figures;
}

/** Whether its agent has stopped reporting. */
export function isSilent(entry: HostEntry, nowMs: number): boolean {
  return nowMs > entry.silentAtMs;
}

/** When an agent is silent whose last report comes now. */
function silentAfter({ intervalMs }: Report, nowMs: number): number {
  return nowMs + Math.max(SILENT_AFTER_MS, MISSED_REPORTS * intervalMs);
}

/** Records that an agent reports the host: it is alive, and belongs to that agent's process unless another has it. */
export function takeAgent(entry: HostEntry, report: Report, nowMs: number): void {
  const silentAtMs = silentAfter(report, nowMs);
  entry.agent.heard(report.instance, silentAtMs, nowMs);
  entry.hasAgent = true;
  entry.reportedAtMs = entry.awaitedSinceMs = nowMs;
  entry.silentAtMs = Math.max(entry.silentAtMs, silentAtMs);
  entry.intervalMs = report.intervalMs;
}

/** Discards the agent and its figures. */
export function dropAgent(entry: HostEntry, nowMs: number): void {
  entry.hasAgent = false;
  entry.agent = new AgentInstance();
  entry.figures = UNKNOWN;
  entry.reportedAtMs = null;
  entry.awaitedSinceMs = entry.silentAtMs = nowMs;
}

/** Records that an agent reports under the host's name from another URL. */
export function takeClaim(entry: HostEntry, report: Report, nowMs: number): void {
  const { url } = report;
  const isSame = entry.claim?.url === url && nowMs <= entry.claim.untilMs;
  const untilMs = silentAfter(report, nowMs);
  entry.claim = { url, sinceMs: isSame ? (entry.claim as Claim).sinceMs : nowMs, untilMs };
}

/**
 * Describes how live agents and balancers contradict each other about a host's URL; null when they agree. A new claim
 * does not count yet, since the host may just have moved.
 * @param contradiction how balancers contradict each other
 */
export function conflictOf({ url, claim }: HostEntry, contradiction: string | undefined, nowMs: number): string | null {
  const isClaimed = claim !== null && nowMs - claim.sinceMs >= SILENT_AFTER_MS && nowMs <= claim.untilMs;
  const parts = [contradiction, isClaimed ? `an agent reports from ${claim.url}` : undefined].filter((each) => each !== undefined);
  return parts.length === 0 ? null : `${parts.join(', ')}; ${url} is used`;
}

/**
 * Whether to remove a host without an agent because no live balancer has named it for too long. Call once a second.
 * @param isNamed whether a balancer names it now; also true when no balancer is heard, as nothing is known then
 */
export function isAbandoned(entry: HostEntry, isNamed: boolean, nowMs: number): boolean {
  if (isNamed || entry.hasAgent) entry.unnamedSinceMs = Number.NaN;
  else if (Number.isNaN(entry.unnamedSinceMs)) entry.unnamedSinceMs = nowMs;
  return nowMs - entry.unnamedSinceMs >= UNNAMED_AFTER_MS;
}

/** The host's reported figures as a row. */
export function figuresRowOf(entry: HostEntry, nowMs: number): FiguresRow {
  const { cpu, memory, cores } = entry.figures;
  return { name: entry.name, cpu, memory, cores, ageMs: ageOf(entry, nowMs) };
}

/** Milliseconds since the last report; null if there was none. */
export function ageOf({ reportedAtMs }: HostEntry, nowMs: number): number | null {
  return reportedAtMs === null ? null : Math.max(0, nowMs - reportedAtMs);
}

/** The host with its load as a row of the table. */
export function rowOf(entry: HostEntry, { inflight, open, longLived, work, rps, capacity, speed }: FleetLoad, nowMs: number): HostRow {
  return {
    name: entry.name,
    url: entry.url,
    ...(entry.authority !== undefined && { authority: entry.authority }),
    state: entry.state,
    isStatic: !entry.hasAgent,
    ...(entry.weight !== 1 && { weight: entry.weight }),
    ...entry.figures,
    ageMs: ageOf(entry, nowMs),
    inflight,
    open,
    longLived,
    fleetRps: rps,
    work,
    capacity,
    speed,
    ...(entry.isUnassigned && { isUnassigned: true }),
    ...(entry.partlyNamed !== null && { partlyNamed: entry.partlyNamed }),
    ...(entry.conflict !== null && { conflict: entry.conflict }),
  };
}

/** Explains the host's state. `before` is the previous state; `isAsked` says whether every host is checked. */
export function reasonFor({ state, hasAgent }: HostEntry, before: HostState, isAsked: boolean): string {
  const passes = isAsked ? 'passes its checks' : 'answers';
  switch (state) {
    case 'down':
      if (isAsked) return 'fails its checks';
      return hasAgent ? 'neither reports nor answers' : 'does not answer';
    case 'silent':
      return before === 'up' ? 'stopped reporting' : `${passes}, but does not report`;
    case 'up':
      if (before === 'silent' && !hasAgent) return 'counts as a host without an agent';
      return before === 'silent' || (hasAgent && !isAsked) ? 'reports again' : `${passes} again`;
  }
}
