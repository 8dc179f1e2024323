// All hosts as the master knows them: reports, load messages and probe results in, rows of the host table out. Does no
// I/O and has no clock. Malformed input is dropped by the decoders; contradictions are resolved here.

import { SECOND } from '../clock.js';
import { siteHostsOf } from '../site-hosts.js';
import type { Site } from '../site-model.js';
import { hostIdOf, poolOf } from '../host-id.js';
import type { Costs, HostFigures, HostRow, LoadMessage, Report, StaticHost } from '../model.js';
import { afterCheck, FALLEN, UNCHECKED } from '../routing/health.js';
import { TRAFFIC_DEFAULTS } from '../config/traffic-config.js';
import { DEFAULT_POOL } from '../site-model.js';
import type { CostEstimate } from '../learning/cost-model.js';
import type { PartlyNamed } from '../redis/partly-named.js';
import { LEARN_MS } from '../redis/load-interval.js';
import { PoolCosts } from './pool-costs.js';
import { FleetLoads } from './fleet-loads.js';
import type { HostChanges, ReportOutcome } from './host-changes.js';
import {
  blankEntry,
  type HostCheckRules,
  conflictOf,
  dropAgent,
  figuresRowOf,
  freshFigures,
  type HostEntry,
  isAbandoned,
  isSilent,
  OLD_INTERVALS,
  reasonFor,
  rowOf,
  seededEntry,
  takeAgent,
  takeClaim,
} from './host-entry.js';
import { NamedHosts } from './named-hosts.js';
import { hostsThatLeftPools } from './left-pools.js';
import { Namesakes } from './namesakes.js';
import { PendingChanges } from './pending-changes.js';

/** A host that has neither reported nor answered for this long is removed; its agent can bring it back. */
const FORGET_AFTER_MS = 60_000;

/** Interval at which `tick` is to be called: silence is detected, and rates and costs are updated. */
export const TICK_MS = SECOND;

/** Maximum number of hosts: the slots of the shared table. */
const MAX_HOSTS = 16_384;

/** The master's registry of hosts. */
export class HostRegistry {
  readonly #rulesOf: (pool: string) => HostCheckRules;
  readonly #entries = new Map<string, HostEntry>();
  readonly #costs = new PoolCosts();
  /** Costs are learned by machine, whose CPU is reported once for all of its pools: by URL, which the ids share. */
  readonly #loads = new FleetLoads({
    finished: (id, ...request) => this.#costs.finished(poolOf(id), this.#entries.get(id)?.url ?? id, ...request),
    reported: (...request) => this.#costs.reported(...request),
  });
  readonly #named = new NamedHosts();
  readonly #namesakes = new Namesakes();
  readonly #pending = new PendingChanges();
  /** Those that get requests. */
  #pools: ReadonlySet<string> = new Set([DEFAULT_POOL]);
  #partlyNamed: ReadonlyMap<string, PartlyNamed> = new Map();
  #learnedAtMs = Number.NEGATIVE_INFINITY;

  /** @param rulesOf the rules in force of a pool */
  constructor(rulesOf: (pool: string) => HostCheckRules = () => TRAFFIC_DEFAULTS) {
    this.#rulesOf = rulesOf;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Number of balancers that send their loads. */
  get balancers(): number {
    return this.#loads.balancers;
  }

  /** Takes over what an earlier master knew; known rows stay as they are. */
  seed(rows: readonly HostRow[], nowMs: number, costs: Costs = []): void {
    this.#costs.seed(costs);
    for (const row of rows) {
      if (this.#entries.has(row.name)) continue;
      this.#add(seededEntry(row, nowMs));
      this.#loads.seed(row, nowMs);
    }
  }

  /** Takes another site: its pools, and the hosts that it names, whose URLs win over whatever balancers say. */
  nameSite(site: Site | null, nowMs: number): void {
    this.#pools = new Set(site?.pools.map((pool) => pool.name) ?? [DEFAULT_POOL]);
    for (const entry of this.#entries.values()) {
      const isUnassigned = !this.#pools.has(poolOf(entry.name));
      if (entry.isUnassigned === isUnassigned) continue;
      entry.isUnassigned = isUnassigned;
      this.#pending.noteRow(entry.name);
    }
    const concerned = this.#named.takeSite(siteHostsOf(site));
    this.#removeUnnamed(site, concerned, nowMs);
    for (const name of concerned) {
      this.#settleUrl(name, nowMs);
      // Balancers took out what the site names no more: they learn which of these stay.
      this.#pending.noteRow(name);
    }
  }

  /**
   * Removes hosts that are gone with the site before, at once; also those of a pool that only the site can name, when an
   * earlier master knew them. Elsewhere a balancer that restarts may be about to name them.
   */
  #removeUnnamed(site: Site | null, concerned: ReadonlySet<string>, nowMs: number): void {
    const found = site?.pools.filter(({ hosts }) => hosts.some(({ discovery }) => discovery !== 'none')) ?? [];
    const open = new Set([DEFAULT_POOL, ...found.map(({ name }) => name)]);
    for (const entry of this.#entries.values()) {
      const isGone = concerned.has(entry.name) || !open.has(poolOf(entry.name));
      if (isGone && !entry.hasAgent && !this.#named.isNamed(entry.name)) this.#remove(entry, 'the site names it no more', nowMs);
    }
  }

  /**
   * Registers the hosts that this balancer names itself, before any message arrives: otherwise another balancer's hosts
   * would count as named by all.
   */
  nameOwn(balancer: string, statics: readonly StaticHost[], nowMs: number): void {
    for (const name of this.#named.take({ balancer, isFull: true, statics }, nowMs)) this.#settleUrl(name, nowMs);
  }

  /**
   * Handles a report, which counts for the host in each of its pools. Returns the first outcome that is not `taken`, if
   * there is one: pools may differ, since each has an entry of its own.
   */
  onReport(report: Report, nowMs: number): ReportOutcome {
    const ids = (report.pools ?? [DEFAULT_POOL]).map((pool) => hostIdOf(pool, report.host));
    if (report.via !== 'inband' && !report.bye) this.#observeWork(ids, report, nowMs);
    const outcomes = ids.map((id) => (report.via === 'inband' ? this.#onInband(id, report, nowMs) : this.#onAgent(id, report, nowMs)));
    return outcomes.find((outcome) => outcome !== 'taken') ?? 'taken';
  }

  /** The CPU of the machine since its last report: once, in however many pools it serves. */
  #observeWork(ids: readonly string[], { url, cpu, cores, intervalMs }: Report, nowMs: number): void {
    const reportedAtMs = ids.map((id) => this.#entries.get(id)).find((entry) => entry?.url === url)?.reportedAtMs;
    const windowMs = nowMs - (reportedAtMs ?? Number.NaN);
    // After a pause a report covers only its own interval, whose length is unknown.
    if (cpu !== null && cores !== null && windowMs > 0 && windowMs < OLD_INTERVALS * intervalMs) {
      this.#costs.observe(poolOf(ids[0] as string), url, { cpuMs: cpu * cores * windowMs, cores }, nowMs, windowMs);
    }
  }

  /**
   * Handles an agent's report for one id. One from another address is a conflict and dropped while the host is up or a
   * balancer names it; so is a goodbye of another process than the one whose reports keep the host alive.
   */
  #onAgent(id: string, report: Report, nowMs: number): ReportOutcome {
    const known = this.#entries.get(id);
    if (report.bye) {
      if (known === undefined) return 'taken';
      if (known.url !== report.url) return 'conflict';
      // Only an agent can sign off, and only the host's own.
      if (!known.hasAgent) return 'taken';
      if (!known.agent.mayLeave(report.instance, nowMs)) return 'conflict';
      this.#signOff(known, 'said goodbye', nowMs);
      return 'taken';
    }
    if (known !== undefined && known.url !== report.url) {
      const isNamed = this.#named.isNamed(known.name);
      if (isNamed || known.state === 'up') {
        // It may have moved and its old address may be dead, which the next probe shows. A URL that balancers name is
        // kept.
        known.isContested = !isNamed;
        takeClaim(known, report, nowMs);
        return 'conflict';
      }
      this.#remove(known, 'replaced from another address', nowMs);
    }
    let entry = this.#entries.get(id);
    if (entry === undefined) {
      if (this.#entries.size >= MAX_HOSTS) return 'full';
      entry = blankEntry(id, report.url, nowMs);
      this.#add(entry);
      this.#pending.addNews('host-joined', id, report.url);
    }
    const { cpu, memory, cores, rps } = report;
    entry.figures = { cpu, memory, cores, rps };
    if (!entry.hasAgent) this.#pending.noteRow(entry.name);
    takeAgent(entry, report, nowMs);
    if (!this.#isAsked(entry)) entry.checks = UNCHECKED;
    entry.isContested = false;
    this.#settle(entry, nowMs);
    this.#pending.noteFigures(entry.name);
    return 'taken';
  }

  /**
   * Handles an in-band report. It changes figures only: it neither adds nor moves a host, and does not stand for an
   * agent. So a host without requests does not become silent; its figures just age.
   */
  #onInband(id: string, report: Report, nowMs: number): ReportOutcome {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.url !== report.url) return 'unknown';
    if (entry.hasAgent && !isSilent(entry, nowMs)) return 'agent';
    const { cpu, memory, cores, rps } = report;
    entry.figures = { cpu, memory, cores: cores ?? entry.figures.cores, rps };
    entry.reportedAtMs = nowMs;
    this.#pending.noteFigures(entry.name);
    return 'taken';
  }

  /**
   * Handles a load message: requests in flight, rates, and the balancer's static hosts. False when dropped because
   * another balancer has that name.
   */
  onLoad(message: LoadMessage, nowMs: number): boolean {
    if (!this.#namesakes.admits(message, nowMs)) return false;
    for (const name of this.#loads.take(message, nowMs)) this.#pending.noteLoad(name);
    for (const name of this.#named.take(message, nowMs)) this.#settleUrl(name, nowMs);
    return true;
  }

  /** Handles the result of a check. */
  onProbe(name: string, isGood: boolean, nowMs: number): void {
    const entry = this.#entries.get(name);
    if (entry === undefined || !this.#needsProbe(entry, nowMs)) return;
    const { isContested } = entry;
    entry.isContested = false;
    // A contested host gets no second chance.
    entry.checks = isContested && !isGood ? FALLEN : afterCheck(entry.checks, isGood, this.#rulesOf(poolOf(name)));
    if (entry.checks.isDown && entry.state !== 'down') entry.downSinceMs = nowMs;
    this.#settle(entry, nowMs);
  }

  /** The hosts to check now: all, or those whose state only a check can tell. */
  hostsToProbe(nowMs: number): Pick<HostEntry, 'name' | 'url' | 'authority'>[] {
    return [...this.#entries.values()].filter((entry) => this.#needsProbe(entry, nowMs));
  }

  /**
   * Detects silence, removes hosts that are long gone and updates the rates; call every `TICK_MS`. Returns the hosts
   * whose rates changed; these are stored but not published.
   */
  tick(nowMs: number): ReadonlySet<string> {
    const { loads, rates } = this.#loads.tick(nowMs);
    for (const name of loads) this.#pending.noteLoad(name);
    this.#costs.group(this.#entries.values(), nowMs);
    this.#loads.rescale(this.#costs.tick(nowMs));
    this.#namesakes.tick(nowMs);
    for (const name of this.#named.tick(nowMs)) this.#settleUrl(name, nowMs);
    this.#notePartlyNamed(nowMs);
    const leavers = hostsThatLeftPools(this.#entries.values(), nowMs);
    for (const entry of this.#entries.values()) {
      const isNamed = this.#named.isNamed(entry.name);
      if (isNamed && entry.hasAgent && nowMs - entry.awaitedSinceMs >= FORGET_AFTER_MS) this.#loseAgent(entry, nowMs);
      if (entry.hasAgent && entry.agent.hasUnheardGoodbye && isSilent(entry, nowMs)) {
        this.#signOff(entry, 'said goodbye', nowMs);
        continue;
      }
      if (leavers.has(entry)) {
        this.#signOff(entry, 'its agent reports it in other pools', nowMs);
        continue;
      }
      if (entry.state === 'up') this.#settle(entry, nowMs);
      if (entry.claim !== null) this.#noteConflict(entry, nowMs);
      // A balancer that names another URL than the one in use may know only its own: a stored table does not change it.
      if (entry.conflict !== null) this.#pending.noteRow(entry.name);
      const unheardSinceMs = Math.max(entry.downSinceMs, entry.awaitedSinceMs);
      const isForgotten = entry.state === 'down' && nowMs - unheardSinceMs >= FORGET_AFTER_MS && !isNamed;
      if (isForgotten) this.#remove(entry, 'forgotten', nowMs);
      else if (isAbandoned(entry, isNamed || !this.#named.isHeard, nowMs)) this.#remove(entry, 'no balancer names it any more', nowMs);
    }
    return rates;
  }

  /** Updates the learned capacities, unless that was done less than `LEARN_MS` ago; call before each table. */
  learn(nowMs: number): void {
    if (nowMs - this.#learnedAtMs < LEARN_MS) return;
    this.#learnedAtMs = nowMs;
    const figuresOf = (name: string): HostFigures => freshFigures(this.#entries.get(name), nowMs);
    for (const name of this.#loads.learn(nowMs, figuresOf)) this.#pending.noteLoad(name);
  }

  /** The hosts that some balancers name with --host and others do not, as of the last tick. */
  get partlyNamed(): ReadonlyMap<string, PartlyNamed> {
    return this.#partlyNamed;
  }

  /** The published costs of requests, of all pools. */
  get costs(): Costs {
    return this.#costs.published;
  }

  /** The cost model's estimates. */
  costEstimates(): readonly CostEstimate[] {
    return this.#costs.estimates();
  }

  /** What changed since the last call. */
  takeChanges(nowMs: number): HostChanges {
    const pending = this.#pending.take({
      rowOf: (name) => {
        const row = this.row(name, nowMs);
        if (row !== undefined) this.#loads.publish(name);
        return row;
      },
      figuresOf: (name) => {
        const entry = this.#entries.get(name);
        return entry && figuresRowOf(entry, nowMs);
      },
      loadOf: (name) => {
        if (!this.#entries.has(name)) return undefined;
        const { inflight, work, capacity, speed, longLived } = this.#loads.publish(name);
        return { name, inflight, work, capacity, speed, longLived };
      },
    });
    return { ...pending, acks: this.#loads.takeAcks(), costs: this.#costs.takeChange() };
  }

  /** Has a host that is unknown here removed from Redis. */
  disown(name: string): void {
    if (!this.#entries.has(name)) this.#pending.noteStranger(name);
  }

  /** Whether there is anything to publish. */
  get hasChanges(): boolean {
    return !this.#pending.isEmpty || this.#loads.hasAcks || this.#costs.isChanged;
  }

  /** All rows of the table. */
  rows(nowMs: number): HostRow[] {
    return [...this.#entries.values()].map((entry) => rowOf(entry, this.#loads.of(entry.name), nowMs));
  }

  /** One row; undefined for an unknown host. */
  row(name: string, nowMs: number): HostRow | undefined {
    const entry = this.#entries.get(name);
    return entry && rowOf(entry, this.#loads.of(entry.name), nowMs);
  }

  #needsProbe(entry: HostEntry, nowMs: number): boolean {
    return this.#isAsked(entry) || !entry.hasAgent || entry.isContested || entry.state !== 'up' || isSilent(entry, nowMs);
  }

  /** Handles a goodbye that counts. */
  #signOff(entry: HostEntry, detail: string, nowMs: number): void {
    if (this.#named.isNamed(entry.name)) this.#loseAgent(entry, nowMs);
    else this.#remove(entry, detail, nowMs);
  }

  /** Handles a goodbye or long silence of a static host's agent: the host stays, as balancers name it, but its figures are discarded. */
  #loseAgent(entry: HostEntry, nowMs: number): void {
    dropAgent(entry, nowMs);
    this.#pending.noteRow(entry.name);
    this.#settle(entry, nowMs);
  }

  /** Applies the URL that live balancers name. A new URL makes it a new host of which nothing is known. */
  #settleUrl(name: string, nowMs: number): void {
    const known = this.#entries.get(name);
    const url = this.#named.urlOf(name, known?.url);
    if (url !== undefined && known?.url !== url) {
      if (known !== undefined) this.#remove(known, `balancers name ${url}`, nowMs);
      if (this.#entries.size >= MAX_HOSTS) return;
      this.#add(blankEntry(name, url, nowMs));
      this.#pending.addNews('host-joined', name, `${url}, static`);
    }
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    const authority = this.#named.authorityOf(name, entry.url) ?? entry.authority;
    const weight = this.#named.weightOf(name, entry.url);
    if (authority !== entry.authority || weight !== entry.weight) {
      entry.authority = authority;
      entry.weight = weight;
      this.#pending.noteRow(name);
    }
    this.#noteConflict(entry, nowMs);
  }

  /** Notes which balancers name a host and which do not. */
  #notePartlyNamed(nowMs: number): void {
    this.#partlyNamed = this.#named.partlyNamed(nowMs);
    for (const entry of this.#entries.values()) {
      const partlyNamed = this.#partlyNamed.get(entry.name) ?? null;
      const isSame = partlyNamed === entry.partlyNamed || JSON.stringify(partlyNamed) === JSON.stringify(entry.partlyNamed);
      if (isSame) continue;
      entry.partlyNamed = partlyNamed;
      this.#pending.noteRow(entry.name);
    }
  }

  /** Reports when a contradiction about a host's URL begins or ends. */
  #noteConflict(entry: HostEntry, nowMs: number): void {
    const conflict = conflictOf(entry, this.#named.contradiction(entry.name), nowMs);
    if (entry.conflict === conflict) return;
    entry.conflict = conflict;
    this.#pending.noteRow(entry.name);
    this.#pending.addNews('host-conflict', entry.name, conflict ?? `over: ${entry.url} is used`);
  }

  #add(entry: HostEntry): void {
    entry.isUnassigned = !this.#pools.has(poolOf(entry.name));
    this.#entries.set(entry.name, entry);
    this.#pending.noteMembership(entry.name);
  }

  #remove(entry: HostEntry, detail: string, nowMs: number): void {
    this.#entries.delete(entry.name);
    this.#loads.forgetLearned(entry.name, nowMs);
    this.#pending.noteLeft(entry.name);
    this.#pending.addNews('host-left', entry.name, detail);
  }

  /** The only place that changes a host's state: derives it from its checks and its agent. */
  #settle(entry: HostEntry, nowMs: number): void {
    const before = entry.state;
    const state = entry.checks.isDown ? 'down' : entry.hasAgent && isSilent(entry, nowMs) ? 'silent' : 'up';
    if (before === state) return;
    entry.state = state;
    this.#pending.noteMembership(entry.name);
    this.#pending.addNews(`host-${state}`, entry.name, reasonFor(entry, before, this.#isAsked(entry)));
  }

  #isAsked({ name }: HostEntry): boolean {
    const { healthPath, healthGrpc } = this.#rulesOf(poolOf(name));
    return healthPath !== '' || healthGrpc !== null;
  }
}
