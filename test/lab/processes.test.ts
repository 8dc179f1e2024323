// Programs that benchmarks start: all processes of one can be killed at once, also those that it started itself.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { cpuTimesByProcess } from '../../lib/lab/process-cpu.js';
import { startProgram } from '../../lib/lab/processes.js';
import { createShutdown } from '../../lib/shutdown.js';
import { until } from '../support/brackets.js';

const test = suite('processes of benchmarks');

/** Its command line; empty once it is dead. */
function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

test('a program is killed with all that it started, and nothing of it is left', async () => {
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  try {
    const program = await startProgram('/bin/sh', ['-c', 'sleep 600 & sleep 600 & wait'], { core: null, shutdown });
    const processes = (): number[] => [...cpuTimesByProcess(program.pid).keys()];
    await until(() => processes().length === 3, { what: () => `two children, not ${processes().join()}` });
    const children = processes().filter((pid) => pid !== program.pid);
    program.killAll();
    await program.exited;
    // They may still wait to be reaped by init, but run no longer: what is dead has no command line.
    await until(() => children.every((pid) => commandOf(pid) === ''), { what: () => `the end of ${children.join()}` });
  } finally {
    await shutdown.run();
  }
});

test.run();
