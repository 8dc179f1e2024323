// The order of a pool's hosts: by what is wrong with them, and steady where nothing is.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { worstFirst } from '../../../lib/console/overview/worst-first.js';
import type { OverviewHost } from '../../../lib/overview.js';
import { buildHost } from '../../support/overviews.js';

const test = suite('worst first');

const order = (hosts: readonly OverviewHost[], slow: readonly string[] = []): string =>
  worstFirst(hosts, new Set(slow))
    .map(({ name }) => name)
    .join(' ');

test('Hosts are ordered by what is wrong with them, what operators did last', () => {
  const hosts = [
    buildHost('well'),
    buildHost('silent', { state: 'silent' }),
    buildHost('drained', { operator: 'drained', state: 'down' }),
    buildHost('ejected-by-operator', { operator: 'ejected', ejectedBy: [['b1', 'errors']] }),
    buildHost('slow'),
    buildHost('failing', { rps: 100, errorRps: 2 }),
    buildHost('ejected-here', { ejectedUntilMs: 1 }),
    buildHost('ejected-there', { ejectedBy: [['b2', 'errors']] }),
    buildHost('down', { state: 'down', ejectedUntilMs: 1 }),
  ];
  assert.is(order(hosts, ['slow']), 'down ejected-here ejected-there failing slow ejected-by-operator drained silent well');
});

test('Healthy hosts keep their places while their p99 changes by less than a factor of two', () => {
  const hosts = [buildHost('h10', { p50Ms: 10 }), buildHost('h2', { p50Ms: 9 }), buildHost('h1', { p50Ms: 100 })];
  assert.is(order(hosts), 'h1 h2 h10');
});

test('A host without requests comes after those that answer', () => {
  const none = { p50Ms: null, p99Ms: null, p999Ms: null };
  assert.is(order([buildHost('h1', { minute: none, rps: null, errorRps: null }), buildHost('h2')]), 'h2 h1');
});

test('A few errors of a host with few requests change nothing', () => {
  assert.is(order([buildHost('h1'), buildHost('h2', { rps: 1, errorRps: 0.15 })]), 'h1 h2');
});

test.run();
