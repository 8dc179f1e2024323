// A drain as clients of HTTP/2 see it: GOAWAY in two steps, requests that are under way or on their way are answered, and
// the connection ends with its last stream.

import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALL_STREAMS, FLAG, FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import { until } from '../../support/brackets.js';
import { askHttp2, withHttp2Client } from '../../support/http2-client.js';
import { type Frame, getFields, headersFrame, pingFrame, type RawHttp2, withRawHttp2 } from '../../support/http2-frames.js';
import { withProxy } from '../../support/proxy.js';
import { connect } from 'node:http2';

const test = suite('http2-drain');

const PLAIN = { isH2cAccepted: true, drainTimeoutMs: 10_000 } as const;

const isGoaway = ({ type }: Frame): boolean => type === FRAME.goaway;
/** The last streams that were announced; node:http2 repeats the final one when it ends the connection. */
const lastStreams = ({ frames }: RawHttp2): number[] => [...new Set(frames.filter(isGoaway).map(({ payload }) => payload.readUInt32BE(0)))];

test('a request that comes between the first GOAWAY and the answer to its PING is served, and the connection ends with it', () =>
  withProxy(
    (_incoming, response) => void setTimeout(() => response.end('ok'), 200),
    ({ port, balancer }) =>
      withRawHttp2(port, {}, async (client) => {
        client.send(headersFrame(1, getFields()));
        await client.status(1);
        client.send(headersFrame(3, getFields()));
        const stopped = balancer.stop();
        await client.frame('the first GOAWAY', isGoaway);
        const ping = await client.frame('a PING', ({ type, flags }) => type === FRAME.ping && flags === 0);
        // It was on its way.
        client.send(headersFrame(5, getFields()), pingFrame(ping.payload.toString('latin1'), true));
        await until(() => lastStreams(client).length === 2);
        assert.equal([await client.status(3), await client.status(5)], [200, 200]);
        await client.closed();
        await stopped;
        assert.equal(lastStreams(client), [ALL_STREAMS, 5]);
        const isEnded = (id: number): boolean =>
          client.frames.some(({ streamId, flags, type }) => streamId === id && type === FRAME.data && flags === FLAG.endStream);
        assert.ok(isEnded(3) && isEnded(5), 'both answers are whole');
      }),
    PLAIN,
  ));

test('a client that does not answer the PING gets the final GOAWAY all the same', () =>
  withProxy(
    (_incoming, response) => void response.end('ok'),
    ({ port, balancer }) =>
      withRawHttp2(port, {}, async (client) => {
        client.send(headersFrame(1, getFields()));
        await client.status(1);
        await balancer.stop();
        await client.closed();
        assert.equal(lastStreams(client), [ALL_STREAMS, 1]);
      }),
    PLAIN,
  ));

test('a stream that is still running when the drain times out is cut off', () =>
  withProxy(
    (_incoming, response) => void response.write('never ended'),
    ({ port, balancer }) =>
      withHttp2Client({ port }, async (session) => {
        const stream = session.request();
        stream.on('error', () => undefined).resume();
        await once(stream, 'response');
        await balancer.stop();
        await until(() => stream.destroyed && session.destroyed);
      }),
    { ...PLAIN, drainTimeoutMs: 500 },
  ));

test('under load a stop loses no request: what a connection does not serve is refused before it is processed', () =>
  withProxy(
    (_incoming, response) => void setTimeout(() => response.end('ok'), 2),
    async ({ port, balancer }) => {
      const failed: string[] = [];
      let answered = 0;
      let isStopped = false;
      const client = async (): Promise<void> => {
        const session = connect(`http://127.0.0.1:${port}`).on('error', () => undefined);
        const warning = { hasCome: false };
        session.once('goaway', () => (warning.hasCome = true));
        // A client that is warned opens no more streams.
        while (!warning.hasCome && !session.destroyed && !session.closed) {
          // oxlint-disable-next-line no-await-in-loop -- one batch after the other
          await Promise.all(
            Array.from({ length: 20 }, () =>
              askHttp2(session).then(
                () => answered++,
                (error: Error) => warning.hasCome || failed.push(error.message),
              ),
            ),
          );
        }
        session.destroy();
      };
      const clients = Promise.all([client(), client(), client()]);
      await until(() => answered > 500);
      const stopped = balancer.stop().then(() => (isStopped = true));
      await clients;
      await stopped;
      assert.ok(isStopped);
      assert.equal(failed, []);
    },
    PLAIN,
  ));

test.run();
