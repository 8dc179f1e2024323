// The order of hosts and pools in tables.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nextSortKey, SORT_KEYS, sortedHosts, sortedPools } from '../../lib/console/fleet-order.js';
import type { HostRecord, PoolRecord } from '../../lib/redis/fleet-view.js';

const test = suite('fleet order');

/** Hosts of which the first has the most of no figure. */
const HOSTS = [
  { name: 'h1', inflight: 1, cpu: 0.2, rps: 30, p99Ms: 10, errorRps: 0 },
  { name: 'h2', inflight: 3, cpu: null, rps: 20, p99Ms: 30, errorRps: 1 },
  { name: 'h3', inflight: 2, cpu: 0.9, rps: null, p99Ms: null, errorRps: 5 },
  { name: 'h4', inflight: 3, cpu: 0, rps: 40, p99Ms: 20, errorRps: null },
] as unknown as readonly HostRecord[];

const names = (rows: readonly { readonly name: string }[]): string => rows.map(({ name }) => name).join(' ');

test('those with the most come first, those that say nothing last, and equal ones by name', () => {
  for (const [key, order] of [
    ['name', 'h1 h2 h3 h4'],
    ['load', 'h2 h4 h3 h1'],
    ['cpu', 'h3 h1 h4 h2'],
    ['rps', 'h4 h1 h2 h3'],
    ['p99', 'h2 h4 h1 h3'],
    ['errors', 'h3 h2 h1 h4'],
  ] as const)
    assert.is(names(sortedHosts(HOSTS, key)), order, key);
});

test('pools are sorted alike; what they do not have leaves them by name', () => {
  const pools = [
    { name: 'api', inflight: 1, rps: 5, p99Ms: 1, errorRps: 1 },
    { name: 'web', inflight: 7, rps: 4, p99Ms: 2, errorRps: 2 },
  ] as unknown as readonly PoolRecord[];
  assert.equal(
    SORT_KEYS.map((key) => names(sortedPools(pools, key))),
    ['api web', 'web api', 'api web', 'api web', 'web api', 'web api'],
  );
});

test('the next key leads through all of them and back', () => {
  const seen = SORT_KEYS.map((_, index) => Array.from({ length: index }).reduce<(typeof SORT_KEYS)[number]>(nextSortKey, 'name'));
  assert.equal(seen, [...SORT_KEYS]);
  assert.is(nextSortKey(SORT_KEYS.at(-1) ?? 'name'), 'name');
});

test.run();
