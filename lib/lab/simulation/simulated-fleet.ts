// The balancers and their master: mastership over time, and the messages between them. The lease itself is not simulated:
// when a master dies or Redis is down, the next one takes over as soon as in the product.

import type { HostTable, LoadMessage, Report } from '../../model.js';
import { TRAFFIC_DEFAULTS } from '../../config/traffic-config.js';
import { DEFAULTS } from '../../config/config.js';
import { isNewer } from '../../table/stamp.js';
import { Agents } from './agents.js';
import { Coordination } from './coordination.js';
import { Draws } from './draws.js';
import { FleetBalancer } from './fleet-balancer.js';
import { hostIndexOf, hostNameOf } from './host-names.js';
import { ADAPTATIONS, FleetMaster } from './fleet-master.js';
import { FleetUpkeep } from './fleet-upkeep.js';
import { HOST_ABSENT, HOST_SILENT, isStanding } from './host-machines.js';
import { Network, type Way } from './network.js';
import { FLEET_THREAD, HOSTS_THREAD } from './processor.js';
import type { SimulatedFleetOptions } from './simulated-fleet-options.js';

/** As in lib/fleet/table-sync.ts. */
const RETRY_SNAPSHOT_MS = 200;

/** Takeover time after the lease has expired: the retry interval, a round trip, and the succession step. */
const TAKEOVER_MS = 150;

/** Maximum lateness of timers. */
const TIMER_JITTER_MS = 1;

/** All balancers of one simulation. */
export class SimulatedFleet {
  readonly balancers: readonly FleetBalancer[];
  readonly network: Network;
  readonly agents: Agents;
  readonly #options: SimulatedFleetOptions;
  readonly #draws: Draws;
  readonly #coordination: Coordination;
  readonly #toMaster: readonly Way[];
  readonly #fromMaster: readonly Way[];
  readonly #fromHosts: readonly Way[];
  readonly #isReading: Uint8Array;
  readonly #upkeep: FleetUpkeep;
  /** Whether balancers send load messages, and the time of each one's next turn. */
  readonly #hasLoads: boolean;
  readonly #turnAtMs: Float64Array;
  #hasStarted = false;
  #master: FleetMaster | null = null;
  #snapshot: HostTable | null = null;
  #term = 0;

  constructor(options: SimulatedFleetOptions) {
    const { scenario, balancers, seed, machines, queue, clock } = options;
    this.#options = options;
    this.#draws = new Draws(seed, 4);
    this.#coordination = new Coordination(options.processors ?? null, scenario.balancerCost, machines.count);
    this.network = new Network(queue, clock, new Draws(seed, 5), scenario.messages, options.redis);
    this.agents = new Agents(machines, queue, clock, new Draws(seed, 6), scenario.reportMs, (host, report) => {
      this.network.send(this.#fromHosts[host] as Way, this.#onReport, host, report, this.network.publish(1, 1));
    });
    const hasAgents = scenario.reportMs !== Number.POSITIVE_INFINITY;
    const statics = hasAgents
      ? []
      : Array.from({ length: machines.count }, (_, host) => ({ name: hostNameOf(host), url: `http://${hostNameOf(host)}` }));
    const ways = (count: number): Way[] => Array.from({ length: count }, () => ({ lastMs: 0 }));
    this.#toMaster = ways(balancers);
    this.#fromMaster = ways(balancers);
    this.#fromHosts = ways(machines.count);
    this.#isReading = new Uint8Array(balancers);
    this.#hasLoads = options.hasExchange && scenario.exchangeMs !== Number.POSITIVE_INFINITY;
    this.#turnAtMs = new Float64Array(balancers).fill(Number.POSITIVE_INFINITY);
    const { requests, isCostKnown, exchangeMs } = scenario;
    this.balancers = Array.from(
      { length: balancers },
      (_, index) =>
        new FleetBalancer({
          index,
          balancers,
          hosts: machines.count,
          statics,
          requests,
          isCostKnown,
          exchangeMs,
          hasBudget: !this.#coordination.isFree,
          startMs: clock(),
        }),
    );
    this.#upkeep = new FleetUpkeep({
      balancers: this.balancers,
      coordination: this.#coordination,
      queue,
      clock,
      master: () => this.masterIndex,
      isWell: (host) => isStanding(machines.standing[host] as number),
    });
    if (!this.#coordination.isFree)
      for (const balancer of this.balancers)
        for (let i = 0; i < ADAPTATIONS; i++)
          balancer.adapt(this.#coordination.expectedBusy(FLEET_THREAD, balancer.everyMs, balancers, machines.count));
    this.#becomeMaster(0);
    // The fleet has been running for a while: every balancer knows every host that exists.
    for (let host = 0; host < machines.count; host++)
      if (hasAgents && machines.standing[host] !== HOST_ABSENT) this.#master?.onReport(this.agents.reportOf(host));
    this.#master?.flush();
    if (this.#snapshot !== null) for (const balancer of this.balancers) balancer.takeTable(this.#snapshot, true, clock());
  }

  start(): void {
    const { clock } = this.#options;
    this.#hasStarted = true;
    this.agents.start();
    for (const balancer of this.balancers) {
      this.#upkeep.start(balancer.index, this.#draws);
      if (!this.#hasLoads) continue;
      balancer.loadAtMs = clock() + balancer.loadEveryMs * this.#draws.uniform();
      this.#awaitTurn(balancer);
    }
  }

  /** Starts the process of a balancer that has died; it becomes master only when there is none. */
  revive(index: number): void {
    const balancer = this.balancers[index] as FleetBalancer;
    balancer.isAlive = true;
    balancer.restart();
    this.#readSnapshot(index, 0);
    this.#upkeep.resume(index);
    if (!this.#hasLoads) return;
    this.#turnAtMs[index] = Number.POSITIVE_INFINITY;
    balancer.loadAtMs = this.#options.clock();
    this.#awaitTurn(balancer);
  }

  /** Kills a balancer; if it was the master, another one takes over. */
  kill(index: number): void {
    (this.balancers[index] as FleetBalancer).isAlive = false;
    if (this.#master?.balancer !== index) return;
    this.#master.stop();
    this.#master = null;
    // The last renewal was up to a third of the TTL ago.
    const leftMs = DEFAULTS.leaseTtlMs * (1 - this.#draws.uniform() / 3);
    this.#electIn(leftMs + TAKEOVER_MS);
  }

  /** Index of the master; -1 if there is none. */
  get masterIndex(): number {
    return this.#master?.balancer ?? -1;
  }

  /** Takes Redis down for this long; its data survives. */
  loseRedis(forMs: number): void {
    const { queue, clock } = this.#options;
    this.network.isRedisAway = true;
    const isLeaseLost = forMs >= DEFAULTS.leaseTtlMs;
    if (isLeaseLost) {
      queue.schedule(
        clock() + DEFAULTS.leaseTtlMs,
        () => {
          this.#master?.stop();
          this.#master = null;
        },
        0,
        undefined,
      );
    }
    queue.schedule(
      clock() + forMs,
      () => {
        this.network.isRedisAway = false;
        if (isLeaseLost) this.#electIn(TAKEOVER_MS);
        else this.#master?.resume();
        // After an outage every balancer reads the snapshot.
        for (const { index } of this.balancers) this.#readSnapshot(index, 0);
      },
      0,
      undefined,
    );
  }

  #electIn(inMs: number): void {
    this.#options.queue.schedule(
      this.#options.clock() + inMs,
      () => {
        const next = this.balancers.find(({ isAlive }) => isAlive);
        if (this.#master === null && next !== undefined && !this.network.isRedisAway) this.#becomeMaster(next.index);
      },
      0,
      undefined,
    );
  }

  #becomeMaster(index: number): void {
    const { queue, clock, machines } = this.#options;
    const { writer, costs } = this.balancers[index] as FleetBalancer;
    const snapshot = this.#snapshot;
    const isStoredNewer = snapshot !== null && isNewer(snapshot.stamp, writer.stamp);
    const standing = (name: string): number => machines.standing[hostIndexOf(name)] as number;
    this.#master = new FleetMaster({
      term: ++this.#term,
      balancer: index,
      rows: isStoredNewer ? snapshot.hosts : writer.rows(clock()),
      costs: (isStoredNewer ? snapshot.costs : null) ?? costs.published,
      queue,
      clock,
      isWell: (name) => isStanding(standing(name)),
      checkMs: (name) => (standing(name) === HOST_SILENT ? TRAFFIC_DEFAULTS.healthTimeoutMs : 1),
      publish: (table, whole) => {
        // The first table was there before.
        if (this.#hasStarted) this.#coordination.masterTable(index, { table, whole }, this.#onPublish);
        else this.#onPublish(index, { table, whole });
      },
      ...(!this.#coordination.isFree && {
        phase: this.#draws.uniform(),
        busyShare: () => this.#coordination.busyShare(index, HOSTS_THREAD, clock()),
        expectedBusy: (everyMs: number) => this.#coordination.expectedBusy(HOSTS_THREAD, everyMs, this.balancers.length, machines.count),
      }),
    });
    if (this.#term > 1) this.#master.flush();
  }

  readonly #onPublish = (_: number, { table, whole }: { readonly table: HostTable; readonly whole: HostTable | null }): void => {
    const { tableDelayMs } = this.#options.scenario.messages;
    if (whole !== null && !this.network.isRedisAway) this.#snapshot = whole;
    const living = this.balancers.reduce((count, { isAlive }) => count + (isAlive ? 1 : 0), 0);
    const heldMs = tableDelayMs + this.network.publish(living, this.#coordination.rowsOf(table));
    for (const { index, isAlive } of this.balancers) {
      if (isAlive) this.network.send(this.#fromMaster[index] as Way, this.#onTable, index, table, heldMs);
    }
  };

  readonly #onReport = (_: number, report: Report): void => {
    if (this.#master !== null) this.#coordination.report(this.#master.balancer, report, this.#onReportTaken);
  };

  readonly #onReportTaken = (_: number, report: Report): void => this.#master?.onReport(report);

  readonly #onLoad = (_: number, message: LoadMessage): void => {
    if (this.#master !== null) this.#coordination.masterLoad(this.#master.balancer, message, this.#onLoadTaken);
  };

  readonly #onLoadTaken = (_: number, message: LoadMessage): void => this.#master?.onLoad(message);

  readonly #onTable = (index: number, table: HostTable): void => {
    if ((this.balancers[index] as FleetBalancer).isAlive) this.#coordination.table(index, table, this.#onTableTaken);
  };

  readonly #onTableTaken = (index: number, table: HostTable): void => this.#take(index, table, false);

  #take(index: number, table: HostTable, isSnapshot: boolean): void {
    const balancer = this.balancers[index] as FleetBalancer;
    const { clock } = this.#options;
    if (!balancer.isAlive) return;
    if (balancer.takeTable(table, isSnapshot, clock())) this.#readSnapshot(index, RETRY_SNAPSHOT_MS);
    if (!this.#hasLoads) return;
    if (balancer.answersTable(clock())) this.#sendLoad(balancer);
    else this.#awaitTurn(balancer);
  }

  #readSnapshot(index: number, inMs: number): void {
    if (this.#isReading[index] === 1) return;
    this.#isReading[index] = 1;
    const { queue, clock, scenario } = this.#options;
    queue.schedule(clock() + inMs + this.network.delayMs() + scenario.messages.tableDelayMs, this.#onSnapshot, index, this.#snapshot);
  }

  readonly #onSnapshot = (index: number, snapshot: HostTable | null): void => {
    this.#isReading[index] = 0;
    if (snapshot !== null && !this.network.isRedisAway) this.#take(index, snapshot, true);
  };

  /** Schedules the next load message, unless its due time moves. */
  #awaitTurn({ index, loadAtMs }: FleetBalancer): void {
    if (loadAtMs >= (this.#turnAtMs[index] as number)) return;
    this.#turnAtMs[index] = loadAtMs;
    this.#options.queue.schedule(loadAtMs + TIMER_JITTER_MS * this.#draws.uniform(), this.#onTurn, index, loadAtMs);
  }

  readonly #onTurn = (index: number, plannedAtMs: number): void => {
    const balancer = this.balancers[index] as FleetBalancer;
    // The turn was rescheduled meanwhile.
    if (!balancer.isAlive || plannedAtMs !== this.#turnAtMs[index]) return;
    this.#turnAtMs[index] = Number.POSITIVE_INFINITY;
    if (balancer.loadAtMs <= this.#options.clock()) this.#sendLoad(balancer);
    else this.#awaitTurn(balancer);
  };

  #sendLoad(balancer: FleetBalancer): void {
    const message = balancer.nextLoad(!this.network.isRedisAway, this.#options.clock());
    this.#awaitTurn(balancer);
    if (message !== undefined) this.#coordination.load(balancer.index, message, this.#onLoadReady);
  }

  readonly #onLoadReady = (index: number, message: LoadMessage): void =>
    this.network.send(this.#toMaster[index] as Way, this.#onLoad, index, message, this.network.publish(1, message.hosts.length));
}
