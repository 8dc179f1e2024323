// A small round of faults on real processes: a fleet of two loses one. What it measures is not judged here, since that
// depends on the machine, but the figures must be complete, and nothing may be left running.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { measureFaults } from '../../../lib/lab/proof/faults.js';
import { cpuTimesByProcess } from '../../../lib/lab/process-cpu.js';
import { createShutdown } from '../../../lib/shutdown.js';
import { until } from '../../support/brackets.js';
import { ENTRY } from '../../support/meercat.js';

const test = suite('faults of bench fleet');

test('a fleet of two meets a fault: figures are complete, answers right, and every process ends', async () => {
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  const lines: string[] = [];
  const wrong: string[] = [];
  try {
    const figures = await measureFaults(
      { entry: ENTRY, flags: {}, say: (line) => lines.push(line), shutdown },
      { rounds: 1, fleets: [2], peers: [], faults: ['kill the master'], perSecond: 60, onWrong: (what) => wrong.push(what) },
    );
    assert.equal(wrong, []);
    const [figure] = figures;
    if (figures.length !== 1 || figure === undefined) throw new Error(JSON.stringify(figures));
    const { lost, recoverMs, clientsNoticing, worstMs, ...setup } = figure;
    assert.is(setup.contestant, 'meercat, fleet of 2');
    assert.equal([setup.program, setup.balancers, setup.fault, setup.perSecond, setup.rounds], ['meercat', 2, 'kill the master', 60, 1]);
    for (const { median, least, most } of [lost, recoverMs, clientsNoticing, worstMs]) {
      assert.ok(median >= 0 && least === median && most === median, JSON.stringify(figures));
    }
    assert.ok(Number.isInteger(lost.median) && clientsNoticing.median <= 1, JSON.stringify(figures));
    // Its clients were answered after the fault.
    assert.ok(worstMs.median > 0, JSON.stringify(figures));
    assert.match(lines.join('\n'), /faults, round 1: meercat, fleet of 2, kill the master: \d+ lost/);
  } finally {
    await shutdown.run();
  }
  await until(() => cpuTimesByProcess(process.pid).size <= 1, {
    what: () => `the end of ${[...cpuTimesByProcess(process.pid).keys()].join()}`,
  });
});

test.run();
