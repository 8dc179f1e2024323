// What this balancer's requests and hosts did since it was last asked: differences of the cumulative cells that the traffic
// thread counts in. A pool or host that gets another's index or slot starts anew. Work in proportion to the pools and
// to the hosts that had traffic; does no I/O.

import type { HostTraffic, PoolTraffic } from '../fleet-figures.js';
import { LATENCY_BUCKETS } from '../table/latency-buckets.js';
import { CODE_CELLS, METHOD_CELLS, type TrafficColumns } from '../table/layout.js';
import type { NamedPool } from '../table/pool-indexes.js';
import type { SlotHost } from '../table/slots.js';
import { NO_POOL_INDEX } from '../table/traffic-cells.js';

/** The cells that are read. */
export type CountedColumns = Pick<
  TrafficColumns,
  | 'answers'
  | 'poolErrors'
  | 'poolLatency'
  | 'poolLatencySumMs'
  | 'openRequests'
  | 'attempts'
  | 'hostErrors'
  | 'hostLatency'
  | 'hostLatencySumMs'
  | 'ejectedUntil'
  | 'known'
>;

/** Cells of `answers` of each pool. */
const ANSWER_CELLS = METHOD_CELLS * CODE_CELLS;

/** Requests of no pool have a row of their own, under this name. */
const NO_POOL_NAME = '';

/** The cells of a pool or host as they last were. */
interface Before {
  readonly name: string;
  /** Requests or attempts. */
  count: number;
  errors: number;
  sumMs: number;
  /** By bucket; undefined while all are 0. */
  latency: Float64Array | Uint32Array | undefined;
}

/** What happened between two readings. */
export interface TrafficSince {
  readonly pools: readonly PoolTraffic[];
  readonly hosts: readonly HostTraffic[];
}

/** Reads the traffic of one balancer. */
export class OwnTraffic {
  readonly #columns: CountedColumns;
  readonly #pools = new Map<number, Before>();
  readonly #hosts = new Map<number, Before>();
  #isFirst = true;

  constructor(columns: CountedColumns) {
    this.#columns = columns;
  }

  /**
   * What happened since the previous call; nothing at the first one. Pools and hosts without traffic, nothing in flight and
   * no ejection are left out.
   * @param whyEjected why this balancer has ejected a host, if that is known
   */
  take(pools: readonly NamedPool[], hosts: readonly SlotHost[], whyEjected: (host: string) => string | undefined): TrafficSince {
    const taken = {
      pools: [...pools, [NO_POOL_NAME, NO_POOL_INDEX] as const].flatMap(([name, index]) => this.#pool(name, index) ?? []),
      hosts: hosts.flatMap(({ name, slot }) => this.#host(name, slot, whyEjected) ?? []),
    };
    this.#isFirst = false;
    return taken;
  }

  #pool(name: string, index: number): PoolTraffic | undefined {
    const { answers, poolErrors, poolLatency, poolLatencySumMs, openRequests } = this.#columns;
    let requests = 0;
    for (let cell = index * ANSWER_CELLS; cell < (index + 1) * ANSWER_CELLS; cell++) requests += answers[cell] as number;
    const now = { count: requests, errors: poolErrors[index] as number, sumMs: poolLatencySumMs[index] as number };
    const cells = rowOf(poolLatency, index);
    const known = this.#pools.get(index);
    // The cells of an index that had another pool go on from where they were.
    const isTakenOver = known !== undefined && known.name !== name;
    const before = known?.name === name ? known : this.#begin(this.#pools, index, name, this.#isFirst || isTakenOver, now, cells);
    const since = difference(before, now, cells);
    const inflight = Math.max(0, openRequests[index] as number);
    if (since === undefined && inflight === 0) return undefined;
    return { name, requests: since?.count ?? 0, errors: since?.errors ?? 0, inflight, latency: since?.latency ?? [] };
  }

  #host(name: string, slot: number, whyEjected: (host: string) => string | undefined): HostTraffic | undefined {
    const { attempts, hostErrors, hostLatency, hostLatencySumMs, ejectedUntil, known: isKnown } = this.#columns;
    // Until the traffic thread knows the host, the cells may be an earlier host's; then it resets them.
    if (isKnown[slot] !== 1) {
      this.#hosts.delete(slot);
      return undefined;
    }
    const now = { count: attempts[slot] as number, errors: hostErrors[slot] as number, sumMs: hostLatencySumMs[slot] as number };
    const known = this.#hosts.get(slot);
    const isEjected = (ejectedUntil[slot] as number) > 0;
    // Most hosts of a large fleet are idle: their cells are not looked at.
    if (known === undefined && now.count === 0 && !isEjected) return undefined;
    const cells = rowOf(hostLatency, slot);
    const before = known?.name === name ? known : this.#begin(this.#hosts, slot, name, this.#isFirst, now, cells);
    const since = difference(before, now, cells);
    if (since === undefined && !isEjected) return undefined;
    return {
      name,
      attempts: since?.count ?? 0,
      errors: since?.errors ?? 0,
      latency: since?.latency ?? [],
      ...(isEjected && { ejected: whyEjected(name) ?? 'unknown' }),
    };
  }

  /** @param isOld whether the cells count what was before */
  #begin(
    records: Map<number, Before>,
    at: number,
    name: string,
    isOld: boolean,
    now: Omit<Before, 'name' | 'latency'>,
    cells: Float64Array | Uint32Array,
  ): Before {
    const before: Before = isOld
      ? { name, ...now, latency: now.sumMs > 0 ? cells.slice() : undefined }
      : { name, count: 0, errors: 0, sumMs: 0, latency: undefined };
    records.set(at, before);
    return before;
  }
}

function rowOf<Cells extends Float64Array | Uint32Array>(cells: Cells, row: number): Cells {
  return cells.subarray(row * LATENCY_BUCKETS, (row + 1) * LATENCY_BUCKETS) as Cells;
}

/** What has grown; undefined if nothing has. Brings the record up to date. */
function difference(
  before: Before,
  now: Omit<Before, 'name' | 'latency'>,
  cells: Float64Array | Uint32Array,
): { readonly count: number; readonly errors: number; readonly latency: readonly number[] } | undefined {
  // Reset: the slot or index was given away and came back under the same name.
  if (now.count < before.count) {
    before.count = before.errors = before.sumMs = 0;
    before.latency = undefined;
  }
  const [count, errors, hasLatency] = [now.count - before.count, Math.max(0, now.errors - before.errors), now.sumMs !== before.sumMs];
  if (count === 0 && errors === 0 && !hasLatency) return undefined;
  Object.assign(before, now);
  return { count, errors, latency: hasLatency ? growth(before, cells) : [] };
}

function growth(before: Before, cells: Float64Array | Uint32Array): number[] {
  before.latency ??= cells instanceof Uint32Array ? new Uint32Array(LATENCY_BUCKETS) : new Float64Array(LATENCY_BUCKETS);
  const { latency } = before;
  const grown: number[] = [];
  const wraps = cells instanceof Uint32Array;
  for (let bucket = 0; bucket < LATENCY_BUCKETS; bucket++) {
    const cell = cells[bucket] as number;
    const was = latency[bucket] as number;
    if (cell === was) continue;
    grown.push(bucket, wraps ? (cell - was) >>> 0 : cell - was);
    latency[bucket] = cell;
  }
  return grown;
}
