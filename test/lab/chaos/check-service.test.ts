// The checker's rules about what clients and operators see, on histories written by hand: each breaks one promise, and is
// found by its rule alone; next to it a history that keeps the promise by a hair, in which nothing is found.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkHistory, PROMISES } from '../../../lib/lab/chaos/check.js';
import type { ChaosEvent } from '../../../lib/lab/chaos/events.js';
import { FORGED_PREFIX } from '../../../lib/lab/chaos/forged.js';
import { allow, assertFound, type Case, failed, forging, health, operatorSet, request, UNSIGNED } from '../../support/chaos-events.js';

const test = suite('chaos checker: service');

const CASES: Readonly<Record<string, readonly Case[]>> = {
  'forgeries are dropped': [
    {
      what: 'a forged table 5 s after forging ended',
      bad: [forging(1, true), forging(2, false), health(5003, { table: { term: 1, mastership: FORGED_PREFIX, seq: 1 } })],
      good: [forging(1, true), forging(2, false), health(5002, { table: { term: 1, mastership: FORGED_PREFIX, seq: 1 } })],
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
      bad: [forging(1, true), forging(2, false), failed(6000)],
      good: [forging(1, true), forging(2, false), failed(5000)],
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
      bad: [operatorSet(1, { 'host:h1': 'drained' }), request(1020)],
      good: [operatorSet(1, { 'host:h1': 'drained' }), request(1005), operatorSet(1010, {}), request(9000)],
    },
    {
      what: 'a balancer that started when Redis had lost the settings, a second after they stand again',
      bad: [
        operatorSet(1, { 'host:h1': 'drained' }),
        { kind: 'redis-lost', atMs: 2000 },
        health(2001),
        { kind: 'settings', atMs: 3000, expected: {}, found: {} },
        request(4011),
      ],
      good: [
        operatorSet(1, { 'host:h1': 'drained' }),
        { kind: 'redis-lost', atMs: 2000 },
        health(2001),
        request(2500),
        { kind: 'settings', atMs: 3000, expected: {}, found: {} },
        request(4010),
      ],
    },
    {
      what: 'a balancer that lived when Redis lost the settings',
      bad: [operatorSet(1, { 'host:h1': 'drained' }), health(1500), { kind: 'redis-lost', atMs: 2000 }, request(2500)],
      good: [operatorSet(1, { 'host:h1': 'drained' }), { kind: 'redis-lost', atMs: 2000 }, health(2001), request(2500)],
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
  for (const each of cases) test(`${rule}: ${each.what}`, () => assertFound(rule, each));
}

test('with signed messages a forgery excuses nothing', () => {
  const mastership = FORGED_PREFIX;
  const events: ChaosEvent[] = [forging(1, true), health(2, { term: 2, table: { term: 2, mastership, seq: 1 } }), health(3), failed(20)];
  assert.equal(checkHistory(events, UNSIGNED), []);
  assert.equal(
    checkHistory(events).map(({ rule }) => rule),
    ['forgeries are dropped', 'no step back', 'requests are answered'],
  );
});

const log = (atMs: number, text: string): ChaosEvent => ({ kind: 'log', atMs, text });
const WITH_KEY: Readonly<Record<string, readonly Case[]>> = {
  'forgeries change nothing': [
    {
      what: 'an election while messages are forged, of which no lease that ran out is the reason',
      bad: [health(1), forging(2, true), health(3, { term: 2 }), log(4, 'a newer term, 2, exists'), forging(5, false)],
      good: [health(1), forging(2, true), health(3, { term: 2 }), log(4, 'the lease could not be renewed in time'), forging(5, false)],
    },
    {
      what: 'an election before the end of forging, and one after it',
      bad: [health(1), forging(2, true), health(4, { term: 2 }), forging(5, false)],
      good: [health(1), forging(2, true), forging(5, false), health(6, { term: 2 })],
    },
  ],
  'forgeries are counted': [
    {
      what: 'forged messages that no balancer has counted',
      bad: [{ kind: 'refused', atMs: 1, what: 'loads', before: 7, after: 7 }],
      good: [{ kind: 'refused', atMs: 1, what: 'loads', before: 7, after: 8 }],
    },
  ],
};

for (const [rule, cases] of Object.entries(WITH_KEY)) {
  for (const each of cases) test(`with a fleet key, ${rule}: ${each.what}`, () => assertFound(rule, each, PROMISES));
}

test.run();
