// Figures of a balancer and of a fleet in which every field says something, for tests of whoever sends, stores or shows them.

import type { BalancerFigures, Quantiles, SlowRequest, StoredView, Windows } from '../../lib/fleet-figures.js';
import { LATENCY_BUCKETS } from '../../lib/table/latency-buckets.js';

/** A slow request. */
export const SLOW: SlowRequest = {
  id: 'ab12-7',
  balancer: 'b1',
  atMs: 1_800_000_000_000,
  durationMs: 812.5,
  className: 'GET /users/*',
  pool: 'api',
  host: 'api/h1',
  status: 200,
};

/** What a balancer says. */
export const FIGURES: BalancerFigures = {
  balancer: 'b1',
  instance: 'i1',
  seq: 7,
  seconds: 1.001,
  pools: [
    { name: 'default', requests: 10, errors: 1, inflight: 3, latency: [4, 7, 90, 2] },
    { name: '', requests: 1, errors: 0, inflight: 0, latency: [] },
  ],
  hosts: [
    { name: 'h1', attempts: 10, errors: 1, latency: [0, 9, LATENCY_BUCKETS - 1, 1] },
    { name: 'api/h1', attempts: 0, errors: 0, latency: [], ejected: 'connect ECONNREFUSED 10.0.0.7:8080' },
  ],
  slowest: [SLOW, { ...SLOW, id: 'ab12-9', pool: '', host: '', status: 0 }],
};

const quantiles = (ms: number): Quantiles => ({ p50Ms: ms, p99Ms: 3 * ms, p999Ms: null });

/** Three windows that differ. */
const windows = (ms: number): Windows => ({ second: quantiles(ms), minute: quantiles(ms + 1), quarterHour: quantiles(ms + 2) });

/** What a master stores. */
export const VIEW: StoredView = {
  figures: {
    term: 7,
    mastership: 'f00d'.repeat(8),
    atMs: 1_800_000_000_000,
    balancers: ['b1', 'b2'],
    total: { rps: 1234.5, errorRps: 0.25, inflight: 17, ...windows(5) },
    pools: [{ name: 'default', rps: 1000, errorRps: 0, inflight: 12, ...windows(7) }],
    hosts: [
      { name: 'h1', rps: 500, errorRps: 0.5, p99Share: 0.31, ejectedBy: [['b1', 'connect_failed']], ...windows(9) },
      { name: 'api/h1', rps: 0, errorRps: 0, p99Share: 0, ejectedBy: [], ...windows(11) },
    ],
    picks: {
      balancers: ['b1', 'b2'],
      hosts: ['api/h1', 'h1'],
      picks: [
        [0, 1200],
        [3, 1300],
      ],
    },
    slowest: [SLOW, { ...SLOW, balancer: 'b2', host: '' }],
  },
  history: [
    { atMs: 1_799_999_990_000, rps: 1200, errorRps: 0.1, p50Ms: 5, p99Ms: 15, p999Ms: 25 },
    { atMs: 1_799_999_995_000, rps: 0, errorRps: 0, p50Ms: null, p99Ms: null, p999Ms: null },
  ],
  hostRps: [
    ['h1', [500, 501.5, 0]],
    ['api/h1', []],
  ],
};
