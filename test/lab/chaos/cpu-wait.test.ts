// The time that a process waited for a CPU: two busy processes on one core wait for each other.

import { existsSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { CpuWait } from '../../../lib/lab/chaos/cpu-wait.js';
import { findProgram } from '../../../lib/lab/processes.js';
import { until, withProcess } from '../../support/brackets.js';

const test = suite('waiting for a CPU');

const BUSY = { command: 'taskset', args: ['-c', '0', process.execPath, '-e', 'for (;;);'] };

test('two busy processes on one core wait for each other; one that is gone does not count', async () => {
  if (!existsSync('/proc/self/schedstat') || findProgram('taskset') === undefined) return;
  await withProcess(BUSY, (one) =>
    withProcess(BUSY, async (other) => {
      const pids = [one.pid, other.pid];
      const wait = new CpuWait(pids);
      let waitedMs = 0;
      await until(() => (waitedMs += wait.takeMs(pids)) > 200, { what: () => `200 ms of waiting; there are ${waitedMs}` });
      assert.is(wait.takeMs([0, 999_999_999]), 0);
    }),
  );
});

test.run();
