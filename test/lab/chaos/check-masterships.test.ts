// The checker's rules about masterships, on histories written by hand: each breaks one promise, and is found by its rule
// alone; next to it a history that keeps the promise by a hair, in which nothing is found.

import { suite } from 'uvu';
import {
  assertFound,
  type Case,
  claim,
  elected,
  FIRST,
  forging,
  health,
  inOrder,
  masterFor,
  SECOND,
  storedIn,
  tableOf,
} from '../../support/chaos-events.js';

const test = suite('chaos checker: masterships');

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
      bad: [tableOf(2, 1), tableOf(2, 2, 2, SECOND)],
      good: [tableOf(2, 1), tableOf(3, 2, 2, SECOND)],
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
      bad: [forging(1, true), forging(10, false), health(5000, { term: 7 }), health(5011, { term: 6 })],
      good: [forging(1, true), forging(10, false), health(5000, { term: 7 }), health(5010, { term: 6 })],
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
      bad: [storedIn('term', 1, 5, 0), storedIn('term', 2, 4, 0, SECOND)],
      good: [storedIn('term', 1, 5, 0), { kind: 'redis-lost', atMs: 2 }, storedIn('term', 3, 4, 0, SECOND)],
    },
    {
      what: 'an older snapshot of the same mastership',
      bad: [storedIn('table', 1, 5, 8), storedIn('table', 2, 5, 7)],
      good: [storedIn('table', 1, 5, 8), storedIn('table', 2, 6, 1, SECOND)],
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
      bad: [tableOf(2, 4), tableOf(2, 4, 2)],
      good: [tableOf(2, 4), tableOf(2, 5, 2), tableOf(3, 1, 3, SECOND)],
    },
  ],
};

for (const [rule, cases] of Object.entries(CASES)) {
  for (const each of cases) test(`${rule}: ${each.what}`, () => assertFound(rule, each));
}

test.run();
