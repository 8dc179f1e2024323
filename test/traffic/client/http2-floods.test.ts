// Attacks over HTTP/2 on a real balancer: each connection that floods is ended and counted, while another one is served.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG, FRAME, MAX_FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import { until, withServer } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { encodeFields, hpackIndexed } from '../../support/hpack.js';
import {
  continuationFrame,
  dataFrame,
  frame,
  getFields,
  headersFrame,
  pingFrame,
  postFields,
  priorityFrame,
  type RawHttp2,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  windowFrame,
  withRawHttp2,
} from '../../support/http2-frames.js';

const test = suite('HTTP/2: floods');

const HANG = getFields().with(2, [':path', '/hang']);
const BLOCK = encodeFields(getFields());
const ENHANCE_YOUR_CALM = 11;
/** As many as each budget is at once, by default. */
const AT_ONCE = 100;
/** How many units an attack sends at most: far above any bound. */
const UNITS = 3000;

/** The id of the n-th request, from 0. */
const stream = (n: number): number => 2 * n + 1;

/** A balancer with HTTP/2 in plain; its host never answers `/hang`. */
async function withTarget(fn: (each: TestBalancer, seen: string[]) => Promise<void>): Promise<void> {
  const seen: string[] = [];
  await withServer(
    ({ url = '' }, response) => {
      seen.push(url);
      if (url !== '/hang') response.end('ok');
    },
    ({ url }) => withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true }, (each) => fn(each, seen)),
  );
}

interface Attack {
  readonly name: string;
  readonly counter: string;
  /** What is sent first. */
  readonly first?: readonly Buffer[];
  /** What is sent again and again. @param n from 0 */
  readonly unit: (n: number) => readonly Buffer[];
  /** How many units are within bounds; AT_ONCE - 10 by default, since a connection begins with frames of its own. */
  readonly allowed?: number;
}

const ATTACKS: readonly Attack[] = [
  {
    name: 'rapid reset: requests that are cancelled at once',
    counter: 'http2_refused_rapid_reset',
    unit: (n) => [headersFrame(stream(n), HANG), resetFrame(stream(n), 'CANCEL')],
  },
  {
    name: 'made you reset: malformed requests',
    counter: 'http2_refused_made_reset',
    unit: (n) => [headersFrame(stream(n), getFields(['te', 'gzip']))],
  },
  {
    name: 'made you reset: bodies that break their Content-Length',
    counter: 'http2_refused_made_reset',
    unit: (n) => [headersFrame(stream(n), postFields(['content-length', '3']), 0), dataFrame(stream(n), 'xy', true)],
  },
  {
    name: 'requests above the limit that the client does not acknowledge',
    counter: 'http2_refused_made_reset',
    unit: (n) => [headersFrame(stream(n), HANG)],
    // 100 are in progress, and as many may be refused.
    allowed: 190,
  },
  {
    name: 'CONTINUATION without end and without bytes',
    counter: 'http2_refused_continuation',
    first: [frame(FRAME.headers, FLAG.endStream, 1, BLOCK)],
    unit: () => [continuationFrame(1, Buffer.alloc(0), false)],
    allowed: 8,
  },
  {
    name: 'CONTINUATION far above --max-header-size',
    counter: 'http2_refused_continuation',
    first: [frame(FRAME.headers, FLAG.endStream, 1, BLOCK)],
    unit: (n) => [continuationFrame(1, encodeFields([[`x-${n}`, 'x'.repeat(12_000)]]), false)],
    // 64 KiB.
    allowed: 5,
  },
  { name: 'SETTINGS', counter: 'http2_refused_settings', unit: () => [settingsFrame([4, 65_535])] },
  { name: 'PING', counter: 'http2_refused_ping', unit: () => [pingFrame()] },
  { name: 'PRIORITY', counter: 'http2_refused_priority', unit: (n) => [priorityFrame(stream(n), 0)] },
  { name: 'WINDOW_UPDATE', counter: 'http2_refused_window_update', unit: () => [windowFrame(0, 1)] },
  {
    name: 'DATA without data',
    counter: 'http2_refused_empty_data',
    first: [headersFrame(1, postFields(), 0)],
    unit: () => [dataFrame(1, '')],
  },
  {
    name: 'DATA of padding alone',
    counter: 'http2_refused_empty_data',
    first: [headersFrame(1, postFields(), 0)],
    unit: () => [frame(FRAME.data, FLAG.padded, 1, Buffer.from([1, 0]))],
  },
  { name: 'frames of an unknown type', counter: 'http2_refused_stray', unit: () => [frame(0xbb, 0, 0, Buffer.from('x'))] },
  {
    name: 'resets of one stream again and again',
    counter: 'http2_refused_stray',
    first: [headersFrame(1, HANG)],
    unit: () => [resetFrame(1, 'CANCEL')],
  },
  {
    name: 'header blocks for a stream that has ended',
    counter: 'http2_refused_stray',
    first: [headersFrame(1, HANG), resetFrame(1, 'CANCEL')],
    unit: () => [headersFrame(1, getFields())],
  },
];

for (const { name, counter, first = [], unit, allowed = AT_ONCE - 10 } of ATTACKS) {
  test(`${name}: the connection is ended, and another one is served`, () =>
    withTarget(({ port, counter: count }) =>
      withRawHttp2(port, {}, (bystander) =>
        withRawHttp2(port, {}, async (attacker) => {
          const units = (from: number, to: number): Buffer[] => Array.from({ length: to - from }, (_, i) => unit(from + i)).flat();
          // Within bounds nothing happens: not even to a PING, where one can be sent.
          attacker.send(...first, ...units(0, allowed));
          assert.is(await bystander.send(headersFrame(1, getFields())).status(1), 200);
          assert.is(count(counter), 0);
          assert.not(attacker.isClosed || attacker.hasEnded);
          attacker.send(...units(allowed, UNITS));
          const { payload } = await attacker.frame('GOAWAY', ({ type }) => type === FRAME.goaway);
          assert.is(payload.readUInt32BE(4), ENHANCE_YOUR_CALM);
          await attacker.closed();
          assert.is(count(counter), 1);
          assert.is(count('http2_protocol_errors'), 0);
          assert.is(await bystander.send(headersFrame(3, getFields())).status(3), 200);
          await bystander.isServing();
          assert.is(count('internal_errors'), 0);
        }),
      ),
    ));
}

test('an HPACK bomb ends its request; the connection and others go on', () =>
  withTarget(({ port, counter }, seen) =>
    withRawHttp2(port, {}, async (client) => {
      const field = hpackIndexed(['x-large', 'x'.repeat(3900)]);
      // Each further byte of the block is the whole field again: 40 MB in all.
      const bomb = Buffer.concat([BLOCK, field, Buffer.alloc(10_000, 0xbe)]);
      client.send(headersFrame(1, bomb));
      const { payload } = await client.frame('RST_STREAM', ({ type, streamId }) => type === FRAME.rstStream && streamId === 1);
      assert.is(payload.readUInt32BE(0), ENHANCE_YOUR_CALM);
      assert.is(counter('http2_refused_header_list'), 1);
      assert.is(await client.send(headersFrame(3, getFields())).status(3), 200);
      assert.equal(seen, ['/']);
    }),
  ));

/** A request whose head has a value of so many bytes, in as many frames as it takes. */
function largeHead(streamId: number, size: number): Buffer {
  const block = encodeFields(getFields(['cookie', 'x'.repeat(size)]));
  const parts = Array.from({ length: Math.ceil(block.length / MAX_FRAME) }, (_, i) => block.subarray(i * MAX_FRAME, (i + 1) * MAX_FRAME));
  const last = parts.length - 1;
  return Buffer.concat(
    parts.map((part, i) =>
      i === 0 ? frame(FRAME.headers, FLAG.endStream, streamId, part) : continuationFrame(streamId, part, i === last),
    ),
  );
}

test('a head that is too large is answered 431, one of more than twice the limit reset; the connection and its requests go on', () =>
  withTarget(({ port, counter }, seen) =>
    withRawHttp2(port, {}, async (client) => {
      // The limit for a reset holds from here on.
      client.send(SETTINGS_ACK, headersFrame(1, HANG));
      for (const [n, size] of [17_000, 32_768, 39_000].entries()) {
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        assert.is(await client.send(largeHead(stream(n + 1), size)).status(stream(n + 1)), 431);
        assert.is(counter('refused_header_size'), n + 1);
      }
      for (const [n, size] of [41_000, 65_000].entries()) {
        const id = stream(n + 4);
        // oxlint-disable-next-line no-await-in-loop -- one after the other
        const { payload } = await client
          .send(largeHead(id, size))
          .frame('RST_STREAM', ({ type, streamId }) => type === FRAME.rstStream && streamId === id);
        assert.is(payload.readUInt32BE(0), ENHANCE_YOUR_CALM);
        assert.is(counter('http2_refused_header_list'), n + 1);
      }
      assert.is(await client.send(headersFrame(stream(6), getFields())).status(stream(6)), 200);
      assert.equal(seen, ['/hang', '/']);
      assert.is(counter('http2_refused_continuation'), 0);
    }),
  ));

test('a client that cancels no more than half of its requests is never refused', () =>
  withTarget(({ port, counter }) =>
    withRawHttp2(port, {}, async (client) => {
      for (let n = 0; n < 4 * AT_ONCE; n += 2) {
        client.send(headersFrame(stream(n), getFields()), headersFrame(stream(n + 1), HANG), resetFrame(stream(n + 1), 'CANCEL'));
        // oxlint-disable-next-line no-await-in-loop -- each answer adds to the budget
        assert.is(await client.status(stream(n)), 200);
      }
      assert.is(counter('http2_refused_rapid_reset'), 0);
      await client.isServing();
    }),
  ));

test('a client may acknowledge each frame of an answer, on its stream and the connection', () =>
  withServer(
    (_, response) => void response.end('x'.repeat(1 << 20)),
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h', url }], isH2cAccepted: true }, ({ port, counter }) =>
        withRawHttp2(port, {}, async (client: RawHttp2) => {
          let acknowledged = 0;
          let isEnded = false;
          client.send(headersFrame(1, getFields()));
          await until(() => {
            for (; acknowledged < client.frames.length; acknowledged++) {
              const { type, flags, payload } = client.frames[acknowledged] as (typeof client.frames)[number];
              if (type !== FRAME.data) continue;
              isEnded ||= (flags & FLAG.endStream) !== 0;
              if (payload.length > 0) client.send(windowFrame(0, payload.length), ...(isEnded ? [] : [windowFrame(1, payload.length)]));
            }
            return isEnded || client.isClosed;
          });
          assert.ok(isEnded);
          assert.is(counter('http2_refused_window_update'), 0);
        }),
      ),
  ));

test.run();
