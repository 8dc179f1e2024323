// Which host connections carry another request: none on which the host began its answer before it had the whole request,
// and none over which a body went that the host may ignore. Such a host reads the rest of the body as the next request.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Attempt } from '../../../lib/traffic/request/attempt.js';
import type { Host } from '../../../lib/traffic/host/host.js';
import { until } from '../../support/brackets.js';
import { CollectingClient } from '../../support/collecting-client.js';
import { ask, withRaw } from '../../support/http-client.js';
import { withRawProxy } from '../../support/proxy.js';
import { type RawConnection, withRawHost } from '../../support/raw-host.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('kept after early answers');

const HIDDEN = 'GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';

const answerTo = (target: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${target.length}\r\n\r\n${target}`;

/**
 * A host that ignores bodies: it begins its answer to `/first` at the end of the head and ends it once more bytes have
 * come, which it takes for the next request, and answers as such when it gets to it.
 */
function ignoreBodies(): (connection: RawConnection) => void {
  const late = new Map<RawConnection, string>();
  return (connection) => {
    const { socket, text } = connection;
    const [, target = ''] = /^[A-Z]+ (\S+) [^]*\r\n\r\n$/.exec(text) ?? [];
    if (target === '') return;
    connection.text = '';
    const owed = late.get(connection);
    if (owed !== undefined) {
      late.delete(connection);
      if (target === '/hidden') {
        socket.write(owed);
        late.set(connection, answerTo(target));
        return;
      }
      socket.write(owed);
    }
    if (target === '/first') {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n');
      late.set(connection, '/first');
    } else {
      socket.write(answerTo(target));
    }
  };
}

test('a host that begins its answer before the body gets no other request on that connection', async () => {
  for (let round = 0; round < 9; round++) {
    // oxlint-disable-next-line no-await-in-loop -- one after the other
    await withRawProxy(
      ignoreBodies(),
      (each, host) =>
        withRaw(each.port, async (raw) => {
          raw.send(`POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: ${HIDDEN.length}\r\n\r\n`);
          await raw.receives(/^HTTP\/1\.1 200 OK/);
          raw.send(HIDDEN);
          await raw.receives(/\/first$/);
          for (let i = 0; i < 3; i++) assert.is((await ask(each.port, { path: `/${i}` })).body, `/${i}`);
          await until(() => host.connections[0]?.isClosed, { what: 'the end of the connection with the body' });
          assert.equal(
            host.connections.slice(1).map(({ isClosed }) => isClosed),
            [false],
            'that of the others is kept',
          );
        }),
      { hostKeepAliveTimeoutMs: 60_000 },
    );
  }
});

test('a host that answers before the body gets no other request on that connection, in chunks neither', () =>
  withRawProxy(
    ({ socket, text }) => void (/chunked\r\n(?:.+\r\n)*\r\n$/.test(text) && socket.write(answerTo('/first'))),
    (each, host) =>
      withRaw(each.port, async (raw) => {
        raw.send('POST /first HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n');
        await raw.receives(/\/first$/);
        raw.send(`${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`);
        await until(() => host.connections[0]?.isClosed, { what: 'the end of the connection with the body' });
      }),
    { hostKeepAliveTimeoutMs: 60_000 },
  ));

for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE']) {
  test(`a connection over which a ${method} with a body went is not kept, and one without a body is`, () =>
    withRawProxy(
      ({ socket, text }) =>
        void (
          /\r\n\r\n(?:body)?$/.test(text) &&
          !text.endsWith('Length: 4\r\n\r\n') &&
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        ),
      async ({ port }, host) => {
        for (const at of [0, 1]) {
          assert.is((await ask(port, { method, headers: { 'Content-Length': '4' }, body: 'body' })).status, 200);
          await until(() => host.connections[at]?.isClosed, { what: 'the end of the connection' });
        }
        for (let i = 0; i < 3; i++) assert.is((await ask(port, { method })).status, 200);
        assert.is(host.connections.length, 3);
      },
      { hostKeepAliveTimeoutMs: 60_000 },
    ));
}

test('a POST whose body was sent before the answer began keeps the connection', () =>
  withRawProxy(
    (connection) => {
      if (!connection.text.endsWith('body')) return;
      connection.text = '';
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    },
    async ({ port }, host) => {
      for (let i = 0; i < 5; i++) assert.is((await ask(port, { method: 'POST', body: 'body' })).status, 200);
      assert.is(host.connections.length, 1);
    },
  ));

test('a connection is not kept while a part of the request waits in this process', () =>
  withRawHost(
    ({ socket }) => {
      // It reads no further, and so the system takes no more of the body.
      socket.pause();
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    },
    async ({ url }) => {
      const stage = buildTrafficStage(() => performance.now());
      try {
        stage.pool.add({ slot: 0, name: 'h', url });
        const host = stage.pool.get(0) as Host;
        const client = new CollectingClient({ method: 'POST', body: 'x'.repeat(32 << 20) });
        const kind = await new Promise((resolve, reject) => {
          client.carry(
            new Attempt(stage.context, client, host, 0, 1, performance.now(), { onAttemptEnd: resolve, onAttemptFault: reject }),
          );
        });
        assert.is(kind, 'ok');
        assert.is(host.idle.length, 0);
      } finally {
        stage.stop();
      }
    },
  ));

test.run();
