// The requests of a simulated turn: those of the real turn with the same seed, after an earlier turn and a rest.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { turnRequests } from '../../../lib/lab/proof/turn-requests.js';
import { CLASSES, drawArrivals, drawNeighbours, workOf } from '../../../lib/lab/scenario.js';
import { readScenario } from '../../../lib/lab/simulation/scenario-file.js';
import { runSimulation } from '../../../lib/lab/simulation/simulation.js';

const test = suite('requests of simulated turns');

const SHAPE = { seed: 42, perSecond: 800, balancers: 4, hosts: 8, slow: 0.25, sigma: 0.5, lengthMs: 1500, restMs: 0 };

test('a simulated turn has the requests, balancers and neighbours of the real turn with its seed', () => {
  const { requests, neighbourMoves, fromMs } = turnRequests(SHAPE);
  const real = drawArrivals(42, 800, 1500, 4);
  assert.is(fromMs, 0);
  assert.equal([...Array.from(requests.atMs)], [...real.atMs]);
  assert.equal([...Array.from(requests.kind)], [...real.kind]);
  assert.equal([...Array.from(requests.to)], [...real.to]);
  assert.equal(neighbourMoves, drawNeighbours(42, 8, 1500, 0.25));
  const work = Array.from(real.kind, (kind, index) => 0.25 * workOf(kind, { index, seed: 42, sigma: 0.5 }));
  assert.equal([...Array.from(requests.workMs)], work);
});

test('with a rest there is an earlier turn with other requests, at whose end the neighbours leave', () => {
  const alone = turnRequests(SHAPE);
  const { requests, neighbourMoves, fromMs } = turnRequests({ ...SHAPE, restMs: 10_000 });
  assert.is(fromMs, 11_500);
  const count = alone.requests.atMs.length;
  const late = Array.from(requests.atMs).slice(-count);
  assert.equal(
    late.map((atMs) => Math.round(1e6 * (atMs - fromMs))),
    Array.from(alone.requests.atMs, (atMs) => Math.round(1e6 * atMs)),
  );
  const early = Array.from(requests.atMs).slice(0, -count);
  assert.ok(early.length > 1000 && Math.max(...early) < 1500, `${early.length}`);
  const atEnd = neighbourMoves.filter(({ atMs }) => atMs === 1500);
  assert.equal(
    atEnd,
    Array.from({ length: 8 }, (_, host) => ({ atMs: 1500, host, taken: 0 })),
  );
});

test('work scatters around the mean of its class, and is the same for the same request', () => {
  for (const [kind, { workMs }] of CLASSES.entries()) {
    assert.is(workOf(kind, { index: 7, seed: 1, sigma: 0 }), workMs);
    assert.is(workOf(kind, { index: 7, seed: 1, sigma: 0.5 }), workOf(kind, { index: 7, seed: 1, sigma: 0.5 }));
    assert.is.not(workOf(kind, { index: 7, seed: 1, sigma: 0.5 }), workOf(kind, { index: 8, seed: 1, sigma: 0.5 }));
    const logs = Array.from({ length: 20_000 }, (_, index) => Math.log(workOf(kind, { index, seed: 3, sigma: 0.5 }) / workMs));
    const mean = logs.reduce((sum, each) => sum + Math.exp(each), 0) / logs.length;
    const middle = logs.reduce((sum, each) => sum + each, 0) / logs.length;
    const sigma = Math.sqrt(logs.reduce((sum, each) => sum + (each - middle) ** 2, 0) / logs.length);
    assert.ok(Math.abs(mean - 1) < 0.02 && Math.abs(sigma - 0.5) < 0.02, `${mean}, ${sigma}`);
  }
});

test('a simulation that is given its requests has these and no others, each at its balancer', () => {
  const scenario = readScenario(
    { hosts: [{ count: 1, cores: 1000 }], requests: [{ request: 'GET /', cost: '1ms' }], warmUp: '0s', duration: '1s' },
    'test',
  );
  const requests = { atMs: [10, 20, 2000], kind: [0, 0, 0], workMs: [3, 5, 7], to: [1, 1, 0] };
  const { measure, use, ...outcome } = runSimulation({ scenario, policy: 'omniscient', balancers: 2, load: 0.5, seed: 1, requests });
  assert.is(outcome.requests, 2);
  assert.equal(
    Array.from(measure.sorted(), (each) => Math.round(1e6 * each) / 1e6),
    [3, 5],
  );
  assert.equal(use?.requests, [0, 2]);
});

test.run();
