// Streams of one HTTP/2 connection: each ends by itself, whoever ends it, and none holds up another.

import { once } from 'node:events';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withServer } from '../../support/brackets.js';
import { SLOW_MS, withBalancer } from '../../support/fleet.js';
import { askHttp2, withHttp2Client } from '../../support/http2-client.js';
import { dataFrame, headersFrame, postFields, resetFrame, withRawHttp2 } from '../../support/http2-frames.js';
import { answerWith, hasHead } from '../../support/proxy.js';
import { withRawHost } from '../../support/raw-host.js';

const test = suite('http2-streams');

const PLAIN = { isH2cAccepted: true } as const;

/** The code of a RST_STREAM. */
const CODE = { none: 0, internal: 2, cancel: 8 } as const;

test('a request that the client cancels ends at the host, and the connection serves on', () =>
  withServer(
    (incoming, response) => {
      if (incoming.url === '/still') response.end('still');
    },
    ({ url, server }) => {
      const gone: string[] = [];
      let came = 0;
      server.on('request', ({ url: path, socket }) => {
        came++;
        socket.once('close', () => gone.push(path as string));
      });
      return withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, ({ port, counter }) =>
        withHttp2Client({ port }, async (session) => {
          const waiting = session.request({ ':path': '/wait' });
          const uploading = session.request({ ':path': '/upload', ':method': 'POST' });
          for (const stream of [waiting, uploading]) stream.on('error', () => undefined);
          uploading.write('a part');
          await until(() => came === 2);
          waiting.close(CODE.cancel);
          uploading.close(CODE.cancel);
          await until(() => gone.length === 2 && counter('requests_client_gone') === 2);
          assert.equal(gone.toSorted(), ['/upload', '/wait']);
          assert.is((await askHttp2(session, { ':path': '/still' })).body, 'still');
        }),
      );
    },
  ));

test('an upload that the client resets without an error is not taken for complete', () => {
  const bodies: string[] = [];
  return withRawHost(
    ({ text }) => void bodies.splice(0, 1, text),
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, ({ port, counter }) =>
        withRawHttp2(port, {}, async (client) => {
          client.send(headersFrame(1, postFields(), 0), dataFrame(1, 'a part'));
          await until(() => bodies[0]?.endsWith('a part\r\n') === true);
          client.send(resetFrame(1, 'NO_ERROR'));
          await until(() => counter('requests_client_gone') === 1);
          assert.not.match(bodies[0] as string, /\r\n0\r\n/);
          await client.isServing();
        }),
      ),
  );
});

test('a connection that is cut ends all of its requests', () =>
  withServer(
    () => undefined,
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, async ({ port, counter, inflight }) => {
        await withHttp2Client({ port }, async (session) => {
          for (let i = 0; i < 20; i++) session.request({ ':path': '/wait' }).on('error', () => undefined);
          await until(() => inflight().hosts === 20);
        });
        await until(() => counter('requests_client_gone') === 20 && inflight().balancer === 0);
      }),
  ));

/** How answers begin that are not completed, by their framing. */
const BROKEN = {
  length: 'Content-Length: 100000\r\n\r\n',
  chunked: 'Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n',
  close: 'Connection: close\r\n\r\n',
} as const;

test('a host that breaks off in the middle of its answer resets the stream with INTERNAL_ERROR', () =>
  withRawHost(
    (connection) => {
      if (!hasHead(connection)) return;
      if (connection.text.startsWith('GET /ok')) connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
      else {
        const framing = /^GET \/(\S+)/.exec(connection.text)?.[1] as keyof typeof BROKEN;
        connection.socket.write(`HTTP/1.1 200 OK\r\n${BROKEN[framing]}${framing === 'chunked' ? '' : 'part'}`);
        setTimeout(() => connection.reset(), 50);
      }
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          for (const framing of Object.keys(BROKEN)) {
            // oxlint-disable-next-line no-await-in-loop -- one after the other, on one connection
            const broken = await askHttp2(session, { ':path': `/${framing}` }).catch((error: Error) => error.message);
            assert.match(String(broken), /INTERNAL_ERROR/, framing);
          }
          assert.is((await askHttp2(session, { ':path': '/ok' })).body, 'ok');
        }),
      ),
  ));

test('an answer that is complete before the body is passed on whole, and the rest of the body is not wanted', () =>
  withRawHost(
    (connection) => {
      if (hasHead(connection)) connection.socket.write('HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig');
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          const stream = session.request({ ':method': 'POST' });
          let body = '';
          let status: unknown;
          stream.on('response', (fields) => (status = fields[':status']));
          stream.setEncoding('latin1').on('data', (part: string) => (body += part));
          stream.write('never ended');
          await once(stream, 'close');
          assert.equal([status, body, stream.rstCode], [413, 'big', CODE.none]);
        }),
      ),
  ));

test('100 (Continue) comes when the host says it, and only to who waits for it', () =>
  withServer(
    (incoming, response) => void incoming.resume().on('end', () => response.end('done')),
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          const stream = session.request({ ':method': 'POST', expect: '100-continue' });
          await once(stream, 'continue');
          stream.end('body');
          const [fields] = (await once(stream, 'response')) as [{ readonly ':status': number }];
          assert.is(fields[':status'], 200);
          stream.close();
        }),
      ),
  ));

const PART = Buffer.alloc(64 << 10, 'x');

test('a stream that is not read blocks no other one, and holds little memory', () => {
  let sent = 0;
  return withServer(
    (incoming, response) => {
      if (incoming.url !== '/big') return void response.end('small');
      const more = (): void => {
        do sent += PART.length;
        while (response.write(PART));
        response.once('drain', more);
      };
      more();
      response.on('close', () => response.removeAllListeners('drain'));
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, ({ port, counter }) =>
        withHttp2Client({ port }, async (session) => {
          const slow = session.request({ ':path': '/big' });
          slow.on('error', () => undefined);
          await once(slow, 'response');
          // Neither end's buffers nor those of the system take more.
          let seen = -1;
          await until(() => sent === seen || ((seen = sent), false), { everyMs: 300, timeoutMs: SLOW_MS });
          assert.ok(sent < 32 << 20, `${sent} bytes were taken of a stream that nobody reads`);
          for (let i = 0; i < 50; i++) assert.is((await askHttp2(session, { ':path': '/small' })).body, 'small');
          slow.close(CODE.cancel);
          await until(() => counter('requests_client_gone') === 1);
        }),
      ),
  );
});

test('an upload that its host does not read blocks no other one, and is taken on once it reads', () =>
  withServer(
    (incoming, response) => {
      if (incoming.url !== '/slow') return void incoming.resume().on('end', () => response.end('small'));
      incoming.pause();
      let bytes = 0;
      incoming.on('data', (part: Buffer) => (bytes += part.length));
      incoming.on('end', () => response.end(String(bytes)));
      incoming.pause();
      incoming.socket.once('go', () => incoming.resume());
    },
    ({ url, server }) => {
      let go = (): void => undefined;
      server.on('request', ({ socket, url: path }) => {
        if (path === '/slow') go = () => void socket.emit('go');
      });
      return withBalancer({ statics: [{ name: 'h', url }], ...PLAIN }, ({ port }) =>
        withHttp2Client({ port }, async (session) => {
          const slow = session.request({ ':path': '/slow', ':method': 'POST' });
          const total = 4 << 20;
          slow.end(Buffer.alloc(total, 'y'));
          for (let i = 0; i < 20; i++) assert.is((await askHttp2(session, { ':path': '/fast' }, 'x'.repeat(300_000))).body, 'small');
          go();
          let body = '';
          slow.setEncoding('latin1').on('data', (part: string) => (body += part));
          await once(slow, 'close');
          assert.is(body, String(total));
        }),
      );
    },
  ));

test('what came of an answer that broke off before it was sent is no part of the answer of the next host', () => {
  const broken = answerWith('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nbroken\r\nno size\r\n', true);
  const whole = answerWith('HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole', true);
  return withRawHost(broken, (one) =>
    withRawHost(whole, (other) =>
      withBalancer(
        {
          statics: [
            { name: 'a', url: one.url },
            { name: 'b', url: other.url },
          ],
          ...PLAIN,
        },
        ({ port, counter }) =>
          withHttp2Client({ port }, async (session) => {
            for (let i = 0; i < 4; i++) assert.is((await askHttp2(session)).body, 'whole');
            assert.ok(counter('requests_retried') > 0);
          }),
      ),
    ),
  );
});

test.run();
