// Measures one policy on one table, in a process of its own: as in a balancer there is only one policy, so that V8
// optimizes the pick in the same way.

import { monotonicClock } from '../clock.js';
import { parseAlgorithm } from '../config/config.js';
import type { HostRow, Policy } from '../model.js';
import { createPolicy } from '../routing/policy.js';
import { Random } from '../routing/random.js';
import { counterOf } from '../table/counters.js';
import { setFleetFigure, setOthers } from '../table/fleet-cells.js';
import { createTable, openTable, type TableColumns } from '../table/layout.js';
import { TableReader } from '../table/reader.js';
import { TableWriter } from '../table/writer.js';
import { pause } from './health.js';
import { median } from './statistics.js';

/** Picks between two heap readings: few enough that a garbage collection in between is rare. */
const PICKS_PER_LOOK = 1000;
const LOOKS = 101;

const WARM_UP_PICKS = 300_000;

/** Runs the role `pick ALGORITHM HOSTS REPETITIONS SECONDS`; sends `{ type: 'picked', … }` and exits. */
export async function runPicker([algorithm = '', hosts = '0', repetitions = '1', seconds = '1']: readonly string[]): Promise<() => void> {
  const count = Number(hosts);
  const clock = monotonicClock();
  const nowMs = clock();
  const view = fillTable(count, nowMs);
  const policy = createPolicy(parseAlgorithm(algorithm), new Random(1));
  const pickMany = (times: number): number => {
    let sum = 0;
    for (let i = 0; i < times; i++) sum += policy.pick(view, nowMs, -1, 10);
    return sum;
  };
  process.send?.({ type: 'ready' });

  const wrong = checkPicks(policy, view, count, nowMs);
  pickMany(WARM_UP_PICKS);
  // Determine the number of picks for one repetition of the requested length.
  const trialMs = clock();
  pickMany(WARM_UP_PICKS);
  const times = Math.max(1000, Math.round((WARM_UP_PICKS * Number(seconds) * 1000) / (clock() - trialMs)));
  const ns: number[] = [];
  for (let i = 0; i < Number(repetitions); i++) {
    const startMs = clock();
    pickMany(times);
    ns.push(((clock() - startMs) * 1e6) / times);
    // Let signals and the end of the parent be handled.
    await pause(0);
  }
  process.send?.({ type: 'picked', ns, times, bytes: bytesPerCall(pickMany), wrong });
  process.disconnect?.();
  return () => undefined;
}

/** The real table with this number of hosts, each with its own figures and a report up to a second old. */
function fillTable(count: number, nowMs: number): TableReader {
  const random = new Random(7);
  const hosts = Array.from(
    { length: count },
    (_, index): HostRow => ({
      name: `host-${index}`,
      url: `http://127.0.0.1:${10_000 + index}`,
      state: 'up',
      isStatic: false,
      cpu: random.below(1000) / 1000,
      memory: random.below(1000) / 1000,
      cores: 4,
      rps: 100,
      ageMs: random.below(1000),
      inflight: random.below(8),
      longLived: 0,
      open: 0,
      fleetRps: 100,
      work: random.below(200),
      capacity: 1 + random.below(300) / 100,
      speed: 1,
    }),
  );
  const { columns, writer } = openTableOf(hosts, nowMs);
  writer.refreshNeutral(nowMs);
  // As after a fresh table message, with other balancers' requests.
  for (let slot = 0; slot < columns.slots; slot++) setOthers(columns, slot, random.below(8), random.below(200));
  setFleetFigure(columns, 'loadsAt', nowMs);
  setFleetFigure(columns, 'othersShare', 0.9);
  setFleetFigure(columns, 'meanCost', 17);
  return new TableReader(columns);
}

/** The real table with these hosts, all of which may be picked. */
export function openTableOf(hosts: readonly HostRow[], nowMs: number): { columns: TableColumns; writer: TableWriter } {
  const columns = openTable(createTable());
  columns.known.fill(1);
  const writer = new TableWriter(columns, counterOf(columns.counters));
  writer.apply(
    {
      stamp: { term: 1, mastership: '1', seq: 1 },
      isFull: true,
      previousSeq: 1,
      hosts,
      figures: [],
      loads: [],
      acks: [],
      costs: null,
      gone: [],
    },
    nowMs,
  );
  writer.rebuildCandidates(nowMs);
  return { columns, writer };
}

/** Checks that every pick is a candidate and not the excluded host, and that every host gets picked. */
function checkPicks(policy: Policy, view: TableReader, count: number, nowMs: number): string[] {
  const candidates = new Set(view.candidates().subarray(1, 1 + count));
  const picked = new Set<number>();
  const wrong: string[] = [];
  for (let i = 0; i < count * 20; i++) {
    const excluded = count > 1 ? i % count : -1;
    const slot = policy.pick(view, nowMs, excluded, 10);
    if (!candidates.has(slot) || slot === excluded) wrong.push(`picked slot ${slot} while ${excluded} was excluded`);
    picked.add(slot);
  }
  if (picked.size < count / 2) wrong.push(`only ${picked.size} of ${count} hosts were picked`);
  return wrong.slice(0, 3);
}

/**
 * Heap bytes allocated per call: the growth of the used heap over 1,000 calls, as the median of 101 attempts; an attempt
 * with a garbage collection is negative and does not affect the median. The cost of reading the heap is measured the
 * same way, without calls, and subtracted.
 * @param perLook fewer calls, if one takes long
 */
export function bytesPerCall(callMany: (times: number) => unknown, perLook = PICKS_PER_LOOK): number {
  const growth = (times: number): number => {
    const tries: number[] = [];
    for (let i = 0; i < LOOKS; i++) {
      const before = process.memoryUsage().heapUsed;
      callMany(times);
      tries.push(process.memoryUsage().heapUsed - before);
    }
    return median(tries);
  };
  growth(perLook);
  return Math.max(0, growth(perLook) - growth(0)) / perLook;
}
