// Expect: 100-continue from end to end: only the host decides whether the body is sent.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../../support/brackets.js';
import { withRaw } from '../../support/http-client.js';
import { hasHead, withRawProxy } from '../../support/proxy.js';

const test = suite('100-continue');

const HEAD = 'POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n';
const WAITING = `${HEAD}\r\n`;
const LAST = `${HEAD}Connection: close\r\n\r\n`;
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

test('the host is asked, and its 100 reaches the client before the body is sent', () => {
  let answered = 0;
  return withRawProxy(
    ({ text, socket }) => {
      if (text.endsWith('\r\n\r\n') && answered++ === 0) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      else if (text.endsWith('body')) socket.write(OK);
    },
    ({ port }, host) =>
      withRaw(port, async (raw) => {
        raw.send(LAST);
        await raw.receives(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
        assert.match(host.connections[0]?.text ?? '', /\r\nExpect: 100-continue\r\n[^]*\r\n\r\n$/, 'and no byte of the body');
        assert.match(await raw.send('body').ends(), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[^]*\r\n\r\nok$/);
      }),
  );
});

for (const status of ['417 Expectation Failed', '413 Too Large', '200 OK', '401 Who']) {
  test(`a host that answers ${status} at once has its answer passed on, and nothing waits for the body that was not sent`, () =>
    withRawProxy(
      (connection) => {
        if (hasHead(connection)) connection.socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 2\r\n\r\nno`);
      },
      async ({ port, counter }, host) => {
        await withRaw(port, async (raw) => {
          const text = await raw.send(WAITING).ends();
          assert.match(text, new RegExp(`^HTTP/1\\.1 ${status}\\r\\n[^]*\\r\\nConnection: close\\r\\n[^]*no$`));
          assert.not.match(text, /100 Continue/);
        });
        await until(() => host.connections[0]?.isClosed, { what: 'the connection whose request is not whole to be given up' });
        assert.equal([counter('requests_failed'), counter('timeouts_client_body')], [0, 0]);
      },
    ));
}

test('a client that does not wait for the 100 is not delayed', () =>
  withRawProxy(
    ({ text, socket }) => {
      if (text.endsWith('body')) socket.write(OK);
    },
    ({ port }) =>
      withRaw(port, async (raw) => {
        assert.match(await raw.send(`${LAST}body`).ends(), /^HTTP\/1\.1 200 OK/);
      }),
  ));

test('when a host never sends 100, a client that waits for it gets 408', () =>
  withRawProxy(
    () => undefined,
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        assert.match(await raw.send(WAITING).ends(), /^HTTP\/1\.1 408 /);
        assert.is(counter('timeouts_client_body'), 1);
      }),
    { clientTimeoutMs: 200 },
  ));

test('an answer sent while the body is on its way is passed on, and the next client is not mixed up with it', () =>
  withRawProxy(
    (connection) => {
      if (!hasHead(connection) || connection.text.includes('answered')) return;
      connection.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
      connection.text += 'answered';
    },
    async ({ port }, host) => {
      for (let i = 0; i < 3; i++) {
        await withRaw(port, async (raw) => {
          raw.send(`POST /${i} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n`);
          await raw.receives(/413 Too Large\r\n[^]*no$/);
          // The client goes on sending: it must get the answer all the same, not a reset.
          raw.send('x'.repeat(999_999));
          await raw.ends();
          assert.match(raw.text, /^HTTP\/1\.1 413 Too Large\r\n[^]*no$/);
        });
      }
      assert.is(host.connections.length, 3, 'none was used again with a request that is not whole');
      await until(() => host.connections.every(({ isClosed }) => isClosed));
    },
  ));

test('an answer that is complete before the body ends the exchange, however long both are', () =>
  withRawProxy(
    (connection) => {
      if (!hasHead(connection) || connection.text.includes('answered')) return;
      connection.text += 'answered';
      connection.socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${'a\r\n0123456789\r\n'.repeat(1000)}0\r\n\r\n`);
    },
    ({ port, counter }) =>
      withRaw(port, async (raw) => {
        raw.send('POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
        const text = await raw.ends();
        assert.match(text, /^HTTP\/1\.1 200 OK\r\n[^]*\r\n0\r\n\r\n$/);
        assert.is(counter('requests_failed'), 0);
      }),
  ));

test.run();
