// The fleet's promises under faults, on real processes: two fleets at once, ten rounds each. A violation is printed with
// the shortest history that shows it; `meercat bench chaos --seed 3 --rounds 10` repeats a run.

import { suite } from 'uvu';
import { assertPromisesKept, runSeeds } from '../support/chaos-run.js';

const test = suite('chaos');

test('20 rounds of faults of balancers, Redis, links, hosts, agents and messages break no promise', async () => {
  assertPromisesKept(await runSeeds([3, 7], 10));
});

test.run();
