// Clients of HTTP/2 that open many streams and read nothing, in the two ways that there are: windows that stay shut, and a
// socket that is not read. What waits in memory stays bounded, and --client-timeout ends it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { getFields, headersFrame, settingsFrame, withRawHttp2 } from '../../support/http2-frames.js';
import { until, withServer } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { PREFACE } from '../../../lib/traffic/wire/http2-frames.js';

const test = suite('HTTP/2: slow readers');

const STREAMS = 100;
const CLIENT_TIMEOUT_MS = 2000;

/** Far above what 100 streams may hold, and far below what a host sends in two seconds. */
const MUCH_BYTES = 300 << 20;

const WANTED = getFields().with(2, [':path', '/endless']);

/** A balancer before a host that sends without end. */
async function withEndless(fn: (each: TestBalancer) => Promise<void>): Promise<void> {
  const piece = Buffer.alloc(64 << 10, 'x');
  await withServer(
    ({ url }, response) => {
      response.on('error', () => undefined);
      if (url !== '/endless') {
        response.end('ok');
        return;
      }
      const send = (): void => {
        while (!response.destroyed && response.write(piece));
        response.once('drain', send);
      };
      send();
    },
    ({ url }) => withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, clientTimeoutMs: CLIENT_TIMEOUT_MS }, fn),
  );
}

const requests = (): Buffer[] => Array.from({ length: STREAMS }, (_, n) => headersFrame(2 * n + 1, WANTED));

test('windows that stay shut: the streams are ended, what waits is bounded, and another client is served', () =>
  withEndless(({ port, counter, inflight }) =>
    withRawHttp2(port, {}, (bystander) =>
      withRawHttp2(port, { opening: Buffer.concat([PREFACE, settingsFrame([4, 0])]) }, async (client) => {
        const before = process.memoryUsage().rss;
        client.send(...requests());
        await until(() => counter('requests') >= STREAMS);
        assert.is(await bystander.send(headersFrame(1, getFields())).status(1), 200);
        await until(() => inflight().balancer === 0);
        assert.is(counter('timeouts_client_answer'), STREAMS);
        const grown = process.memoryUsage().rss - before;
        assert.ok(grown < MUCH_BYTES, `memory grew by ${Math.round(grown / 2 ** 20)} MiB`);
      }),
    ),
  ));

test('a socket that is not read: the streams are ended, what waits is bounded, and another client is served', () =>
  withEndless(({ port, counter, inflight }) =>
    withRawHttp2(port, {}, (bystander) =>
      withRawHttp2(port, { opening: Buffer.concat([PREFACE, settingsFrame([4, 2 ** 31 - 1])]) }, async (client) => {
        const before = process.memoryUsage().rss;
        client.socket.pause();
        // The connection's window is open too: only the socket stands in the way.
        client.send(Buffer.from('0000040800000000007fff0000', 'hex'), ...requests());
        await until(() => counter('requests') >= STREAMS);
        assert.is(await bystander.send(headersFrame(1, getFields())).status(1), 200);
        await until(() => inflight().balancer === 0);
        assert.ok(counter('timeouts_client_answer') > 0);
        const grown = process.memoryUsage().rss - before;
        assert.ok(grown < MUCH_BYTES, `memory grew by ${Math.round(grown / 2 ** 20)} MiB`);
      }),
    ),
  ));

test.run();
