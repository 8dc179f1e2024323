// Chaos runs in tests: several fleets at once, each with a seed of its own, and all violations with their histories.

import * as assert from 'uvu/assert';
import { violationTexts } from '../../lib/lab/chaos/report.js';
import { type ChaosReport, runRounds } from '../../lib/lab/chaos/run.js';
import { createShutdown } from '../../lib/shutdown.js';
import { ENTRY } from './meercat.js';

/** Runs these seeds at once; prints a line for each round, and everything is stopped at the end. */
export async function runSeeds(seeds: readonly number[], rounds: number, only?: readonly string[]): Promise<readonly ChaosReport[]> {
  const shutdown = createShutdown(() => undefined);
  try {
    return await Promise.all(
      seeds.map((seed) =>
        runRounds({ entry: ENTRY, seed, rounds, only, shutdown, say: (line) => void process.stdout.write(`seed ${seed}: ${line}\n`) }),
      ),
    );
  } finally {
    await shutdown.run();
  }
}

/** No promise was broken, and the runs were such that one could have been. */
export function assertPromisesKept(reports: readonly ChaosReport[]): void {
  const broken = reports.flatMap(({ seed, violations, events }) =>
    violationTexts(violations, events).map((each) => `seed ${seed}: ${each}`),
  );
  assert.ok(broken.length === 0, broken.join('\n'));
  for (const { seed, outcomes, requests } of reports)
    assert.ok(requests > 50 * outcomes.length, `seed ${seed}: hardly a request was sent (${requests})`);
  // Which balancer is master when a fault strikes is not up to the seed alone: a short run may strike slaves only.
  assert.ok(
    reports.some(({ masterships }) => masterships > 1),
    'no fault ended a mastership: the runs prove nothing',
  );
}
