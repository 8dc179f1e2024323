// A pool of a large site picks as if it were alone: what policies achieve on some hosts, as simulated, holds for each of
// many pools of such hosts in one table.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bareNameOf, hostIdOf } from '../../lib/host-id.js';
import { ALGORITHMS, type Algorithm, type HostRow } from '../../lib/model.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { Random } from '../../lib/routing/random.js';
import { DEFAULT_POOL } from '../../lib/site-model.js';
import { counterOf } from '../../lib/table/counters.js';
import { createTable, openTable } from '../../lib/table/layout.js';
import { TableReader } from '../../lib/table/reader.js';
import { TableWriter } from '../../lib/table/writer.js';
import { buildRow, buildTable } from '../support/host-rows.js';

const test = suite('picks of a pool');

const POOLS = 50;
const HOSTS = 4;
const PICKS = 3000;
const PICKS_PER_TABLE = 40;

/** Requests in flight at any time. */
const IN_FLIGHT = 9;

/** A table with these pools, and what picks in one of them. */
function openStage(pools: readonly string[], pool: string, algorithm: Algorithm) {
  const columns = openTable(createTable(512));
  columns.known.fill(1);
  const writer = new TableWriter(columns, counterOf(columns.counters));
  writer.addPools(pools);
  const index = writer.pools.find(([name]) => name === pool)?.[1] ?? -1;
  const view = new TableReader(columns, 0, Number.POSITIVE_INFINITY, index);
  const policy = createPolicy(algorithm, new Random(5));
  const inflight: number[] = [];
  let seq = 0;
  return {
    take(rows: readonly HostRow[], nowMs: number): void {
      writer.apply(buildTable(1, ++seq, rows), nowMs);
      writer.refreshNeutral(nowMs);
      writer.rebuildCandidates(nowMs);
    },
    /** The bare name of the host that gets the next request. */
    pick(nowMs: number, cost: number): string {
      const slot = policy.pick(view, nowMs, -1, cost);
      for (const [each, by] of [
        [slot, 1] as const,
        ...(inflight.length === IN_FLIGHT ? [[inflight.shift() as number, -1] as const] : []),
      ]) {
        columns.inflight[each] = (columns.inflight[each] as number) + by;
        columns.awaited[each] = (columns.awaited[each] as number) + by;
        columns.work[each] = (columns.work[each] as number) + by * cost;
      }
      inflight.push(slot);
      return (
        writer
          .hosts()
          .find((host) => host.slot === slot)
          ?.name.split('/')
          .at(-1) ?? '?'
      );
    },
  };
}

for (const algorithm of ALGORITHMS) {
  test(`${algorithm} picks the same hosts in one of ${POOLS} pools of ${HOSTS} as where there is no other`, () => {
    const names = Array.from({ length: POOLS }, (_, i) => `p${i}`);
    const alone = openStage([], DEFAULT_POOL, algorithm);
    const among = openStage(names, 'p17', algorithm);
    const random = new Random(11);
    const rowsOf = (pool: string): HostRow[] =>
      Array.from({ length: HOSTS }, (_, i) =>
        buildRow(hostIdOf(pool, `h${i}`), {
          cpu: random.below(100) / 100,
          inflight: random.below(8),
          work: random.below(200),
          capacity: 1 + random.below(300) / 100,
          state: random.below(30) === 0 ? 'down' : 'up',
        }),
      );
    const picked = new Set<string>();
    for (let i = 0; i < PICKS; i++) {
      const nowMs = 1000 + i;
      if (i % PICKS_PER_TABLE === 0) {
        const rows = names.map(rowsOf);
        among.take(rows.flat(), nowMs);
        for (const row of rows[17] as HostRow[]) Object.assign(row, { name: bareNameOf(row.name) });
        alone.take(rows[17] as HostRow[], nowMs);
      }
      const cost = 1 + random.below(50);
      const name = among.pick(nowMs, cost);
      assert.is(name, alone.pick(nowMs, cost), `pick ${i}`);
      picked.add(name);
    }
    assert.is(picked.size, HOSTS);
  });
}

test.run();
