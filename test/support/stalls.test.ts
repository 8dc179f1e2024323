// The stalls of `npm run test:stall`: they do stop processes, leave none stopped, and let alone what a test stopped itself.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withProcess } from './brackets.js';
import { startStalls, type StallOptions } from './stalls.js';

const test = suite('stalls');

const stateOf = (pid: number): string => /^\d+ \(.*\) (\S)/s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? '';

const FREQUENT: StallOptions = {
  meanIntervalMs: 200,
  leastMs: 100,
  mostMs: 200,
  meanWholeIntervalMs: 2000,
  random: Math.random,
};

/** Prints a line as often as it can. */
const TICKING = { command: process.execPath, args: ['-e', 'setInterval(() => console.log("tick"), 20)'] };

test('processes below this one are stopped and go on, and at the end none is stopped', () =>
  withProcess(TICKING, (one) =>
    withProcess(TICKING, async (other) => {
      await Promise.all([one, other].map((each) => each.waitForLine(/tick/)));
      const stalled = new Set<number>();
      const stalls = startStalls(process.pid, { ...FREQUENT, onStall: (_stallMs, pids) => pids.forEach((pid) => stalled.add(pid)) });
      try {
        await until(() => stalled.has(one.pid) && stalled.has(other.pid) && stalls.count > 5, { what: 'stalls of both' });
        for (const { lines } of [one, other]) {
          const before = lines.length;
          await until(() => lines.length > before + 3, { what: 'it to go on' });
        }
      } finally {
        await stalls.stop();
      }
      for (const { pid } of [one, other]) assert.is.not(stateOf(pid), 'T');
    }),
  ));

test('a process that was stopped already stays so', () =>
  withProcess(TICKING, (one) =>
    withProcess(TICKING, async (other) => {
      await one.waitForLine(/tick/);
      one.kill('SIGSTOP');
      await until(() => stateOf(one.pid) === 'T', { what: 'it to be stopped' });
      const stalled: number[] = [];
      const stalls = startStalls(process.pid, { ...FREQUENT, onStall: (_stallMs, pids) => void stalled.push(...pids) });
      await until(() => stalled.filter((pid) => pid === other.pid).length > 5, { what: 'stalls of the other' });
      await stalls.stop();
      assert.not(stalled.includes(one.pid));
      assert.is(stateOf(one.pid), 'T');
    }),
  ));

test.run();
