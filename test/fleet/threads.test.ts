// A supervised thread: however it dies, it is restarted with its own data; once stopped it stays stopped.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { keepThread, type Thread } from '../../lib/threads.js';
import { until } from '../support/brackets.js';
import type { FragileOrder, FragileWord } from '../support/fragile-thread.js';

const test = suite('threads');

const ENTRY = new URL('../support/fragile-thread.js', import.meta.url);

interface Stage {
  readonly thread: Thread<FragileOrder>;
  /** Messages and events, in order. */
  readonly log: string[];
  logged(line: string): Promise<unknown>;
}

async function withThread(fn: (stage: Stage) => Promise<void>, dataOf: (start: number) => object = (start) => ({ start })): Promise<void> {
  const log: string[] = [];
  let starts = 0;
  const thread = keepThread<FragileOrder, FragileWord>({
    entry: ENTRY,
    start(isAgain) {
      log.push(isAgain ? 'start again' : 'start');
      return { data: dataOf(starts++), transfer: [] };
    },
    onMessage: (word) => void log.push(word.type === 'started' ? `started ${JSON.stringify(word.data)}` : word.type),
    onDeath: (reason) => void log.push(`died: ${reason}`),
    stopMessage: { type: 'stop' },
  });
  const stage: Stage = { thread, log, logged: (line) => until(() => log.includes(line), { what: () => `"${line}" in ${log.join(', ')}` }) };
  try {
    await fn(stage);
  } finally {
    await thread.stop();
  }
}

for (const [order, reason] of [
  ['throw', 'told to throw'],
  ['reject', 'told to reject'],
  ['exit', 'it ended by itself'],
] as const) {
  test(`a thread that dies by ${order} is restarted, and its owner learns why`, () =>
    withThread(async ({ thread, log, logged }) => {
      await logged('started {"start":0}');
      thread.post({ type: order });
      await logged('started {"start":1}');
      assert.equal(log, ['start', 'started {"start":0}', `died: ${reason}`, 'start again', 'started {"start":1}']);
    }));
}

test('a thread that keeps dying is restarted each time, with a pause in between', () =>
  withThread(
    async ({ log }) => {
      const startMs = performance.now();
      await until(() => log.filter((line) => line === 'start again').length === 3, { timeoutMs: 10_000 });
      assert.ok(performance.now() - startMs >= 3 * 200 - 20, 'no busy loop');
      assert.ok(log.includes('died: broken from the start'));
    },
    () => ({ isBroken: true }),
  ));

test('a thread that stops in good order is not restarted', () =>
  withThread(async ({ thread, log, logged }) => {
    await logged('started {"start":0}');
    await thread.stop();
    assert.equal(log, ['start', 'started {"start":0}', 'stopped']);
    await thread.stop();
  }));

test('stopping while a dead thread waits for its restart leaves it dead', () =>
  withThread(async ({ thread, log, logged }) => {
    await logged('started {"start":0}');
    thread.post({ type: 'exit' });
    await logged('died: it ended by itself');
    thread.post({ type: 'exit' });
    await thread.stop();
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.is(log.at(-1), 'died: it ended by itself');
  }));

test('a thread that does not stop when asked is terminated', () =>
  withThread(async ({ thread, log, logged }) => {
    await logged('started {"start":0}');
    thread.post({ type: 'ignore-stop' });
    const startMs = performance.now();
    await thread.stop();
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 2500, `${tookMs} ms`);
    assert.is(log.at(-1), 'started {"start":0}');
  }));

test.run();
