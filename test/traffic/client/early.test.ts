// Requests that come before the balancer knows a host: they wait, are answered when it does, and those
// whose clients have gone meanwhile reach nobody.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { monotonicClock } from '../../../lib/clock.js';
import type { MeercatError } from '../../../lib/errors.js';
import { counterOf } from '../../../lib/table/counters.js';
import { TableWriter } from '../../../lib/table/writer.js';
import { startTraffic, type Traffic } from '../../../lib/traffic/server.js';
import { freePort, until, withServer } from '../../support/brackets.js';
import { ask, withRaw } from '../../support/http-client.js';
import { answerWith } from '../../support/proxy.js';
import { type RawHost, withRawHost } from '../../support/raw-host.js';
import { nextTurns, tcpSide } from '../../support/tcp-state.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('early requests');

interface Stage {
  readonly traffic: Traffic;
  readonly host: RawHost;
  readonly inflight: () => number;
  readonly requests: () => number;
}

/** The traffic side alone, closed at first, with a raw host that answers `ok`. */
async function withClosedTraffic(
  fn: (stage: Stage) => Promise<void>,
  options: { readonly port?: number; readonly isPortShared?: boolean } = {},
): Promise<void> {
  await withRawHost(answerWith('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'), async (host) => {
    const clock = monotonicClock();
    const stage = buildTrafficStage(clock, { responseTimeoutMs: 3000, connectTimeoutMs: 1000 });
    const { columns, hosts, deadlines, context, config } = stage;
    const writer = new TableWriter(columns, counterOf(columns.counters));
    for (const added of writer.setStatics([{ name: 'h', url: host.url }]).added) hosts.add(added);
    writer.rebuildCandidates(clock());
    const traffic = await startTraffic({
      port: 0,
      bind: '127.0.0.1',
      ...options,
      config,
      context,
      deadlines,
      tls: undefined,
      log: () => undefined,
    });
    try {
      await fn({ traffic, host, inflight: stage.inflight, requests: () => stage.counts().requests ?? 0 });
    } finally {
      await traffic.drain(0);
      stage.stop();
    }
  });
}

test('requests that come early are answered once the balancer is open', () =>
  withClosedTraffic(async ({ traffic, host }) => {
    const answers = Promise.all([ask(traffic.port), ask(traffic.port, { method: 'POST', body: 'x' })]);
    await new Promise((resolve) => setTimeout(resolve, 100));
    assert.is(host.connections.length, 0);
    traffic.open();
    assert.equal(
      (await answers).map(({ body }) => body),
      ['ok', 'ok'],
    );
  }));

for (const [what, text] of [
  ['a request', 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['an upgrade', 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
] as const) {
  test(`${what} whose client has gone before the balancer is open reaches no host`, () =>
    withClosedTraffic(async ({ traffic, host, inflight, requests }) => {
      await withRaw(traffic.port, async (raw) => {
        raw.send(text);
        const clientPort = await until(() => raw.socket.localPort);
        await until(() => raw.socket.bytesWritten === text.length && raw.socket.writableLength === 0, { what: 'the request to be sent' });
        const isRead = (): boolean =>
          tcpSide(clientPort, traffic.port)?.underwayBytes === 0 && tcpSide(traffic.port, clientPort)?.unreadBytes === 0;
        await until(isRead, { what: 'the request to be read' });
        await nextTurns();
        raw.socket.resetAndDestroy();
        await until(() => tcpSide(traffic.port, clientPort)?.isEstablished !== true, { what: 'the connection to be reset' });
        // It has noticed that the client is gone.
        await nextTurns();
      });
      traffic.open();
      await until(() => requests() === 1, { what: 'the early request to be counted' });
      assert.is((await ask(traffic.port)).body, 'ok');
      assert.is(host.connections.length, 1);
      assert.is(inflight(), 0);
    }));
}

test('where others serve the port, connections are left to them until the balancer is open', async () => {
  const port = await freePort();
  await withClosedTraffic(
    async ({ traffic, host }) => {
      assert.is(traffic.port, port);
      assert.is(
        await ask(port).then(
          () => 'answered',
          (error: NodeJS.ErrnoException) => error.code,
        ),
        'ECONNREFUSED',
      );
      await traffic.open();
      assert.is((await ask(port)).body, 'ok');
      assert.is(host.connections.length, 1);
    },
    { port, isPortShared: true },
  );
  await withServer(
    () => undefined,
    (other) =>
      withClosedTraffic(
        async ({ traffic }) => {
          assert.is(
            await traffic.open().then(
              () => 'open',
              (error: MeercatError) => error.code,
            ),
            'MEERCAT_PORT_TAKEN',
          );
        },
        { port: other.port, isPortShared: true },
      ),
  );
});

test('a balancer that never opens lets its early clients go when it stops', () =>
  withClosedTraffic(async ({ traffic }) => {
    const answer = ask(traffic.port).then(
      () => 'answered',
      (error: NodeJS.ErrnoException) => error.code,
    );
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.is(await traffic.drain(0), 0);
    assert.is(await answer, 'ECONNRESET');
  }));

test.run();
