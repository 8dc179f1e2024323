// A drain as clients see it: WebSockets get a close frame, connections that may be about to send a request get time for
// it, and no last answer is lost.

import { createHash } from 'node:crypto';
import { Agent } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from '../support/brackets.js';
import { ask, withRaw } from '../support/http-client.js';
import { withProxy, withRawProxy } from '../support/proxy.js';

const test = suite('drain');

const HANDSHAKE =
  'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n';
const ACCEPT = createHash('sha1').update('dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64');
const SWITCH = `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${ACCEPT}\r\n\r\n`;

/** A close frame with 1001, as a server sends it. */
const GOING_AWAY = '\x88\x02\x03\xe9';

test('at the end of a drain both sides of a WebSocket get a close frame with 1001, between two frames', () =>
  withRawProxy(
    ({ socket, text }) => {
      if (text.endsWith('\r\n\r\n')) socket.write(`${SWITCH}\x81\x05hello`, 'latin1');
    },
    ({ port, balancer }, host) =>
      withRaw(port, async (raw) => {
        await raw.send(HANDSHAKE).receives(/hello$/);
        await balancer.stop();
        const text = await raw.ends();
        assert.ok(text.endsWith(`hello${GOING_AWAY}`), JSON.stringify(text));
        const [connection] = host.connections;
        await until(() => connection?.isClosed, { what: 'the host to see the end' });
        const sent = Buffer.from(connection?.text.slice(connection.text.indexOf('\r\n\r\n') + 4) ?? '', 'latin1');
        assert.equal([sent.length, sent[0], sent[1]], [8, 0x88, 0x82], 'a masked close frame');
        const code = sent.subarray(6).map((byte, i) => byte ^ (sent[2 + i] as number));
        assert.is((code[0] as number) * 256 + (code[1] as number), 1001);
      }),
  ));

test('a WebSocket in the middle of a frame is closed without a close frame', () =>
  withRawProxy(
    ({ socket, text }) => {
      if (text.endsWith('\r\n\r\n')) socket.write(`${SWITCH}\x81\x05hel`, 'latin1');
    },
    ({ port, balancer }) =>
      withRaw(port, async (raw) => {
        await raw.send(HANDSHAKE).receives(/hel$/);
        await balancer.stop();
        assert.match(await raw.ends(), /hel$/);
      }),
  ));

test('a tunnel of another protocol is closed without a frame', () =>
  withRawProxy(
    ({ socket, text }) => {
      if (text.endsWith('\r\n\r\n')) socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\nhello');
    },
    ({ port, balancer }) =>
      withRaw(port, async (raw) => {
        await raw.send(HANDSHAKE.replace('websocket', 'other')).receives(/hello$/);
        await balancer.stop();
        assert.match(await raw.ends(), /hello$/);
      }),
  ));

test('under load on kept connections a stop loses no request: each is answered, the last one with Connection: close', () =>
  withProxy(
    (_request, response) => void setTimeout(() => response.end('ok'), 2),
    async ({ port, balancer }) => {
      const stage = { isOver: false, answered: 0, refused: 0 };
      const failures: string[] = [];
      const send = async (): Promise<void> => {
        const agent = new Agent({ keepAlive: true, maxSockets: 1 });
        while (!stage.isOver) {
          try {
            const { status, headers } = await ask(port, { agent });
            assert.is(status, 200);
            stage.answered++;
            if (headers.connection === 'close') break;
          } catch (error) {
            failures.push(String((error as NodeJS.ErrnoException).code ?? error));
            break;
          }
        }
        agent.destroy();
      };
      const senders = Promise.all(Array.from({ length: 20 }, send));
      await until(() => stage.answered > 200);
      await balancer.stop();
      stage.isOver = true;
      await senders;
      assert.equal(failures, []);
    },
    { drainTimeoutMs: 30_000 },
  ));

test('a request that has come while the process did not run is read before its connection counts as idle', () =>
  withProxy(
    (_request, response) => void response.end('ok'),
    ({ port, balancer }) =>
      withRaw(port, async (raw) => {
        await raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').receives(/ok$/);
        // Longer than a connection lies idle before a drain closes it.
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1100);
        raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
        const stopped = balancer.stop();
        await raw.receives(/ok[^]*Connection: close\r\n[^]*ok$/);
        await stopped;
      }),
  ));

test('a connection that has been idle for long is closed at once, one idle for less a second later', () =>
  withProxy(
    (_request, response) => void response.end('ok'),
    ({ port, balancer }) =>
      withRaw(port, (old) =>
        withRaw(port, async (young) => {
          await old.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').receives(/ok$/);
          await new Promise((resolve) => setTimeout(resolve, 1100));
          await young.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').receives(/ok$/);
          const stopped = balancer.stop();
          await old.ends();
          assert.is(young.isClosed || young.hasEnded, false);
          await young.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').receives(/ok[^]*Connection: close\r\n[^]*ok$/);
          await young.ends();
          await stopped;
        }),
      ),
  ));

test.run();
