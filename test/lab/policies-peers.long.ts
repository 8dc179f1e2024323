// Small runs of `meercat bench policies` with chosen contestants: HAProxy with agents, and a program that does not start.

import { chmodSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { findProgram } from '../../lib/lab/processes.js';
import { type BenchJson, benchJson, type Fields, isWithin } from '../support/bench.js';
import { withProcess, withTempDir } from '../support/brackets.js';
import { ENTRY } from '../support/meercat.js';

const test = suite('peers of bench policies, long');

test("agents of Meercat set the weights of HAProxy's servers, and meercat picks by the reports of the same agents", async () => {
  if (findProgram('haproxy') === undefined) return;
  const chosen = 'adaptive,haproxy leastconn+agents';
  const { figures } = await benchJson('policies', '--only', chosen, '--rounds', '1', '--seconds', '2', '--percent', '30', '--slow', '2');
  const [{ contestants }] = figures.byLoad as [{ contestants: Fields[] }];
  assert.equal(
    contestants.map(({ name }) => name),
    ['omniscient, no proxy', 'meercat adaptive', 'haproxy leastconn+agents'],
  );
  assert.equal(
    contestants.map(({ failed }) => failed),
    [0, 0, 0],
  );
  const [floor, ours, withAgents] = contestants as [Fields, Fields, Fields];
  assert.equal([floor.weights, ours.weights], [null, null]);
  const [least, most] = withAgents.weights as [number, number];
  // A neighbour takes three of the four cores of one host all the time, and another host has none.
  isWithin(least, 1, 30, 'least weight');
  isWithin(most, 45, 100, 'greatest weight');
  assert.equal([figures.control, figures.leftOut], [[], []]);
});

test('a program that does not start is left out with the reason, and the others are measured', () =>
  withTempDir(async (dir) => {
    const refusing = join(dir, 'haproxy');
    writeFileSync(refusing, '#!/bin/sh\necho "[ALERT] no such keyword" >&2\nexit 1\n');
    chmodSync(refusing, 0o755);
    const args = [
      ENTRY,
      'bench',
      'policies',
      '--only',
      'round-robin,leastconn',
      '--rounds',
      '1',
      '--seconds',
      '0.4',
      '--percent',
      '30',
      '--json',
    ];
    const env = { PATH: `${dir}${delimiter}${process.env.PATH ?? ''}` };
    await withProcess({ command: process.execPath, args, env }, async (child) => {
      assert.is((await child.exit).code, 0);
      const reason = 'haproxy leastconn is left out: it refuses its configuration: [ALERT] no such keyword';
      assert.ok(child.stderr.includes(`bench policies: ${reason}`), child.stderr.join('\n'));
      const { figures } = JSON.parse(child.stdout.join('\n')) as BenchJson;
      assert.equal(figures.leftOut, [reason]);
      const [{ contestants }] = figures.byLoad as [{ contestants: Fields[] }];
      assert.equal(
        contestants.map(({ name }) => name),
        ['omniscient, no proxy', 'meercat round-robin'],
      );
    });
  }));

test.run();
