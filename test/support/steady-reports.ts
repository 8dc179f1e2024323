// A small fleet in virtual time, put together of what the product routes and learns with: a policy, one balancer, the
// master's registry, and hosts whose reports never change, whatever they have to do.

import { MinHeap } from '../../lib/lab/simulation/min-heap.js';
import { Draws } from '../../lib/lab/simulation/draws.js';
import { EventQueue } from '../../lib/lab/simulation/event-queue.js';
import { FleetBalancer, UPKEEP_MS } from '../../lib/lab/simulation/fleet-balancer.js';
import { hostNameOf } from '../../lib/lab/simulation/host-names.js';
import { FleetMaster } from '../../lib/lab/simulation/fleet-master.js';
import type { Algorithm, HostFigures, HostRow } from '../../lib/model.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { Random } from '../../lib/routing/random.js';

/** How often each host reports. */
const REPORT_MS = 1000;

const REQUEST = 'GET /page';

/** What a request is, in milliseconds of CPU. */
const COST_MS = 20;

/** How long each takes: up to this share less or more than its work. */
const JITTER = 0.2;

const REQUEST_CLASS = { request: REQUEST, share: 1, costMs: COST_MS, spread: 'fixed', sigma: 0 } as const;

/** What an earlier master believed of a host. */
export type Belief = Pick<HostRow, 'capacity' | 'speed'>;

/** What the fleet is made of. */
export interface SteadyOptions {
  readonly algorithm: Algorithm;
  /** What each host says of itself, always; null: it has no agent. */
  readonly reports: readonly (Pick<HostFigures, 'cpu' | 'cores'> | null)[];
  readonly beliefs?: readonly Belief[];
  readonly seed?: number;
}

/** The fleet, which requests are sent through. */
export interface SteadyFleet {
  readonly balancer: FleetBalancer;
  /**
   * Sends requests at random times for this long.
   * @param slowness how many times as long a request takes on each host as its work does; Infinity: it is never answered
   * @returns how many went to each host, and when (virtual time) each of those was sent
   */
  serve(
    seconds: number,
    rps: number,
    slowness?: readonly number[],
    status?: readonly number[],
  ): { readonly counts: readonly number[]; readonly sentAtMs: readonly (readonly number[])[] };
}

/** Builds the fleet; nothing has been sent yet. */
export function steadyFleet({ algorithm, reports, beliefs, seed = 1 }: SteadyOptions): SteadyFleet {
  let nowMs = 1000;
  const queue = new EventQueue();
  const clock = (): number => nowMs;
  const arrivals = new Draws(seed, 1);
  const names = reports.map((_, host) => hostNameOf(host));
  const statics = names.filter((_, host) => reports[host] === null).map((name) => ({ name, url: `http://${name}` }));
  const rows = (beliefs ?? []).map(
    ({ capacity, speed }, host): HostRow => ({
      name: hostNameOf(host),
      url: `http://${hostNameOf(host)}`,
      state: 'up',
      isStatic: reports[host] === null,
      cpu: null,
      memory: null,
      cores: null,
      rps: null,
      ageMs: null,
      inflight: 0,
      longLived: 0,
      open: 0,
      fleetRps: 0,
      work: 0,
      capacity,
      speed,
    }),
  );
  const balancer = new FleetBalancer({
    index: 0,
    balancers: 1,
    hosts: reports.length,
    statics,
    requests: [REQUEST_CLASS],
    isCostKnown: true,
    exchangeMs: null,
    startMs: nowMs,
  });
  const master = new FleetMaster({
    term: 1,
    balancer: 0,
    rows,
    costs: [[REQUEST, COST_MS]],
    queue,
    clock,
    isWell: () => true,
    checkMs: () => 1,
    publish: (table) => {
      balancer.takeTable(table, false, nowMs);
      if (balancer.answersTable(nowMs)) say();
    },
  });
  const policy = createPolicy(algorithm, new Random(seed));
  const open = new MinHeap<{ readonly slot: number; readonly sentMs: number; readonly status: number }>();
  const say = (): void => {
    const message = balancer.nextLoad(true, nowMs);
    if (message !== undefined) master.onLoad(message);
  };
  const every = (ms: number, run: () => void): void =>
    queue.schedule(
      nowMs + ms,
      () => {
        run();
        every(ms, run);
      },
      0,
      undefined,
    );
  const turn = (): void => {
    if (nowMs >= balancer.loadAtMs) say();
    queue.schedule(Math.max(balancer.loadAtMs, nowMs + 1), turn, 0, undefined);
  };
  const report = (): void => {
    for (const [host, figures] of reports.entries()) {
      const name = hostNameOf(host);
      if (figures !== null)
        master.onReport({ host: name, url: `http://${name}`, ...figures, memory: null, rps: null, bye: false, intervalMs: REPORT_MS });
    }
  };
  const passTo = (toMs: number): void => {
    for (;;) {
      const nextMs = Math.min(queue.nextMs, open.size === 0 ? Number.POSITIVE_INFINITY : open.least);
      if (nextMs > toMs) break;
      nowMs = nextMs;
      if (open.size > 0 && open.least === nextMs) {
        const { slot, sentMs, status } = open.pop();
        balancer.end(slot, 0, balancer.expectedCost(0), sentMs, 'ok', status, nowMs);
      } else {
        queue.runNext();
      }
    }
    nowMs = toMs;
  };
  report();
  master.flush();
  every(REPORT_MS, report);
  every(UPKEEP_MS, () => balancer.upkeep(nowMs, () => true));
  turn();
  // All hosts are known, and nobody warms up.
  passTo(nowMs + 5000);

  return {
    balancer,
    serve(seconds, rps, slowness = [], status = []) {
      const endMs = nowMs + seconds * 1000;
      const sentAtMs: number[][] = reports.map(() => []);
      for (;;) {
        const nextMs = nowMs + arrivals.exponential(1000 / rps);
        if (nextMs >= endMs) break;
        passTo(nextMs);
        const cost = balancer.expectedCost(0);
        const slot = policy.pick(balancer.view, nowMs, -1, cost);
        const host = balancer.hostOf[slot] as number;
        balancer.begin(slot, cost, nowMs);
        sentAtMs[host]?.push(nowMs);
        const tookMs = COST_MS * (1 - JITTER + 2 * JITTER * arrivals.uniform()) * (slowness[host] ?? 1);
        if (tookMs !== Number.POSITIVE_INFINITY) open.push(nowMs + tookMs, { slot, sentMs: nowMs, status: status[host] ?? 200 });
      }
      passTo(endMs);
      return { counts: sentAtMs.map(({ length }) => length), sentAtMs };
    },
  };
}
