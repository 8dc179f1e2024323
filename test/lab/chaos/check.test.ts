// The checker on histories written by hand: each breaks one promise, and is found by its rule alone; next to it a history
// that keeps the promise by a hair, in which nothing is found.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkHistory, PROMISES } from '../../../lib/lab/chaos/check.js';
import type { ChaosEvent, HealthSeen, Promises, RequestDone } from '../../../lib/lab/chaos/events.js';
import { FORGED_PREFIX } from '../../../lib/lab/chaos/forged.js';

const test = suite('chaos checker');

const [FIRST, SECOND] = ['aaaaaaaaaaaa', 'bbbbbbbbbbbb'];

const health = (atMs: number, changes: Partial<HealthSeen> = {}): HealthSeen => ({
  kind: 'health',
  sentMs: atMs,
  atMs,
  balancer: 'b1',
  life: 1,
  role: 'slave',
  term: 1,
  hosts: 4,
  table: { term: 1, mastership: FIRST, seq: 1 },
  ...changes,
});

const request = (atMs: number, changes: Partial<RequestDone> = {}): RequestDone => ({
  kind: 'request',
  sentMs: atMs - 10,
  atMs,
  balancer: 'b1',
  method: 'GET',
  status: 200,
  host: 'h1',
  problem: '',
  ...changes,
});

const failed = (atMs: number, changes: Partial<RequestDone> = {}): RequestDone =>
  request(atMs, { status: 502, host: '', problem: '502 MEERCAT_HOST_UNREACHABLE', ...changes });

const allow = (atMs: number, changes: Partial<Extract<ChaosEvent, { kind: 'allow' }>> = {}): ChaosEvent => ({
  kind: 'allow',
  atMs,
  id: 'x',
  balancers: null,
  method: null,
  problem: '',
  minMs: 0,
  ...changes,
});

const claim = (name: string, term: number, mastership: string | null): ChaosEvent => ({
  kind: 'claim',
  atMs: term,
  where: 'heartbeat',
  name,
  term,
  mastership,
});

const elected = (term: number): ChaosEvent => ({
  kind: 'claim',
  atMs: 1,
  where: 'master-elected event',
  name: 'b9',
  term,
  mastership: SECOND,
});

const tableOf = (term: number, seq: number): ChaosEvent => ({ kind: 'table', atMs: 1, stamp: { term, mastership: FIRST, seq } });

/** Pages of a balancer that is master all the time, each 100 ms. */
const masterFor = (balancer: string, fromMs: number, toMs: number): ChaosEvent[] =>
  Array.from({ length: (toMs - fromMs) / 100 + 1 }, (_, i) => health(fromMs + i * 100, { balancer, role: 'master' }));

const inOrder = (events: readonly ChaosEvent[]): ChaosEvent[] => events.toSorted((a, b) => a.atMs - b.atMs);

interface Case {
  readonly what: string;
  readonly bad: readonly ChaosEvent[];
  readonly good: readonly ChaosEvent[];
}

const CASES: Readonly<Record<string, readonly Case[]>> = {
  'one claim': [
    {
      what: 'two balancers in one term',
      bad: [claim('b1', 3, null), claim('b2', 3, null)],
      good: [claim('b1', 3, null), claim('b1', 3, null), claim('b2', 4, null)],
    },
    {
      what: 'a balancer with two masterships in one term',
      bad: [claim('b1', 3, FIRST), claim('b1', 3, SECOND)],
      good: [claim('b1', 3, FIRST), claim('b1', 4, SECOND)],
    },
    {
      what: 'tables of two masterships in one term',
      bad: [
        { kind: 'table', atMs: 1, stamp: { term: 2, mastership: FIRST, seq: 1 } },
        { kind: 'table', atMs: 2, stamp: { term: 2, mastership: SECOND, seq: 2 } },
      ],
      good: [
        { kind: 'table', atMs: 1, stamp: { term: 2, mastership: FIRST, seq: 1 } },
        { kind: 'table', atMs: 2, stamp: { term: 3, mastership: SECOND, seq: 2 } },
      ],
    },
  ],
  'no step back': [
    {
      what: 'an older term of the table',
      bad: [health(1, { term: 2, table: { term: 2, mastership: FIRST, seq: 1 } }), health(2, { term: 2 })],
      good: [health(1, { term: 2, table: { term: 2, mastership: FIRST, seq: 1 } }), health(2, { life: 2 })],
    },
    {
      what: 'an older seq',
      bad: [health(1, { table: { term: 1, mastership: FIRST, seq: 9 } }), health(2, { table: { term: 1, mastership: FIRST, seq: 8 } })],
      good: [health(1, { table: { term: 1, mastership: FIRST, seq: 9 } }), health(2, { table: { term: 1, mastership: FIRST, seq: 9 } })],
    },
    {
      what: 'another mastership in the same term',
      bad: [health(1), health(2, { table: { term: 1, mastership: SECOND, seq: 2 } })],
      good: [health(1), health(2, { term: 2, table: { term: 2, mastership: SECOND, seq: 1 } })],
    },
    {
      what: 'a lower highest term',
      bad: [health(1, { term: 7 }), health(2, { term: 6 })],
      good: [health(1, { term: 7 }), health(2, { term: 6, balancer: 'b2' })],
    },
    {
      what: 'a step back 5 s after forging ended',
      bad: [
        { kind: 'forging', atMs: 1, isOn: true },
        { kind: 'forging', atMs: 10, isOn: false },
        health(5000, { term: 7 }),
        health(5011, { term: 6 }),
      ],
      good: [
        { kind: 'forging', atMs: 1, isOn: true },
        { kind: 'forging', atMs: 10, isOn: false },
        health(5000, { term: 7 }),
        health(5010, { term: 6 }),
      ],
    },
  ],
  'one owner': [
    {
      what: 'one stamp of two masterships on two balancers',
      bad: [health(1), health(2, { balancer: 'b2', table: { term: 1, mastership: SECOND, seq: 1 } })],
      good: [health(1), health(2, { balancer: 'b2', table: { term: 1, mastership: FIRST, seq: 1 } })],
    },
  ],
  'nothing of a deposed master is applied': [
    {
      what: 'a table that was published after the election of a balancer that this one knows of',
      bad: [elected(2), tableOf(1, 2), health(5, { term: 2 }), health(6, { term: 2, table: { term: 1, mastership: FIRST, seq: 2 } })],
      good: [tableOf(1, 2), elected(2), health(5, { term: 2 }), health(6, { term: 2, table: { term: 1, mastership: FIRST, seq: 2 } })],
    },
    {
      what: 'a balancer that does not know of the election yet may take it',
      bad: [elected(2), tableOf(1, 2), health(5, { term: 2 }), health(6, { term: 2, table: { term: 1, mastership: FIRST, seq: 2 } })],
      good: [elected(2), tableOf(1, 2), health(5), health(6, { term: 2, table: { term: 1, mastership: FIRST, seq: 2 } })],
    },
  ],
  'nothing of a deposed master is stored': [
    {
      what: 'an older term in Redis',
      bad: [
        { kind: 'stored', atMs: 1, where: 'term', stamp: { term: 5, mastership: FIRST, seq: 0 } },
        { kind: 'stored', atMs: 2, where: 'term', stamp: { term: 4, mastership: SECOND, seq: 0 } },
      ],
      good: [
        { kind: 'stored', atMs: 1, where: 'term', stamp: { term: 5, mastership: FIRST, seq: 0 } },
        { kind: 'redis-lost', atMs: 2 },
        { kind: 'stored', atMs: 3, where: 'term', stamp: { term: 4, mastership: SECOND, seq: 0 } },
      ],
    },
    {
      what: 'an older snapshot of the same mastership',
      bad: [
        { kind: 'stored', atMs: 1, where: 'table', stamp: { term: 5, mastership: FIRST, seq: 8 } },
        { kind: 'stored', atMs: 2, where: 'table', stamp: { term: 5, mastership: FIRST, seq: 7 } },
      ],
      good: [
        { kind: 'stored', atMs: 1, where: 'table', stamp: { term: 5, mastership: FIRST, seq: 8 } },
        { kind: 'stored', atMs: 2, where: 'table', stamp: { term: 6, mastership: SECOND, seq: 1 } },
      ],
    },
  ],
  'one master': [
    {
      what: 'two masters for longer than the lease',
      bad: inOrder([...masterFor('b1', 0, 3000), ...masterFor('b2', 1400, 3000)]),
      good: inOrder([...masterFor('b1', 0, 3000), ...masterFor('b2', 1500, 3000)]),
    },
    {
      what: 'pages with gaps between them prove nothing',
      bad: inOrder([...masterFor('b1', 0, 2000), ...masterFor('b2', 0, 2000)]),
      good: [0, 600, 1200, 1800].flatMap((atMs) => ['b1', 'b2'].map((balancer) => health(atMs, { balancer, role: 'master' }))),
    },
  ],
  'tables in order': [
    {
      what: 'a number that is published twice',
      bad: [
        { kind: 'table', atMs: 1, stamp: { term: 2, mastership: FIRST, seq: 4 } },
        { kind: 'table', atMs: 2, stamp: { term: 2, mastership: FIRST, seq: 4 } },
      ],
      good: [
        { kind: 'table', atMs: 1, stamp: { term: 2, mastership: FIRST, seq: 4 } },
        { kind: 'table', atMs: 2, stamp: { term: 2, mastership: FIRST, seq: 5 } },
        { kind: 'table', atMs: 3, stamp: { term: 3, mastership: SECOND, seq: 1 } },
      ],
    },
  ],
  'forgeries are dropped': [
    {
      what: 'a forged table 5 s after forging ended',
      bad: [
        { kind: 'forging', atMs: 1, isOn: true },
        { kind: 'forging', atMs: 2, isOn: false },
        health(5003, { table: { term: 1, mastership: FORGED_PREFIX, seq: 1 } }),
      ],
      good: [
        { kind: 'forging', atMs: 1, isOn: true },
        { kind: 'forging', atMs: 2, isOn: false },
        health(5002, { table: { term: 1, mastership: FORGED_PREFIX, seq: 1 } }),
      ],
    },
  ],
  'requests are answered': [
    { what: 'a request that nothing excuses', bad: [failed(20)], good: [request(20)] },
    {
      what: 'a request after the allowance',
      bad: [allow(1), { kind: 'forbid', atMs: 5, id: 'x' }, failed(20)],
      good: [allow(1), { kind: 'forbid', atMs: 15, id: 'x' }, failed(20)],
    },
    { what: 'a request that ended before the allowance', bad: [failed(20), allow(21)], good: [allow(20), failed(20)] },
    {
      what: 'a request to another balancer',
      bad: [allow(1, { balancers: ['b2'] }), failed(20)],
      good: [allow(1, { balancers: ['b1'] }), failed(20)],
    },
    {
      what: 'another method',
      bad: [allow(1, { method: 'POST' }), failed(20)],
      good: [allow(1, { method: 'POST' }), failed(20, { method: 'POST' })],
    },
    {
      what: 'another failure',
      bad: [allow(1, { problem: '504' }), failed(20)],
      good: [allow(1, { problem: '502' }), failed(20)],
    },
    {
      what: 'a failure that did not wait',
      bad: [allow(1, { minMs: 1800 }), failed(2000, { sentMs: 201 })],
      good: [allow(1, { minMs: 1800 }), failed(2000, { sentMs: 200 })],
    },
    {
      what: 'a failure long after a stall',
      bad: [{ kind: 'stall', sinceMs: 100, atMs: 900 }, failed(1911)],
      good: [{ kind: 'stall', sinceMs: 100, atMs: 900 }, failed(1910)],
    },
    {
      what: 'a failure after forged messages',
      bad: [{ kind: 'forging', atMs: 1, isOn: true }, { kind: 'forging', atMs: 2, isOn: false }, failed(6000)],
      good: [{ kind: 'forging', atMs: 1, isOn: true }, { kind: 'forging', atMs: 2, isOn: false }, failed(5000)],
    },
  ],
  'nothing twice': [{ what: 'a POST at two hosts', bad: [{ kind: 'repeated', atMs: 1, path: '/r/5', hosts: ['h1', 'h2'] }], good: [] }],
  'well in time': [
    {
      what: 'a fleet that recovers too late',
      bad: [{ kind: 'settled', atMs: 1, waitedMs: 5001, problem: 'there is no master' }],
      good: [{ kind: 'settled', atMs: 1, waitedMs: 5000, problem: '' }],
    },
  ],
  'settings survive': [
    {
      what: 'a setting that is gone',
      bad: [{ kind: 'settings', atMs: 1, expected: { 'host:h4': 'drained' }, found: {} }],
      good: [{ kind: 'settings', atMs: 1, expected: { 'host:h4': 'drained' }, found: { 'host:h4': 'drained' } }],
    },
    { what: 'a setting that nobody made', bad: [{ kind: 'settings', atMs: 1, expected: {}, found: { algorithm: 'adaptive' } }], good: [] },
  ],
  'drained is idle': [
    {
      what: 'a request to a drained host, a second later',
      bad: [{ kind: 'operator', atMs: 1, expected: { 'host:h1': 'drained' } }, request(1020)],
      good: [
        { kind: 'operator', atMs: 1, expected: { 'host:h1': 'drained' } },
        request(1005),
        { kind: 'operator', atMs: 1010, expected: {} },
        request(9000),
      ],
    },
  ],
  'nothing ends': [{ what: 'a process that ends', bad: [{ kind: 'ended', atMs: 1, process: 'b1', lines: ['fatal'] }], good: [] }],
  'resources come back': [
    {
      what: 'a descriptor too many',
      bad: [{ kind: 'resource', atMs: 1, what: 'descriptors', atRest: 40, now: 41 }],
      good: [{ kind: 'resource', atMs: 1, what: 'descriptors', atRest: 40, now: 40 }],
    },
  ],
  'memory comes back': [
    {
      what: 'memory that grows by more than a fifth',
      bad: Array.from({ length: 12 }, (_, i) => ({ kind: 'memory', atMs: i, process: 'b1', life: 1, bytes: i < 6 ? 100e6 : 121e6 })),
      good: Array.from({ length: 12 }, (_, i) => ({ kind: 'memory', atMs: i, process: 'b1', life: 1, bytes: i < 6 ? 100e6 : 120e6 })),
    },
  ],
};

for (const [rule, cases] of Object.entries(CASES)) {
  for (const { what, bad, good } of cases) {
    test(`${rule}: ${what}`, () => {
      assert.equal([...new Set(checkHistory(bad).map((each) => each.rule))], [rule]);
      assert.equal(checkHistory(good), []);
    });
  }
}

test('with signed messages a forgery excuses nothing', () => {
  const signed: Promises = { ...PROMISES, isSigned: true };
  const mastership = FORGED_PREFIX;
  const events: ChaosEvent[] = [
    { kind: 'forging', atMs: 1, isOn: true },
    health(2, { term: 2, table: { term: 2, mastership, seq: 1 } }),
    health(3),
    failed(20),
  ];
  assert.equal(checkHistory(events), []);
  assert.equal(
    checkHistory(events, signed).map(({ rule }) => rule),
    ['forgeries are dropped', 'no step back', 'requests are answered'],
  );
});

test.run();
