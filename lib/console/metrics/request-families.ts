// Metrics of the requests of one balancer: answers and durations by pool, bytes, connections, and how late its event loops are.

import { CODE_LABELS, METHOD_LABELS, NO_POOL_INDEX, answersCell } from '../../table/traffic-cells.js';
import { POOL_HEADER, POOL_HEADER_CELLS, TRAFFIC_TOTAL } from '../../table/layout.js';
import { labelsOf, type MetricFamily, type MetricSample } from './exposition.js';
import type { MetricsFacts } from './facts.js';
import { poolHistogram } from './histograms.js';

/** The label of requests that no route led to a pool. */
export const NO_POOL_LABEL = '_none';

/** The pools, and the row of requests that belong to none. */
const rowsOf = ({ pools }: MetricsFacts): (readonly [name: string, row: number])[] => [...pools, [NO_POOL_LABEL, NO_POOL_INDEX]];

/** One value for each row. */
function* byRow(facts: MetricsFacts, valueOf: (row: number) => number): Generator<MetricSample> {
  for (const [pool, row] of rowsOf(facts)) yield { labels: labelsOf({ pool }), value: valueOf(row) };
}

/** One value for each pool. */
function* byPool({ pools }: MetricsFacts, valueOf: (pool: number) => number): Generator<MetricSample> {
  for (const [pool, index] of pools) yield { labels: labelsOf({ pool }), value: valueOf(index) };
}

/** Answers that were given at least once: most pairs of method and status never are. */
function* answers(facts: MetricsFacts): Generator<MetricSample> {
  const { answers: cells } = facts.columns;
  for (const [pool, row] of rowsOf(facts))
    for (const [m, method] of METHOD_LABELS.entries())
      for (const [c, code] of CODE_LABELS.entries()) {
        const value = cells[answersCell(row, m, c)] as number;
        if (value > 0) yield { labels: labelsOf({ pool, code, method }), value };
      }
}

const total = ({ columns }: MetricsFacts, cell: keyof typeof TRAFFIC_TOTAL): number => columns.trafficTotals[TRAFFIC_TOTAL[cell]] as number;

/** The lag of both event loops, in seconds. */
const lags = (facts: MetricsFacts, cell: 'loopLagMeanMs' | 'loopLagP99Ms' | 'loopLagMaxMs', ofFleetMs: number): MetricSample[] => [
  { labels: labelsOf({ thread: 'traffic' }), value: total(facts, cell) / 1000 },
  { labels: labelsOf({ thread: 'fleet' }), value: ofFleetMs / 1000 },
];

/** The families, in the order in which they are written. */
export const REQUEST_METRICS: readonly MetricFamily<MetricsFacts>[] = [
  {
    name: 'meercat_requests_total',
    type: 'counter',
    labels: ['pool', 'code', 'method'],
    help: 'Requests that ended, by the status that the client got; code none: the client got no answer',
    samples: answers,
  },
  {
    name: 'meercat_request_errors_total',
    type: 'counter',
    labels: ['pool'],
    help: 'Requests that got no answer, a part of one or a 5xx, without a fault of their client',
    samples: (facts) => byRow(facts, (row) => facts.columns.poolErrors[row] as number),
  },
  {
    name: 'meercat_request_duration_seconds',
    type: 'histogram',
    labels: ['pool'],
    help: 'Time from the head of a request to the end of its answer, without upgrades and streams',
    *samples(facts) {
      const { columns } = facts;
      for (const [pool, row] of rowsOf(facts))
        yield {
          labels: labelsOf({ pool }),
          cumulative: poolHistogram(columns, row),
          sum: (columns.poolLatencySumMs[row] as number) / 1000,
        };
    },
  },
  {
    name: 'meercat_requests_in_flight',
    type: 'gauge',
    labels: ['pool'],
    help: 'Requests that have not ended, waiting ones too',
    samples: (facts) => byRow(facts, (row) => facts.columns.openRequests[row] as number),
  },
  {
    name: 'meercat_bytes_total',
    type: 'counter',
    labels: ['direction'],
    help: 'Bytes of bodies and tunnels from clients (in) and to them (out)',
    samples: (facts) => [
      { labels: labelsOf({ direction: 'in' }), value: total(facts, 'bytesIn') },
      { labels: labelsOf({ direction: 'out' }), value: total(facts, 'bytesOut') },
    ],
  },
  {
    name: 'meercat_connections',
    type: 'gauge',
    labels: [],
    help: 'Open connections of clients',
    samples: (facts) => [{ labels: '', value: total(facts, 'connections') }],
  },
  {
    name: 'meercat_http2_connections',
    type: 'gauge',
    labels: [],
    help: 'Open connections of clients that speak HTTP/2',
    samples: (facts) => [{ labels: '', value: total(facts, 'http2Connections') }],
  },
  {
    name: 'meercat_pool_panic',
    type: 'gauge',
    labels: ['pool'],
    help: '1 while too many hosts of the pool are out, so that all are used',
    samples: (facts) => byPool(facts, (pool) => facts.columns.poolHeader[pool * POOL_HEADER_CELLS + POOL_HEADER.panic] as number),
  },
  {
    name: 'meercat_event_loop_lag_mean_seconds',
    type: 'gauge',
    labels: ['thread'],
    help: 'How late the event loop of a thread was in the last second, on average',
    samples: (facts) => lags(facts, 'loopLagMeanMs', facts.fleetThreadLag.meanMs),
  },
  {
    name: 'meercat_event_loop_lag_p99_seconds',
    type: 'gauge',
    labels: ['thread'],
    help: 'The same, 99th percentile',
    samples: (facts) => lags(facts, 'loopLagP99Ms', facts.fleetThreadLag.p99Ms),
  },
  {
    name: 'meercat_event_loop_lag_max_seconds',
    type: 'gauge',
    labels: ['thread'],
    help: 'The same, maximum',
    samples: (facts) => lags(facts, 'loopLagMaxMs', facts.fleetThreadLag.maxMs),
  },
];
