// The verdict of a fleet, by tables: each case changes a fleet that is well.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type EndingCertificate, Verdicts } from '../../../lib/console/overview/verdict.js';
import type { HistoryPoint } from '../../../lib/fleet-figures.js';
import type { Overview } from '../../../lib/overview.js';
import { buildBalancer, buildFigures, buildHost, buildOverview, buildPool, NOON_MS } from '../../support/overviews.js';

const test = suite('verdict');

const judge = (overrides: Partial<Overview>, certificates: readonly EndingCertificate[] = []): string => {
  const { level, text } = new Verdicts().judge(buildOverview(overrides), certificates).verdict;
  return `${level}: ${text}`;
};

const DOWN = { state: 'down' } as const;
const EJECTED = { ejectedBy: [['b1', 'errors'] as const] };
const [H1, H2, H3] = ['h1', 'h2', 'h3'].map((name) => buildHost(name)) as [
  ReturnType<typeof buildHost>,
  ReturnType<typeof buildHost>,
  ReturnType<typeof buildHost>,
];
const one = (overrides: Parameters<typeof buildHost>[1]): Partial<Overview> => ({
  pools: [buildPool([H1, H2, buildHost('h3', overrides)])],
});
const point = (agoMs: number, rps: number, errorRps: number): HistoryPoint => ({
  atMs: NOON_MS - agoMs,
  rps,
  errorRps,
  p50Ms: null,
  p99Ms: null,
  p999Ms: null,
});

const CASES: Readonly<Record<string, readonly [overrides: Partial<Overview>, expected: string]>> = {
  'Nothing is wrong': [{}, 'good: All is well'],
  'No host is known': [{ pools: [buildPool([])] }, 'bad: No host is known: no request can be answered'],
  'An empty pool beside one with hosts is no trouble': [{ pools: [buildPool([]), buildPool([H1], { name: 'api' })] }, 'good: All is well'],
  'A pool has lost all of its hosts': [
    { pools: [buildPool([buildHost('h1', DOWN), buildHost('h2', { operator: 'drained' })])] },
    'bad: All 2 hosts of pool default are out',
  ],
  'A pool has lost its only host': [
    { pools: [buildPool([buildHost('h1', { ejectedUntilMs: 1 })])] },
    'bad: h1, the only host of pool default, is out',
  ],
  'A pool in maintenance needs no hosts': [
    { pools: [buildPool([H1]), buildPool([buildHost('api/h1', { operator: 'drained' })], { name: 'api', maintenance: 503 })] },
    'good: All is well; api/h1 is drained; api is in maintenance',
  ],
  'Redis is away': [{ redis: { isUp: false, downForMs: 12_300 }, master: null }, 'warn: Redis is away for 12 s: routing on what was known'],
  'Redis has been away for minutes': [
    { redis: { isUp: false, downForMs: 300_000 }, master: null },
    'warn: Redis is away for 5 min: routing on what was known',
  ],
  'There is no master': [
    { master: null, balancers: [buildBalancer('b1', { isSelf: true, problem: 'no other balancer answers' })] },
    'warn: No balancer is master: routing on what was known (no other balancer answers)',
  ],
  'A pool panics': [
    { pools: [buildPool([H1, buildHost('h2', EJECTED)], { isPanic: true })] },
    'bad: Too many hosts of pool default are out: requests go to all of them; and 1 more',
  ],
  'More than 1 % of the last minute’s requests failed': [
    { history: [point(61_000, 100, 100), point(50_000, 100, 0), point(10_000, 100, 4)] },
    'bad: 2.0 % of requests failed in the last minute',
  ],
  'Less than 1 % of them failed': [{ history: [point(50_000, 1000, 0), point(10_000, 1000, 18)] }, 'good: All is well'],
  'Too few failed to say': [{ history: [point(10_000, 0.5, 0.15)] }, 'good: All is well'],
  'Without a history the last second counts': [
    { total: buildFigures({ rps: 100, errorRps: 50 }) },
    'bad: 50 % of requests failed in the last minute',
  ],
  'A host is slow': [one({ p50Ms: 30, p99Share: 0.85 }), 'warn: h3 is slow since 12:00: 85 % of p99 comes from it'],
  'A host is slow, but clients do not feel it': [one({ p50Ms: 30, p99Share: 0.5 }), 'good: All is well'],
  'A host has the slowest requests, but is not slower than others': [one({ p50Ms: 19, p99Share: 0.9 }), 'good: All is well'],
  'A slow host with more requests has a larger share by right': [one({ p50Ms: 30, p99Share: 0.85, rps: 400 }), 'good: All is well'],
  'A slow host of a fleet with few requests': [
    { pools: [buildPool([buildHost('h1', { rps: 1 }), buildHost('h2', { rps: 1, p50Ms: 90, p99Share: 1 })])] },
    'good: All is well',
  ],
  'Of two hosts one is slow': [
    { pools: [buildPool([H1, buildHost('h2', { p50Ms: 21, p99Share: 1, rps: 60 })])] },
    'warn: h2 is slow since 12:00: 100 % of p99 comes from it',
  ],
  'A host is down': [one(DOWN), 'warn: h3 is down'],
  'A host that an operator took out may be down': [one({ ...DOWN, operator: 'drained' }), 'good: All is well; h3 is drained'],
  'Several hosts are down': [
    { pools: [buildPool([H1, ...[2, 3, 4, 5, 6].map((i) => buildHost(`h${i}`, DOWN))])] },
    'warn: h2, h3, h4 and 2 more are down',
  ],
  'A host is ejected': [one(EJECTED), 'warn: h3 is ejected: errors'],
  'Hosts are ejected by this balancer': [
    { pools: [buildPool([H1, buildHost('h2', { ejectedUntilMs: 1 }), buildHost('h3', { ejectedUntilMs: 1 })])] },
    'warn: h2 and h3 are ejected',
  ],
  'A host is silent': [one({ state: 'silent' }), 'warn: h3 is silent: no report, but an answer'],
  'A balancer refuses the site': [
    { balancers: [buildBalancer('b1', { isSelf: true }), buildBalancer('b2', { problem: 'refuses site version 3' })] },
    'warn: b2: refuses site version 3',
  ],
  'What operators did is no trouble': [one({ operator: 'ejected' }), 'good: All is well; h3 is ejected by an operator'],
  'What clients suffer from comes before what they may suffer from': [
    { redis: { isUp: false, downForMs: 2000 }, pools: [buildPool([buildHost('h1', DOWN)])] },
    'bad: h1, the only host of pool default, is out; and 1 more',
  ],
};

for (const [name, [overrides, expected]] of Object.entries(CASES))
  test(`${name}: ${expected}`, () => {
    assert.is(judge(overrides), expected);
  });

test('A certificate that ends soon is named with its days, and one that has ended is bad', () => {
  const day = 24 * 60 * 60_000;
  assert.is(judge({}, [{ name: 'example.org', endsAtMs: NOON_MS + 6.5 * day }]), 'warn: The certificate of example.org expires in 6 days');
  assert.is(
    judge({}, [{ name: 'example.org', endsAtMs: NOON_MS + day / 2 }]),
    'warn: The certificate of example.org expires in less than a day',
  );
  assert.is(judge({}, [{ name: 'example.org', endsAtMs: NOON_MS }]), 'bad: The certificate of example.org has expired');
});

test('A slow host keeps the time since when it is slow, until a whole minute of it was well', () => {
  const verdicts = new Verdicts();
  const textAt = (minutes: number, p50Ms: number): string => {
    const pools = [buildPool([H1, H2, buildHost('h3', { p50Ms, p99Share: 0.85 })])];
    return verdicts.judge(buildOverview({ atMs: NOON_MS + minutes * 60_000, pools })).verdict.text;
  };
  assert.match(textAt(0, 30), 'since 12:00');
  assert.match(textAt(0.5, 10), 'All is well');
  assert.match(textAt(1, 30), 'since 12:00');
  assert.match(textAt(3, 10), 'All is well');
  assert.match(textAt(4, 30), 'since 12:04');
});

test('A host that is slow since yesterday has the date beside the time', () => {
  const verdicts = new Verdicts();
  const pools = [buildPool([H1, H3, buildHost('h2', { p50Ms: 30, p99Share: 0.85 })])];
  for (let minutes = 0; minutes < 24 * 60; minutes++) verdicts.judge(buildOverview({ atMs: NOON_MS + minutes * 60_000, pools }));
  const { verdict } = verdicts.judge(buildOverview({ atMs: NOON_MS + 24 * 60 * 60_000, pools }));
  assert.match(verdict.text, 'since 2026-11-30 12:00');
});

test.run();
