// The open load of `bench policies` and `bench fleet`, against a server that answers late: with a limit on connections,
// requests wait for one and are all answered, and the wait counts.

import { createServer } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AddressInfo } from 'node:net';
import type { TurnDone } from '../../lib/lab/arrivals.js';
import { startRole } from '../../lib/lab/processes.js';
import { createShutdown } from '../../lib/shutdown.js';

const test = suite('open load');

const ANSWER_MS = 40;

test('with a limit on connections, or those opened ahead, no more are open, all requests are answered, and their wait is latency', async () => {
  const shutdown = createShutdown((error) => assert.unreachable(String(error)));
  let [open, most] = [0, 0];
  const server = createServer((request, response) => {
    setTimeout(() => response.end(`h1 ${request.url} ${request.headers['x-request']}\n`), ANSWER_MS);
  });
  server.on('connection', (socket) => {
    most = Math.max(most, ++open);
    socket.on('close', () => open--);
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  shutdown.add(() => void server.close());
  try {
    const { child } = await startRole('arrivals', [], { core: null, shutdown });
    const { port } = server.address() as AddressInfo;
    const run = async (limit: object): Promise<TurnDone> => {
      const done = child.next('done', 30_000);
      const times = { perSecond: 200, warmUpMs: 0, measuredMs: 500, graceMs: 20_000 };
      child.send({ type: 'turn', ports: [port], seed: 1, ...times, ...limit });
      return (await done) as unknown as TurnDone;
    };
    const limited = await run({ maxConnections: 2 });
    assert.is(most, 2);
    assert.equal([limited.failed, limited.wrong, limited.unfinished], [{}, [], 0]);
    assert.ok(limited.sent > 60 && limited.latencyMs.length === limited.sent, `${limited.sent} requests`);
    // Two connections answer 50 requests a second: the last of the 0.5 s waits for more than all before it but 25.
    assert.ok(Math.max(...limited.latencyMs) > (limited.sent / 2) * ANSWER_MS - 500 - ANSWER_MS, 'the wait is latency');
    assert.ok(limited.grown > limited.sent / 2, 'most requests still wait at the end');
    most = 0;
    const connected = child.next('connected', 30_000);
    child.send({ type: 'connect', ports: [port], connections: 3 });
    await connected;
    assert.equal([open, most], [3, 3], 'connections that are opened ahead are open before the turn');
    const ahead = await run({});
    assert.is(most, 3, 'the turn opens no others');
    assert.equal([ahead.failed, ahead.wrong, ahead.unfinished], [{}, [], 0]);
    assert.is(ahead.latencyMs.length, ahead.sent, 'those that opened them are not counted');
    const free = await run({});
    assert.ok(most > 2 && free.unfinished === 0, `${most} connections`);
  } finally {
    await shutdown.run();
  }
});

test.run();
