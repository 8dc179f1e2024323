// The stop of `meercat balancer --processes`: by a signal to all, by force, and when the parent is gone. What a signal to
// the parent alone does is at the end of process-group.test.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis } from '../support/brackets.js';
import { SLOW_MS } from '../support/fleet.js';
import { isAlive } from '../support/fleet-process.js';
import { inFlight, isRefused, type SlowHost, slowHost, type TestGroup, withGroup } from '../support/group-process.js';
import { ended } from '../support/meercat.js';

const test = suite('process group stop');

const slowGroup = (redis: string, fn: (group: TestGroup, host: SlowHost) => Promise<void>): Promise<void> => {
  const host = slowHost();
  return withGroup({ redis, handler: host.handler, env: { MEERCAT_DRAIN_TIMEOUT: '20s' } }, (group) => fn(group, host));
};

test('SIGINT drains all, also if a terminal sends it to each process; the parent exits last, with code 0', () =>
  withRedis(({ url }) =>
    slowGroup(url, async (group, host) => {
      const asked = await inFlight(group, host);
      const pids = group.pids();
      group.parent.kill('SIGINT');
      for (const pid of pids) process.kill(pid, 'SIGINT');
      await until(() => isRefused(group.port), { timeoutMs: SLOW_MS, what: 'the port to be closed' });
      assert.equal(pids.map(isAlive), [true, true], 'they wait for their requests');
      host.answerAll();
      assert.equal(
        await Promise.all(asked),
        asked.map(() => 'done'),
      );
      assert.equal(await ended(group.parent, SLOW_MS), { code: 0, signal: null });
      assert.equal(pids.map(isAlive), [false, false]);
      assert.is(group.log('a process ended and is started again').length, 0);
      assert.is(group.log('stopped by force').length, 0);
    }),
  ));

test('SIGTERM that a service manager sends to each process drains all; a second one to the parent forces all, with exit code 1', () =>
  withRedis(({ url }) =>
    slowGroup(url, async (group, host) => {
      const asked = await inFlight(group, host);
      const pids = group.pids();
      group.parent.kill();
      for (const pid of pids) process.kill(pid, 'SIGTERM');
      await until(() => isRefused(group.port), { timeoutMs: SLOW_MS, what: 'the port to be closed' });
      assert.equal(pids.map(isAlive), [true, true], 'they wait for their requests');
      assert.is(group.log('stopped by force').length, 0);
      group.parent.kill();
      assert.equal(await ended(group.parent, SLOW_MS), { code: 1, signal: null });
      await until(() => !pids.some(isAlive));
      assert.not.ok((await Promise.all(asked)).includes('done'));
    }),
  ));

test('when the parent is killed its processes finish their requests and exit', () =>
  withRedis(({ url }) =>
    slowGroup(url, async (group, host) => {
      const asked = await inFlight(group, host);
      const pids = group.pids();
      group.parent.kill('SIGKILL');
      await until(() => isRefused(group.port), { timeoutMs: SLOW_MS, what: 'the port to be closed' });
      assert.equal(pids.map(isAlive), [true, true]);
      host.answerAll();
      assert.equal(
        await Promise.all(asked),
        asked.map(() => 'done'),
      );
      await until(() => !pids.some(isAlive), { timeoutMs: SLOW_MS, what: 'all to end' });
    }),
  ));

test.run();
