// The fleet's promises under faults, on real processes: two fleets of three balancers, ten rounds each. A violation
// prints the history before it; `runChaos({ seed, rounds })` repeats it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runChaos } from '../../lib/lab/chaos/chaos.js';

const test = suite('chaos');

test('20 rounds of faults break no promise: one mastership per stamp, no older table, and all is well within 5 s of healing', async () => {
  const reports = await Promise.all([3, 7].map((seed) => runChaos({ seed, rounds: 10 })));
  for (const { outcomes, masterships } of reports) {
    process.stdout.write(
      `${masterships} masterships; ${outcomes.map(({ fault, wellAfterMs }) => `${fault} ${Math.round(wellAfterMs)} ms`).join(', ')}\n`,
    );
  }
  assert.equal(
    reports.flatMap(({ violations }) => violations),
    [],
  );
  assert.ok(
    reports.every(({ requests }) => requests > 500),
    'hardly a request was sent',
  );
  assert.ok(
    reports.every(({ masterships }) => masterships > 1),
    'no fault ended a mastership: the run proves nothing',
  );
});

test.run();
