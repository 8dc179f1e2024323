// The fleet's promises under faults, on real processes: 300 rounds over three seeds, as many fleets at once as there are
// cores. They take ten minutes on two cores, so CI runs 30. A violation is printed with the shortest history
// that shows it.

import { availableParallelism } from 'node:os';
import { suite } from 'uvu';
import type { ChaosReport } from '../../lib/lab/chaos/run.js';
import { assertPromisesKept, runSeeds } from '../support/chaos-run.js';

const test = suite('chaos');

const SEEDS = [1, 2, 3];
const ROUNDS = process.env['CI'] === undefined ? 100 : 10;

test('rounds of faults over three seeds break no promise', async () => {
  const reports: ChaosReport[] = [];
  for (let at = 0; at < SEEDS.length; at += availableParallelism())
    reports.push(...(await runSeeds(SEEDS.slice(at, at + availableParallelism()), ROUNDS)));
  assertPromisesKept(reports);
});

test.run();
