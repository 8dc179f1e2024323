// Which faults each contestant meets in a round, and which turns they share.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FAULT_KINDS } from '../../../lib/lab/proof/contests.js';
import { appliesTo, planFaultRound, type Planned } from '../../../lib/lab/proof/faults-plan.js';
import type { FaultKind } from '../../../lib/lab/proof/figures.js';

const test = suite('planning faults');

const ONE: Planned = { program: 'meercat', balancers: 1 };
const FLEET: Planned = { program: 'meercat', balancers: 4 };
const HAPROXY: Planned = { program: 'haproxy', balancers: 1 };
const NGINX: Planned = { program: 'nginx', balancers: 4 };

const faultsOf = (of: Planned, wanted?: readonly FaultKind[]): FaultKind[] =>
  planFaultRound([ONE, FLEET, HAPROXY, NGINX], wanted)
    .flat()
    .filter(({ contestant }) => contestant === of)
    .map(({ fault }) => fault)
    .toSorted();

test('a fleet meets every fault once, and a single balancer all but the death of another master', () => {
  assert.equal(faultsOf(FLEET), FAULT_KINDS.toSorted());
  assert.equal(faultsOf(ONE), FAULT_KINDS.filter((fault) => fault !== 'kill the master').toSorted());
});

test('programs without coordination meet only what they have', () => {
  for (const peer of [HAPROXY, NGINX]) {
    const own = ['freeze a balancer', 'kill a balancer', 'kill a host', 'rolling restart'];
    assert.equal(faultsOf(peer), own);
    assert.equal(FAULT_KINDS.filter((fault) => appliesTo(fault, peer)).toSorted(), own);
  }
});

test('no contestant meets two faults in one turn, and one that starts Meercat has the machine for itself', () => {
  for (const turn of planFaultRound([ONE, FLEET, HAPROXY, NGINX])) {
    assert.is(new Set(turn.map(({ contestant }) => contestant)).size, turn.length);
    const starts = turn.some(
      ({ contestant, fault }) => contestant.program === 'meercat' && /kill (a balancer|the master)|restart/.test(fault),
    );
    if (starts) assert.is(turn.length, 1);
  }
});

test('only faults that are wanted are planned, and empty turns are left out', () => {
  assert.equal(planFaultRound([ONE, HAPROXY], ['kill the master']), []);
  assert.equal(planFaultRound([FLEET, HAPROXY], ['kill the master', 'kill a host']), [
    [{ contestant: FLEET, fault: 'kill the master' }],
    [
      { contestant: FLEET, fault: 'kill a host' },
      { contestant: HAPROXY, fault: 'kill a host' },
    ],
  ]);
  assert.equal(planFaultRound([{ program: 'floor', balancers: 1 }]), []);
});

test.run();
