// Deadlines of clients over HTTP/2: for the first frames, for a body, for reading an answer, and for the next request.

import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { errorCodeOf, FLAG, FRAME, PREFACE } from '../../../lib/traffic/wire/http2-frames.js';
import { until, withServer } from '../../support/brackets.js';
import { SLOW_MS, withBalancer } from '../../support/fleet.js';
import { encodeFields } from '../../support/hpack.js';
import { askHttp2, withHttp2Client } from '../../support/http2-client.js';
import { continuationFrame, frame, getFields, headersFrame, settingsFrame, windowFrame, withRawHttp2 } from '../../support/http2-frames.js';

const test = suite('http2-deadlines');

const withHost = (fn: (url: string) => Promise<void>): Promise<void> =>
  withServer(
    (incoming, response) => {
      if (incoming.url === '/big') response.end(Buffer.alloc(4 << 20));
      else incoming.resume().on('end', () => response.end('ok'));
    },
    ({ url }) => fn(url),
  );

const PART_OF_PREFACE = PREFACE.subarray(0, 10);

test('a client that does not complete its first frames within --header-timeout is given up', () =>
  withHost((url) =>
    withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, headerTimeoutMs: 300 }, async ({ port, counter }) => {
      for (const [index, opening] of [
        Buffer.alloc(0),
        PART_OF_PREFACE,
        PREFACE,
        Buffer.concat([PREFACE, settingsFrame().subarray(0, 4)]),
      ].entries()) {
        const socket = connect(port, '127.0.0.1')
          .on('error', () => undefined)
          .resume();
        socket.write(opening);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        await once(socket, 'close');
        assert.is(counter('timeouts_header'), index + 1, `opening ${index}`);
      }
    }),
  ));

const BLOCK = encodeFields(getFields());

/** Heads that begin and do not end. */
const UNENDED: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['HEADERS without END_HEADERS', frame(FRAME.headers, FLAG.endStream, 3, BLOCK)],
  [
    'CONTINUATION without END_HEADERS',
    Buffer.concat([frame(FRAME.headers, FLAG.endStream, 3, BLOCK), continuationFrame(3, Buffer.alloc(0), false)]),
  ],
  ['HEADERS whose payload stops', headersFrame(3, getFields()).subarray(0, -1)],
  ['HEADERS whose header stops', headersFrame(3, getFields()).subarray(0, 5)],
];

for (const [name, bytes] of UNENDED) {
  test(`${name}: the connection ends after --header-timeout, also while a request is under way`, () =>
    withServer(
      (_incoming, response) => void response.write('begun'),
      ({ url }) =>
        withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, headerTimeoutMs: 300 }, ({ port, counter }) =>
          withRawHttp2(port, {}, async (client) => {
            client.send(headersFrame(1, getFields()));
            assert.is(await client.status(1), 200);
            assert.is(counter('timeouts_header'), 0);
            client.send(bytes);
            const goaway = await client.frame('GOAWAY', ({ type }) => type === FRAME.goaway);
            assert.is(goaway.payload.readUInt32BE(4), errorCodeOf('ENHANCE_YOUR_CALM'));
            await client.closed();
            assert.is(counter('timeouts_header'), 1);
            assert.is(counter('http2_protocol_errors'), 0);
          }),
        ),
    ));
}

test('heads that end in time, each in pieces, are not given up, however long they go on', () =>
  withHost((url) =>
    withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, headerTimeoutMs: 1500 }, ({ port, counter }) =>
      withRawHttp2(port, {}, async (client) => {
        const began = performance.now();
        const heads = Array.from({ length: 60 }, (_, n) => headersFrame(2 * n + 1, getFields()));
        // Each piece ends one head and begins the next: there is one that has begun all the time.
        let sent = 0;
        for (; performance.now() - began < 2200; sent++) {
          client.send((heads[sent] as Buffer).subarray(sent === 0 ? 0 : 12), (heads[sent + 1] as Buffer).subarray(0, 12));
          // oxlint-disable-next-line no-await-in-loop -- one after the other
          assert.is(await client.status(2 * sent + 1), 200);
          // oxlint-disable-next-line no-await-in-loop -- one after the other
          await pause(100);
        }
        assert.is(counter('timeouts_header'), 0);
      }),
    ),
  ));

test('an idle connection ends with GOAWAY after --keep-alive-timeout, and not while a request is under way', () =>
  withServer(
    (_incoming, response) => void setTimeout(() => response.end('late'), 900),
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, keepAliveTimeoutMs: 300 }, ({ port, counter }) =>
        withRawHttp2(port, {}, async (client) => {
          client.send(headersFrame(1, getFields()));
          assert.is(await client.status(1), 200);
          const goaway = await client.frame('GOAWAY', ({ type }) => type === FRAME.goaway);
          assert.equal([goaway.payload.readUInt32BE(0), goaway.payload.readUInt32BE(4)], [1, 0]);
          await client.closed();
          assert.is(counter('timeouts_keep_alive'), 1);
        }),
      ),
  ));

test('a body that stops is answered 408, and the connection serves on', () =>
  withHost((url) =>
    withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, clientTimeoutMs: 500 }, ({ port, counter }) =>
      withHttp2Client({ port }, async (session) => {
        const stream = session.request({ ':method': 'POST' });
        stream.on('error', () => undefined);
        stream.write('a part');
        const [fields] = (await once(stream, 'response')) as [{ readonly ':status': number }];
        assert.is(fields[':status'], 408);
        assert.is(counter('timeouts_client_body'), 1);
        assert.is((await askHttp2(session)).body, 'ok');
      }),
    ),
  ));

test('a client that opens no window is given up after --client-timeout, and only its stream', () =>
  withHost((url) =>
    withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, clientTimeoutMs: 600 }, ({ port, counter }) =>
      withRawHttp2(port, {}, async (client) => {
        // The window of a stream is 64 KiB, the answer 4 MiB; that of the connection does not stand in the way.
        client.send(
          windowFrame(0, 32 << 20),
          headersFrame(
            1,
            getFields().map(([name, value]) => [name, name === ':path' ? '/big' : value]),
          ),
        );
        const reset = await client.frame('RST_STREAM', ({ type, streamId }) => type === FRAME.rstStream && streamId === 1);
        assert.is(reset.payload.readUInt32BE(0), 8);
        assert.is(counter('timeouts_client_answer'), 1);
        client.send(headersFrame(3, getFields()));
        assert.is(await client.status(3), 200);
      }),
    ),
  ));

test('a client that reads slowly but steadily is served to the end', () =>
  withHost((url) =>
    withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, clientTimeoutMs: 2000 }, ({ port, counter }) =>
      withHttp2Client({ port }, async (session) => {
        const stream = session.request({ ':path': '/big' });
        let bytes = 0;
        stream.on('data', (part: Buffer) => {
          bytes += part.length;
          stream.pause();
          setTimeout(() => stream.resume(), 5);
        });
        await until(() => bytes === 4 << 20, { timeoutMs: SLOW_MS });
        assert.is(counter('timeouts_client_answer'), 0);
      }),
    ),
  ));

test.run();
