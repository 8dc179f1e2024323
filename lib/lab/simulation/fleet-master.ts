// One simulated mastership: the product's own host registry, fed with reports and load messages, and flushes of the host
// table at the product's intervals (lib/hosts/mastership.ts), in virtual time.

import { HostRegistry, TICK_MS } from '../../hosts/host-registry.js';
import { SNAPSHOT_EVERY_MS } from '../../hosts/stored-hashes.js';
import type { Costs, HostRow, HostTable, LoadMessage, Report } from '../../model.js';
import { ExchangeBudget, gatherMs, loadIntervalMs } from '../../redis/load-interval.js';
import { TRAFFIC_DEFAULTS } from '../../config/traffic-config.js';
import type { EventQueue } from './event-queue.js';

/** Adaptations of the interval after which it changes no more. */
export const ADAPTATIONS = 8;

/** Options of a mastership. */
export interface FleetMasterOptions {
  readonly term: number;
  /** The master's balancer. */
  readonly balancer: number;
  /** That balancer's knowledge of the hosts. */
  readonly rows: readonly HostRow[];
  readonly costs: Costs;
  readonly queue: EventQueue;
  readonly clock: () => number;
  /** Whether a host answers a check. */
  readonly isWell: (host: string) => boolean;
  /** Duration of a host check, with or without an answer. */
  readonly checkMs: (host: string) => number;
  /** Publishes a table to all balancers, and stores the snapshot if there is one. */
  readonly publish: (table: HostTable, snapshot: HostTable | null) => void;
  /** Share of the time since the last call in which its thread was busy; absent: the exchange costs no CPU. */
  readonly busyShare?: () => number;
  /** Estimates that share for an interval, before it is measured. */
  readonly expectedBusy?: (everyMs: number) => number;
  /** How much of the interval (0..1) has passed before its first look at that; 0 unless set. */
  readonly phase?: number;
}

/** The master during one mastership. */
export class FleetMaster {
  readonly balancer: number;
  readonly registry = new HostRegistry();
  readonly #options: FleetMasterOptions;
  /** Null: the interval need not grow. */
  readonly #budget: ExchangeBudget | null;
  #isStopped = false;
  #flushAtMs = Number.POSITIVE_INFINITY;
  #isFullDue = true;
  #seq = 0;
  #snapshotAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: FleetMasterOptions) {
    this.#options = options;
    this.balancer = options.balancer;
    this.#budget = options.busyShare === undefined ? null : new ExchangeBudget();
    this.registry.seed(options.rows, options.clock(), options.costs);
    if (this.#budget !== null && options.expectedBusy !== undefined)
      for (let i = 0; i < ADAPTATIONS; i++) this.#budget.take(options.expectedBusy(this.#everyMs()));
    this.#again(TICK_MS, this.#tick, options.phase);
    this.#again(TRAFFIC_DEFAULTS.healthIntervalMs, this.#check);
  }

  get term(): number {
    return this.#options.term;
  }

  onReport(report: Report): void {
    this.registry.onReport(report, this.#options.clock());
    this.#flushSoon();
  }

  onLoad(message: LoadMessage): void {
    this.registry.onLoad(message, this.#options.clock());
    this.#flushSoon(true);
  }

  /** Makes the next table a full one, after an outage of Redis. */
  resume(): void {
    this.#isFullDue = true;
    this.#flushSoon();
  }

  /** Publishes at once. */
  flush(): void {
    this.#flushAtMs = Number.POSITIVE_INFINITY;
    if (this.#isStopped) return;
    const { term, clock, publish } = this.#options;
    const nowMs = clock();
    const isFull = this.#isFullDue;
    this.#isFullDue = false;
    this.registry.learn(nowMs);
    const changes = this.registry.takeChanges(nowMs);
    const allRows = isFull || changes.isMembership || nowMs - this.#snapshotAtMs >= SNAPSHOT_EVERY_MS ? this.registry.rows(nowMs) : null;
    const previousSeq = this.#seq++;
    const stamp = { term, mastership: String(term), seq: this.#seq };
    const { acks } = changes;
    const whole: HostTable | null = allRows && {
      stamp,
      isFull: true,
      previousSeq: stamp.seq,
      hosts: allRows,
      figures: [],
      loads: [],
      acks,
      costs: this.registry.costs,
      gone: [],
    };
    if (whole !== null) this.#snapshotAtMs = nowMs;
    const part: HostTable = {
      stamp,
      isFull: false,
      previousSeq,
      hosts: changes.rows,
      figures: changes.figures,
      loads: changes.loads,
      acks,
      costs: changes.costs,
      gone: changes.gone,
      ...(this.#budget !== null && { everyMs: this.#everyMs() }),
    };
    publish(isFull && whole !== null ? whole : part, whole);
  }

  stop(): void {
    this.#isStopped = true;
  }

  #flushSoon(isLoadAlone = false): void {
    if (!(this.registry.hasChanges || this.#isFullDue)) return;
    const { queue, clock } = this.#options;
    const atMs = clock() + gatherMs(this.#everyMs(), isLoadAlone);
    // Reports may not wait as long as loads alone.
    if (atMs >= this.#flushAtMs) return;
    this.#flushAtMs = atMs;
    queue.schedule(atMs, this.#onFlush, 0, undefined);
  }

  #everyMs(): number {
    const { balancers, size } = this.registry;
    return this.#budget === null ? loadIntervalMs(balancers, size) : this.#budget.intervalMs(balancers, size);
  }

  readonly #onFlush = (): void => {
    // Skip if an earlier flush has published it.
    if (this.#options.clock() >= this.#flushAtMs) this.flush();
  };

  readonly #tick = (): void => {
    const nowMs = this.#options.clock();
    const { busyShare } = this.#options;
    if (busyShare !== undefined) this.#budget?.take(busyShare());
    this.registry.tick(nowMs);
    this.registry.learn(nowMs);
    this.#flushSoon();
  };

  readonly #check = (): void => {
    const { clock, queue, checkMs } = this.#options;
    for (const { name } of this.registry.hostsToProbe(clock())) queue.schedule(clock() + checkMs(name), this.#onChecked, 0, name);
  };

  readonly #onChecked = (_: number, name: string): void => {
    if (this.#isStopped || this.registry.row(name, this.#options.clock()) === undefined) return;
    this.registry.onProbe(name, this.#options.isWell(name), this.#options.clock());
    this.#flushSoon();
  };

  /** Runs the function at this interval until the end of the mastership. */
  #again(everyMs: number, run: () => void, phase = 0): void {
    const { queue, clock } = this.#options;
    const next = (): void => {
      if (this.#isStopped) return;
      run();
      queue.schedule(clock() + everyMs, next, 0, undefined);
    };
    queue.schedule(clock() + everyMs * (1 - phase), next, 0, undefined);
  }
}
