// Timeouts: data that has arrived is read before one expires, and a pause of the process extends it once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { probeHost } from '../lib/health/probe-host.js';
import { TRAFFIC_DEFAULTS } from '../lib/config/traffic-config.js';
import { startTimeout } from '../lib/timeout.js';
import { until, withProcess } from './support/brackets.js';

const test = suite('timeout');

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Blocks this thread and its event loop; timers run first afterwards. */
async function block(ms: number): Promise<void> {
  await turn();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

test('a timeout fires once, unless it is cleared', async () => {
  const passed: string[] = [];
  startTimeout(20, () => passed.push('one'));
  startTimeout(10, () => passed.push('two')).clear();
  await until(() => passed.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(passed, ['one']);
});

test('a timeout cleared by data read in the turn in which it is due does not fire', async () => {
  const passed: string[] = [];
  const timeout = startTimeout(10, () => passed.push('late'));
  await block(50);
  // Immediates that were asked for before run before; reads do too.
  setImmediate(() => timeout.clear());
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(passed, []);
});

test('a timeout that was due during a pause fires some time after the pause, not at once', async () => {
  const passed: string[] = [];
  startTimeout(300, () => passed.push('late'));
  await block(1500);
  // The timer is due from the first turn on.
  for (let i = 0; i < 5; i++) await turn();
  assert.equal(passed, []);
  await until(() => passed.length > 0);
});

test('a host whose answer arrived during a pause of its checker is healthy', async () => {
  const host = `require('node:http').createServer((_request, response) => setTimeout(() => response.end('well'), 200)).listen(0, '127.0.0.1', function () { console.log('port', this.address().port); });`;
  await withProcess({ command: process.execPath, args: ['-e', host] }, async (child) => {
    const [, port] = await child.waitForLine(/^port (\d+)$/, 10_000);
    const answer = probeHost(
      `http://127.0.0.1:${port}`,
      { ...TRAFFIC_DEFAULTS, healthPath: '/', healthTimeoutMs: 1000 },
      { ca: undefined, isInsecure: false },
    );
    // Its request has gone out.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await block(2500);
    assert.is(await answer, true);
  });
});

test.run();
