// The stop of `meercat balancer --processes`: by a signal to the parent or to all, by force, and when the parent is gone.

import { connect } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis } from '../support/brackets.js';
import { SLOW_MS } from '../support/fleet.js';
import { isAlive } from '../support/fleet-process.js';
import { healthOf, type TestGroup, withGroup } from '../support/group-process.js';
import { ended } from '../support/meercat.js';

const test = suite('process group stop');

/** Whether a new connection is refused. */
function isRefused(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(false);
    });
    socket.on('error', () => resolve(true));
  });
}

/** A host that answers only when released. */
function slowHost(): {
  readonly handler: NonNullable<Parameters<typeof withGroup>[0]['handler']>;
  readonly waiting: () => number;
  readonly answerAll: () => void;
} {
  const waiting: (() => void)[] = [];
  return {
    handler: (_request, response) => void waiting.push(() => response.end('done')),
    waiting: () => waiting.length,
    answerAll: () => {
      for (const answer of waiting.splice(0)) answer();
    },
  };
}

/** Several requests in flight, spread over all processes. */
async function inFlight(group: TestGroup, host: ReturnType<typeof slowHost>): Promise<Promise<string>[]> {
  const asked: Promise<string>[] = [];
  /** Responses not from the host: on a busy machine the first requests can arrive before the host is known. */
  const refused: string[] = [];
  await until(
    async () => {
      const answer = fetch(`http://127.0.0.1:${group.port}/`).then(
        (response) => response.text(),
        (error: Error) => error.message,
      );
      const before = refused.length;
      void answer.then((text) => refused.push(text));
      await until(() => refused.length > before || host.waiting() > asked.length);
      if (refused.length === before) asked.push(answer);
      const shares = await Promise.all(Object.values(group.consoles()).map(healthOf));
      return shares.every(({ inflight }) => inflight > 0);
    },
    { timeoutMs: SLOW_MS, what: () => `each to have a request; refused: ${refused.join(' ')}` },
  );
  return asked;
}

const slowGroup = (redis: string, fn: (group: TestGroup, host: ReturnType<typeof slowHost>) => Promise<void>): Promise<void> => {
  const host = slowHost();
  return withGroup({ redis, handler: host.handler, env: { MEERCAT_DRAIN_TIMEOUT: '20s' } }, (group) => fn(group, host));
};

test('SIGTERM drains all, also if a service manager or terminal sends it to each process; the parent exits last, with code 0', () =>
  withRedis(async ({ url }) => {
    for (const [signal, isForAll] of [
      ['SIGTERM', false],
      ['SIGTERM', true],
      ['SIGINT', true],
    ] as const) {
      await slowGroup(url, async (group, host) => {
        const asked = await inFlight(group, host);
        const pids = group.pids();
        group.parent.kill(signal);
        if (isForAll) for (const pid of pids) process.kill(pid, signal);
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
      });
    }
  }));

test('a second SIGTERM forces an immediate exit of all, with exit code 1', () =>
  withRedis(({ url }) =>
    slowGroup(url, async (group, host) => {
      const asked = await inFlight(group, host);
      const pids = group.pids();
      group.parent.kill();
      await until(() => group.log('stopping').length > 0);
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
