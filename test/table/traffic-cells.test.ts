// Cells of answers and latencies: each pool, method and status has its own, and what is unknown has a label of its own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MAX_POOLS } from '../../lib/model.js';
import { bucketOf, LATENCY_BUCKETS, totalOf } from '../../lib/table/latency-buckets.js';
import { CODE_CELLS, createTable, METHOD_CELLS, openTable, TRAFFIC_TOTAL } from '../../lib/table/layout.js';
import {
  answersCell,
  clearHostTraffic,
  clearPoolTraffic,
  CODE_LABELS,
  METHOD_LABELS,
  NO_POOL_INDEX,
  recordAnswer,
  recordAttempt,
  recordHostError,
  recordHostLatency,
} from '../../lib/table/traffic-cells.js';

const test = suite('traffic cells');

test('the labels fit their cells, and none stands twice', () => {
  assert.is(METHOD_LABELS.length, METHOD_CELLS);
  assert.ok(CODE_LABELS.length <= CODE_CELLS);
  assert.is(new Set(CODE_LABELS).size, CODE_LABELS.length);
});

test('every method and status is counted under its own label, or under the rest', () => {
  const columns = openTable(createTable(4));
  const methods = [...METHOD_LABELS.slice(0, -1), 'PROPFIND', '', 'get'];
  for (const pool of [0, 7, MAX_POOLS - 1, NO_POOL_INDEX]) {
    for (const method of methods) for (let status = 0; status < 1000; status++) recordAnswer(columns, pool, method, status, false, 1, 0, 0);
    for (const [m, method] of METHOD_LABELS.entries()) {
      // PROPFIND, none, and one in small letters are the rest.
      const times = method === '_other' ? 3 : 1;
      for (const [c, label] of CODE_LABELS.entries()) {
        const others = 1000 - (CODE_LABELS.length - 1);
        assert.is(columns.answers[answersCell(pool, m, c)], times * (label === '_other' ? others : 1), `${pool} ${method} ${label}`);
      }
    }
  }
  assert.is(
    columns.answers.reduce((sum, each) => sum + each, 0),
    4 * 10 * 1000,
  );
});

test('durations, errors and bytes are summed, and a stream has no duration', () => {
  const columns = openTable(createTable(4));
  recordAnswer(columns, 3, 'GET', 200, false, 2.5, 10, 200);
  recordAnswer(columns, 3, 'GET', 502, true, 4, 1, 2);
  recordAnswer(columns, 3, 'GET', 101, false, Number.NaN, 5, 5);
  assert.is(columns.poolErrors[3], 1);
  assert.is(columns.poolLatencySumMs[3], 6.5);
  assert.is(columns.poolLatency[3 * LATENCY_BUCKETS + bucketOf(2.5)], 1);
  assert.is(totalOf(columns.poolLatency), 2);
  assert.equal([columns.trafficTotals[TRAFFIC_TOTAL.bytesIn], columns.trafficTotals[TRAFFIC_TOTAL.bytesOut]], [16, 207]);
});

test('a pool or host that takes over an index begins with nothing, and its neighbours keep what they have', () => {
  const columns = openTable(createTable(4));
  for (const pool of [1, 2, 3]) recordAnswer(columns, pool, 'PUT', 500, true, 7, 0, 0);
  for (const slot of [1, 2, 3]) {
    recordAttempt(columns, slot);
    recordHostError(columns, slot);
    recordHostLatency(columns, slot, 7);
  }
  clearPoolTraffic(columns, 2);
  clearHostTraffic(columns, 2);
  assert.equal([...columns.poolErrors.slice(0, 4)], [0, 1, 0, 1]);
  assert.is(totalOf(columns.poolLatency), 2);
  assert.is(totalOf(columns.answers), 2);
  assert.equal([...columns.attempts], [0, 1, 0, 1]);
  assert.equal([...columns.hostErrors], [0, 1, 0, 1]);
  assert.equal([...columns.hostLatencySumMs], [0, 7, 0, 7]);
  assert.is(totalOf(columns.hostLatency), 2);
});

test.run();
