// Arbitrary frames over HTTP/2, from a seed, on a real balancer: whatever a client sends, and whenever it goes away, the
// process goes on and serves another client.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FRAME, PREFACE } from '../../../lib/traffic/wire/http2-frames.js';
import { Random } from '../../../lib/routing/random.js';
import { until, withServer } from '../../support/brackets.js';
import { withBalancer } from '../../support/fleet.js';
import { encodeFields, type Field } from '../../support/hpack.js';
import {
  continuationFrame,
  dataFrame,
  frame,
  getFields,
  goaway,
  headersFrame,
  OPENING,
  pingFrame,
  postFields,
  priorityFrame,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  windowFrame,
  withRawHttp2,
} from '../../support/http2-frames.js';

const test = suite('HTTP/2: arbitrary frames');

const ROUNDS = 400;

/** A connection's bytes: mostly valid frames in an order that makes no sense, some of them bent. */
function arbitraryFrames(rng: () => number): Buffer {
  const below = (max: number): number => Math.floor(rng() * max);
  const streamId = (): number => (rng() < 0.9 ? 2 * below(6) + 1 : below(12));
  const bytes = (max: number): Buffer => Buffer.from(Array.from({ length: below(max) }, () => below(256)));
  const path = (): Field => [':path', ['/', '/hang', '/big', '/gone'][below(4)] as string];
  const kinds: readonly (() => Buffer)[] = [
    () => headersFrame(streamId(), getFields().with(2, path()), below(2)),
    () => headersFrame(streamId(), postFields().with(2, path()), 0),
    () => headersFrame(streamId(), bytes(40), below(2)),
    () => headersFrame(streamId(), [['x-trailer', '1']]),
    () => dataFrame(streamId(), bytes(2000), rng() < 0.3),
    () => resetFrame(streamId(), rng() < 0.5 ? 'CANCEL' : 'NO_ERROR'),
    () => windowFrame(rng() < 0.3 ? 0 : streamId(), below(3) === 0 ? 2 ** 31 - 1 : below(1000)),
    () => settingsFrame([1 + below(9), below(3) === 0 ? 0 : below(100_000)]),
    () => (rng() < 0.1 ? SETTINGS_ACK : pingFrame()),
    () => priorityFrame(streamId(), below(10)),
    () => frame(FRAME.headers, below(2), streamId(), encodeFields(getFields())),
    () => continuationFrame(streamId(), bytes(40), rng() < 0.5),
    () => (rng() < 0.1 ? goaway(below(10), rng() < 0.5 ? 'NO_ERROR' : 'PROTOCOL_ERROR') : Buffer.alloc(0)),
    () => frame(below(12), below(64), streamId(), bytes(20)),
  ];
  // Each connection has its own share of nonsense, so that some last.
  const likely = 1 + below(kinds.length);
  const frames = Array.from({ length: 1 + below(40) }, () => {
    const made = (kinds[below(likely)] as () => Buffer)();
    if (rng() < 0.01 && made.length > 0) made[below(made.length)] = below(256);
    return made;
  });
  return Buffer.concat(frames);
}

test('arbitrary frames cost a connection, never the process', () =>
  withServer(
    (incoming, response) => {
      incoming.on('error', () => undefined).resume();
      response.on('error', () => undefined);
      if (incoming.url === '/gone') incoming.socket.destroy();
      else if (incoming.url !== '/hang') response.end(incoming.url === '/big' ? 'x'.repeat(1 << 20) : 'ok');
    },
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true, ejectAfter: 1e9 }, async ({ port, counter, inflight }) => {
        const random = new Random(8);
        const rng = (): number => random.below(2 ** 32) / 2 ** 32;
        for (let round = 0; round < ROUNDS; round++) {
          const opening = rng() < 0.95 ? OPENING : PREFACE;
          // oxlint-disable-next-line no-await-in-loop -- one connection after the other, so that a seed gives the same
          await withRawHttp2(port, { opening }, async (client) => {
            const bytes = arbitraryFrames(rng);
            for (let at = 0; at < bytes.length; ) {
              const size = rng() < 0.5 ? bytes.length : 1 + Math.floor(rng() * 200);
              client.socket.write(bytes.subarray(at, at + size));
              at += size;
              if (rng() < 0.3) await new Promise((resolve) => setImmediate(resolve));
            }
            // Some go at once, some after an answer to a PING, some end their half.
            if (rng() < 0.3) client.socket.end(pingFrame('lastping'));
            else if (rng() < 0.5) await Promise.race([client.isServing().catch(() => undefined), client.closed()]);
          });
        }
        await withRawHttp2(port, {}, async (client) => {
          assert.is(await client.send(headersFrame(1, getFields())).status(1), 200);
          assert.is(counter('internal_errors'), 0);
        });
        await until(() => inflight().balancer === 0 && inflight().hosts === 0, { what: 'no request in flight' });
      }),
  ));

test.run();
