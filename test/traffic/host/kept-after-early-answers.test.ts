// Which host connections carry another request: none on which the host began its answer before it had the whole request,
// and none over which a body went that the host may ignore. Such a host reads the rest of the body as the next request.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { CollectingClient } from '../../support/collecting-client.js';
import { ask, withRaw } from '../../support/http-client.js';
import { withRawProxy } from '../../support/proxy.js';
import { type RawConnection, withRawHost } from '../../support/raw-host.js';
import { runAttempt } from '../../support/traffic-context.js';

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

test('a host that begins its answer before the body gets no other request on that connection', () =>
  withRawProxy(
    ignoreBodies(),
    async (each, host) => {
      for (let round = 0; round < 9; round++) {
        const usedBefore = host.connections.length;
        await withRaw(each.port, async (raw) => {
          raw.send(`POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: ${HIDDEN.length}\r\n\r\n`);
          await raw.receives(/^HTTP\/1\.1 200 OK/);
          raw.send(HIDDEN);
          await raw.receives(/\/first$/);
          // The first round has to connect; later ones take the connection that the others of the round before have left.
          const taken = Math.max(0, usedBefore - 1);
          for (let i = 0; i < 3; i++) assert.is((await ask(each.port, { path: `/${i}` })).body, `/${i}`);
          await until(() => host.connections[taken]?.isClosed, { what: 'the end of the connection with the body' });
          assert.equal(
            host.connections.slice(taken + 1).map(({ isClosed }) => isClosed),
            [false],
            'that of the others is kept',
          );
        });
      }
    },
    { hostKeepAliveTimeoutMs: 60_000 },
  ));

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

test('a connection over which a GET, HEAD, OPTIONS or DELETE with a body went is not kept, and one without a body is', () =>
  withRawProxy(
    (connection) => {
      if (!/\r\n\r\n(?:body)?$/.test(connection.text) || connection.text.endsWith('Length: 4\r\n\r\n')) return;
      connection.text = '';
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n');
    },
    async ({ port }, host) => {
      for (const [round, method] of ['GET', 'HEAD', 'OPTIONS', 'DELETE'].entries()) {
        // The first request of later rounds takes the connection that the round before has left.
        const first = 2 * round;
        for (const at of [first, first + 1]) {
          assert.is((await ask(port, { method, headers: { 'Content-Length': '4' }, body: 'body' })).status, 200);
          await until(() => host.connections[at]?.isClosed, { what: `the end of a connection with a body of ${method}` });
        }
        for (let i = 0; i < 3; i++) assert.is((await ask(port, { method })).status, 200);
        assert.is(host.connections.length, first + 3, method);
      }
    },
    { hostKeepAliveTimeoutMs: 60_000 },
  ));

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
      const { kind, idle } = await runAttempt(url, new CollectingClient({ method: 'POST', body: 'x'.repeat(32 << 20) }));
      assert.equal([kind, idle], ['ok', 0]);
    },
  ));

test.run();
