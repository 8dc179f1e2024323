// The report of `bench forward` with synthetic figures: the ratios to other proxies, and goals that are not measured
// because a proxy is not installed.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { reportForward, type ForwardSample } from '../../lib/lab/forward-report.js';

const test = suite('forward report');

const SETUP = { rounds: 1, seconds: 1, connections: 2, generator: 'own', http2Generator: 'own', isPinned: false } as const;

const sample = (userMicros: number, systemMicros: number): ForwardSample[] => [{ userMicros, systemMicros, perSecond: 1000, busy: 1 }];

test('the report has ratios between the proxies, and the goals use those ratios', () => {
  const samples = new Map([
    ['bare http-proxy', sample(60, 40)],
    ['http-proxy + undici', sample(30, 20)],
    ['meercat', sample(10, 20)],
    ['nginx', sample(5, 15)],
    ['haproxy', sample(5, 10)],
  ]);
  const { tables, goals, figures } = reportForward(SETUP, [{ name: 'small', samples }], []);
  const [heading = [], ...rows] = tables[0] ?? [];
  const cell = (name: string, column: string): unknown => rows.find(([first]) => first === name)?.[heading.indexOf(column)];
  assert.equal(
    ['x bare', 'x nginx', 'x haproxy'].map((column) => cell('meercat', column)),
    [0.3, 1.5, 2],
  );
  assert.is(cell('meercat', 'user + kernel'), '10.0 + 20.0');
  assert.is(cell('nginx', 'x nginx'), 1);
  assert.equal(
    goals.map(({ goal, value, isReached }) => [goal, value, isReached]),
    [
      ['<= 0.45', 0.3, true],
      ['<= 1', 0.6, true],
      ['<= 1.75', 1.5, true],
    ],
  );
  const { workloads } = figures as { workloads: { proxies: { name: string; ofNginx: number; ofHaproxy: number }[] }[] };
  const ours = workloads[0]?.proxies.find(({ name }) => name === 'meercat');
  assert.equal([ours?.ofNginx, ours?.ofHaproxy], [1.5, 2]);
});

test('without nginx and HAProxy their columns have a dash, and their goals are not measured', () => {
  const samples = new Map([
    ['bare http-proxy', sample(60, 40)],
    ['meercat', sample(10, 20)],
  ]);
  const { tables, goals } = reportForward(
    SETUP,
    (['small', 'down', 'tls'] as const).map((name) => ({ name, samples })),
    [],
  );
  for (const [heading = [], ...rows] of tables) {
    for (const row of rows) for (const column of ['x nginx', 'x haproxy']) assert.is(row[heading.indexOf(column)], '-');
  }
  assert.equal(
    goals.map(({ isReached, lack }) => [isReached, lack]),
    [
      [true, undefined],
      [null, 'http-proxy + undici is not installed'],
      [null, 'nginx is not installed'],
      [null, 'haproxy is not installed'],
      [null, 'nginx is not installed'],
    ],
  );
});

test('a proxy without measurable CPU time, in too short a run, gives no ratios', () => {
  const samples = new Map([
    ['bare http-proxy', sample(60, 40)],
    ['http-proxy + undici', sample(30, 20)],
    ['meercat', sample(10, 20)],
    ['nginx', sample(0, 0)],
  ]);
  const { tables, goals } = reportForward(SETUP, [{ name: 'small', samples }], []);
  const [heading = [], ...rows] = tables[0] ?? [];
  assert.equal(
    rows.map((row) => row[heading.indexOf('x nginx')]),
    ['-', '-', '-', '-'],
  );
  const { isReached, lack } = goals.at(-1) ?? {};
  assert.equal([isReached, lack], [null, 'too short a run for the CPU time of nginx, see --seconds']);
});

test.run();
