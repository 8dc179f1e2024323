// A round of all faults on all programs that are installed. Nothing is judged but that each contestant met each fault that
// applies to it, that no answer was wrong, and that every process ends.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { measureFaults } from '../../../lib/lab/proof/faults.js';
import { FAULT_KINDS } from '../../../lib/lab/proof/contests.js';
import { appliesTo } from '../../../lib/lab/proof/faults-plan.js';
import { cpuTimesByProcess } from '../../../lib/lab/process-cpu.js';
import { findProgram } from '../../../lib/lab/processes.js';
import { createShutdown } from '../../../lib/shutdown.js';
import { until } from '../../support/brackets.js';
import { ENTRY } from '../../support/meercat.js';

const test = suite('all faults of bench fleet');

test('every contestant meets every fault that applies to it, and what was hit comes back', async () => {
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  const wrong: string[] = [];
  const leftOut: string[] = [];
  try {
    const figures = await measureFaults(
      { entry: ENTRY, flags: {}, say: () => undefined, shutdown },
      {
        rounds: 2,
        fleets: [1, 3],
        peerFleets: [1, 2],
        perSecond: 100,
        onWrong: (what) => wrong.push(what),
        onLeftOut: (reason) => leftOut.push(reason),
      },
    );
    assert.equal(wrong, []);
    const peers = (['haproxy', 'nginx'] as const).filter((program) => findProgram(program) !== undefined);
    assert.is(leftOut.length, 2 - peers.length, leftOut.join('\n'));
    const expected = [
      ...[1, 3].map((balancers) => ({ program: 'meercat' as const, balancers })),
      ...peers.flatMap((program) => [1, 2].map((balancers) => ({ program, balancers }))),
    ];
    assert.equal(
      figures.map(({ program, balancers, fault, rounds }) => ({ program, balancers, fault, rounds })),
      expected.flatMap((each) =>
        FAULT_KINDS.filter((fault) => appliesTo(fault, each)).map((fault) => ({
          program: each.program,
          balancers: each.balancers,
          fault,
          rounds: 2,
        })),
      ),
    );
    for (const { fault, startedAfterMs, contestant } of figures)
      assert.is(startedAfterMs !== undefined, fault === 'kill a balancer' || fault === 'kill the master', `${contestant}, ${fault}`);
    // A frozen balancer loses what waits for it, whatever the machine does.
    for (const { fault, lost, contestant } of figures) if (fault === 'freeze a balancer') assert.ok(lost.least > 0, contestant);
    await until(() => cpuTimesByProcess(process.pid).size <= 1, {
      what: () => `the end of ${[...cpuTimesByProcess(process.pid).keys()].join()}`,
    });
  } finally {
    await shutdown.run();
  }
});

test.run();
