// What `bench fleet` plans from its flags: contestants with their CPU, parts, and what is refused before anything starts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { plannedContestants, planProof } from '../../../lib/lab/proof/plan.js';

const test = suite('plan of bench fleet');

test('a fleet of four is in both comparisons, all others once in each, and CPU is shared out by them', () => {
  const plan = planProof({ fleets: [4, 2], peerFleets: [4], cpu: 0.4 });
  const planned = plannedContestants(plan, 'cgroup-v1');
  assert.equal(
    planned
      .filter(({ program }) => program === 'meercat')
      .map(({ balancers, comparisons, cores }) => [balancers, comparisons.join('+'), cores]),
    [
      [1, 'total', 0.4],
      [1, 'each', 0.1],
      [2, 'total', 0.2],
      [2, 'each', 0.1],
      [4, 'total+each', 0.1],
    ],
  );
  for (const { balancers, comparisons, cores } of planned)
    assert.ok(Math.abs(cores - (comparisons.includes('total') ? 0.4 / balancers : 0.1)) < 1e-9);
  assert.equal(
    [...new Set(planned.map(({ name }) => name))],
    [
      'meercat, single',
      'meercat, fleet of 2',
      'meercat, fleet of 4',
      'haproxy, single',
      'haproxy, 4 independent',
      'nginx, single',
      'nginx, 4 independent',
    ],
  );
});

test('without limits only equal total CPU is compared, and all share a whole core', () => {
  const planned = plannedContestants(planProof({ fleets: [2], peerFleets: [2] }), 'taskset');
  assert.ok(planned.every(({ comparisons, balancers, cores }) => comparisons.join() === 'total' && cores === 1 / balancers));
  assert.is(planned.length, 6);
});

test('--only chooses programs and parts; Meercat always takes part', () => {
  const chosen = (...only: readonly string[]): unknown => {
    const { peers, parts } = planProof({ only });
    return [peers, parts];
  };
  assert.equal(chosen(), [
    ['haproxy', 'nginx'],
    ['loads', 'faults', 'simulation'],
  ]);
  assert.equal(chosen('meercat'), [[], ['loads', 'faults', 'simulation']]);
  assert.equal(chosen('nginx', 'loads'), [['nginx'], ['loads']]);
  assert.equal(chosen('faults'), [['haproxy', 'nginx'], ['faults']]);
  for (const wanted of ['caddy', '', 'Loads', 'fault'])
    assert.throws(() => chosen(wanted), `--only: one of meercat, haproxy, nginx, loads, faults, simulation, not ${JSON.stringify(wanted)}`);
  assert.throws(() => chosen('simulation'), /^--only: add loads/);
});

test('a share of CPU below what the kernel can give is refused, with the least that works', () => {
  for (const [flags, least] of [
    [{ fleets: [8], cpu: 0.39 }, 0.4],
    [{ fleets: [2], peerFleets: [16], cpu: 0.5 }, 0.8],
    [{ fleets: [2], peerFleets: [2], cpu: 0.19 }, 0.2],
  ] as const) {
    assert.throws(() => planProof(flags), new RegExp(`^--cpu: at least ${least},`));
    planProof({ ...flags, cpu: least });
  }
  // Peers that take no part need no CPU.
  planProof({ fleets: [2], peerFleets: [16], cpu: 0.2, only: ['meercat'] });
});

test.run();
