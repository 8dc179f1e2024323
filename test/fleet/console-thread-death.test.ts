// The console of a balancer whose fleet thread dies: its stream ends, health pages go on, pages come back with the next
// thread. With real threads.

import type { Worker } from 'node:worker_threads';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keepThread } from '../../lib/threads.js';
import { until } from '../support/brackets.js';
import { SLOW_MS, withBalancer } from '../support/fleet.js';
import { ask, withRaw } from '../support/http-client.js';

const test = suite('console when the fleet thread dies');

const STREAM = '/.meercat/stream';

test('the stream ends, health pages are answered all the while, and the next thread streams again', async () => {
  const threads: Worker[] = [];
  const onThread = (thread: Worker): void => void threads.push(thread);
  process.on('worker', onThread);
  try {
    await withBalancer(
      {},
      async ({ balancer: { consolePort } }) => {
        await withRaw(consolePort, async (raw) => {
          raw.send(`GET ${STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`);
          await raw.receives(/data: /);
          // The second thread that a balancer starts is the fleet thread.
          await threads[1]?.terminate();
          await raw.ends();
        });
        const statuses = new Set<number>();
        await until(
          async () => {
            assert.is((await ask(consolePort, { path: '/.meercat/live' })).status, 200);
            const { status } = await ask(consolePort, { path: STREAM, method: 'HEAD' });
            statuses.add(status);
            return status === 200;
          },
          { timeoutMs: SLOW_MS, what: 'the stream of the next thread' },
        );
        statuses.delete(503);
        assert.equal([...statuses], [200], 'nothing but 503 until then');
        await withRaw(consolePort, (raw) => raw.send(`GET ${STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n`).receives(/data: /));
      },
      keepThread,
    );
  } finally {
    process.off('worker', onThread);
  }
});

test.run();
