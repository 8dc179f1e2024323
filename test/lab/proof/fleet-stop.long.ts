// A run of `meercat bench fleet` that is stopped or killed in the middle leaves nothing behind.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withProcess } from '../../support/brackets.js';
import { ENTRY } from '../../support/meercat.js';
import { endsClean, groupsOf, TINY } from '../../support/proof-runs.js';

const test = suite('bench fleet that is stopped, long');

test('Ctrl-C in the middle of a turn leaves no group, process or file', () =>
  endsClean(TINY, async (child) => {
    await child.waitForLine(/search, round 1\/1: meercat/, 60_000);
    child.kill('SIGINT');
    assert.is((await child.exit).code, 130);
  }));

test('the next run removes the groups of a run that was killed', async () => {
  const killed = await withProcess({ command: process.execPath, args: [ENTRY, 'bench', 'fleet', ...TINY] }, async (child) => {
    await child.waitForLine(/every one answers rightly/, 60_000);
    child.kill('SIGKILL');
    await child.exit;
    return child.pid;
  });
  // Its processes end with it, at their own speed; a group with a process can't be removed.
  await until(
    async () => {
      await endsClean(TINY, async (child) => {
        await child.waitForLine(/CPU is limited|share one core/, 60_000);
        child.kill('SIGINT');
        await child.exit;
      });
      return groupsOf(killed).length === 0;
    },
    { timeoutMs: 60_000, what: () => `the end of ${groupsOf(killed).join()}` },
  );
});

test.run();
