// RFC 9113, section 6, on raw connections: each type of frame, its sizes, streams and values, and flow control.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG, FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import { encodeFields } from '../../support/hpack.js';
import {
  continuationFrame,
  dataFrame,
  frame,
  type Frame,
  getFields,
  headersFrame,
  OPENING,
  pingFrame,
  postFields,
  priorityFrame,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  windowFrame,
} from '../../support/http2-frames.js';
import { ARE_PRIORITIES_IGNORED, runCases } from '../../support/http2-spec.js';

const test = suite('RFC 9113: frames');

const GET = headersFrame(1, getFields());
const HANG = headersFrame(1, getFields().with(2, [':path', '/hang']));
/** A request for 100 bytes. */
const HUNDRED = headersFrame(1, getFields().with(2, [':path', '/hundred']));
const OPEN = headersFrame(1, postFields(), 0);
const BLOCK = encodeFields(getFields());
const begun = (length: number): Buffer => frame(FRAME.headers, FLAG.endStream, 1, BLOCK.subarray(0, length));
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');

const INITIAL_WINDOW = 4;

test('section 6.1: DATA', () =>
  runCases([
    { name: 'DATA', send: [OPEN, dataFrame(1, 'hello', true)], status: 200 },
    { name: 'DATA in several frames', send: [OPEN, dataFrame(1, 'he'), dataFrame(1, 'llo', true)], status: 200 },
    { name: 'an empty DATA ends the stream', send: [OPEN, dataFrame(1, 'hello'), dataFrame(1, '', true)], status: 200 },
    { name: 'DATA with padding', send: [OPEN, frame(FRAME.data, 0x9, 1, bytes('0568656c6c6f0000000000'))], status: 200 },
    { name: 'DATA of padding alone', send: [OPEN, frame(FRAME.data, 0x9, 1, bytes('020000'))], status: 200 },
    { name: 'DATA on stream 0', send: [OPEN, dataFrame(0, 'x')], goaway: 'PROTOCOL_ERROR' },
    { name: 'padding as long as the payload', send: [OPEN, frame(FRAME.data, 0x9, 1, bytes('0668656c6c6f'))], goaway: 'PROTOCOL_ERROR' },
    { name: 'padding longer than the payload', send: [OPEN, frame(FRAME.data, 0x9, 1, bytes('ff68'))], goaway: 'PROTOCOL_ERROR' },
    {
      name: 'the flag of padding on an empty frame',
      send: [OPEN, frame(FRAME.data, 0x9, 1)],
      goaway: ['FRAME_SIZE_ERROR', 'PROTOCOL_ERROR'],
    },
  ]));

test('section 6.2: HEADERS', () =>
  runCases([
    { name: 'HEADERS', send: GET, status: 200 },
    { name: 'HEADERS with padding', send: frame(FRAME.headers, 0xd, 1, Buffer.concat([bytes('03'), BLOCK, bytes('000000')])), status: 200 },
    {
      name: 'HEADERS with padding and a priority',
      send: frame(FRAME.headers, 0x2d, 1, Buffer.concat([bytes('03000000000f'), BLOCK, bytes('000000')])),
      status: 200,
    },
    { name: 'HEADERS on stream 0', send: headersFrame(0, getFields()), goaway: 'PROTOCOL_ERROR' },
    {
      name: 'padding longer than the payload',
      send: frame(FRAME.headers, 0xd, 1, Buffer.concat([bytes('ff'), BLOCK.subarray(0, 20)])),
      goaway: 'PROTOCOL_ERROR',
    },
    { name: 'a priority that is cut off', send: frame(FRAME.headers, 0x25, 1, bytes('0000')), goaway: 'FRAME_SIZE_ERROR' },
    { name: 'HEADERS without fields', send: headersFrame(1, Buffer.alloc(0)), reset: 'PROTOCOL_ERROR' },
  ]));

test('section 6.3: PRIORITY', () =>
  runCases([
    { name: 'PRIORITY', send: [HANG, priorityFrame(1, 0, 255)], isServing: true },
    {
      name: 'PRIORITY on stream 0',
      send: priorityFrame(0, 1),
      ...(ARE_PRIORITIES_IGNORED ? { isServing: true } : { goaway: 'PROTOCOL_ERROR' }),
    },
    {
      name: 'PRIORITY of 4 bytes: nghttp2 ends the connection, not the stream',
      send: [HANG, frame(FRAME.priority, 0, 1, bytes('00000000'))],
      goaway: 'FRAME_SIZE_ERROR',
    },
    {
      name: 'PRIORITY of 6 bytes: nghttp2 ends the connection, not the stream',
      send: [HANG, frame(FRAME.priority, 0, 1, bytes('000000000000'))],
      goaway: 'FRAME_SIZE_ERROR',
    },
  ]));

test('section 6.4: RST_STREAM', () =>
  runCases([
    { name: 'RST_STREAM', send: [HANG, resetFrame(1, 'CANCEL')], isServing: true },
    { name: 'RST_STREAM on stream 0', send: resetFrame(0, 'CANCEL'), goaway: 'PROTOCOL_ERROR' },
    { name: 'RST_STREAM on an idle stream', send: resetFrame(3, 'CANCEL'), goaway: 'PROTOCOL_ERROR' },
    { name: 'RST_STREAM of 3 bytes', send: [HANG, frame(FRAME.rstStream, 0, 1, bytes('000008'))], goaway: 'FRAME_SIZE_ERROR' },
    { name: 'RST_STREAM of 5 bytes', send: [HANG, frame(FRAME.rstStream, 0, 1, bytes('0000000008'))], goaway: 'FRAME_SIZE_ERROR' },
  ]));

const opening = (id: number, value: number): Buffer => Buffer.concat([OPENING.subarray(0, 24), settingsFrame([id, value])]);

test('section 6.5: SETTINGS', () =>
  runCases([
    { name: 'an acknowledgement with a payload', send: frame(FRAME.settings, FLAG.ack, 0, Buffer.alloc(6)), goaway: 'FRAME_SIZE_ERROR' },
    { name: 'SETTINGS on a stream', send: frame(FRAME.settings, 0, 1), goaway: 'PROTOCOL_ERROR' },
    { name: 'SETTINGS of 3 bytes', send: frame(FRAME.settings, 0, 0, bytes('000300')), goaway: 'FRAME_SIZE_ERROR' },
    { name: 'SETTINGS_ENABLE_PUSH 2', send: settingsFrame([2, 2]), goaway: 'PROTOCOL_ERROR' },
    { name: 'SETTINGS_INITIAL_WINDOW_SIZE above 2^31 - 1', send: settingsFrame([INITIAL_WINDOW, 2 ** 31]), goaway: 'FLOW_CONTROL_ERROR' },
    { name: 'SETTINGS_MAX_FRAME_SIZE below 2^14', send: settingsFrame([5, 16_383]), goaway: 'PROTOCOL_ERROR' },
    { name: 'SETTINGS_MAX_FRAME_SIZE above 2^24 - 1', send: settingsFrame([5, 2 ** 24]), goaway: 'PROTOCOL_ERROR' },
    { name: 'SETTINGS_HEADER_TABLE_SIZE 0', send: [settingsFrame([1, 0]), GET], status: 200 },
    { name: 'SETTINGS_HEADER_TABLE_SIZE of 4 GiB', send: [settingsFrame([1, 2 ** 32 - 1]), GET], status: 200 },
    { name: 'SETTINGS_ENABLE_CONNECT_PROTOCOL 2', send: settingsFrame([8, 2]), goaway: 'PROTOCOL_ERROR' },
    { name: 'a setting that is not known', send: [settingsFrame([0xff, 1]), GET], status: 200 },
    {
      name: 'a setting twice: the last one counts',
      opening: Buffer.concat([OPENING.subarray(0, 24), settingsFrame([INITIAL_WINDOW, 100], [INITIAL_WINDOW, 1])]),
      send: HUNDRED,
      status: 200,
      check: async (client) => {
        const { payload } = await client.frame('DATA', ({ type }) => type === FRAME.data);
        assert.is(payload.length, 1);
      },
    },
    {
      name: 'each SETTINGS is acknowledged',
      send: [settingsFrame(), settingsFrame([INITIAL_WINDOW, 1000])],
      isServing: true,
      check: ({ frames }) => assert.is(frames.filter(({ type, flags }) => type === FRAME.settings && flags === FLAG.ack).length, 3),
    },
    {
      name: 'more settings in one frame than node:http2 takes (32)',
      send: settingsFrame(...Array.from({ length: 100 }, (_, i) => [0x100 + i, 1] as const)),
      goaway: 'ENHANCE_YOUR_CALM',
    },
  ]));

test('section 6.6: PUSH_PROMISE', () =>
  runCases([
    {
      name: 'a client pushes',
      send: [HANG, frame(FRAME.pushPromise, FLAG.endHeaders, 1, Buffer.concat([bytes('00000002'), BLOCK]))],
      goaway: 'PROTOCOL_ERROR',
    },
    {
      name: 'a client pushes on stream 0',
      send: frame(FRAME.pushPromise, FLAG.endHeaders, 0, Buffer.concat([bytes('00000002'), BLOCK])),
      goaway: 'PROTOCOL_ERROR',
    },
  ]));

test('section 6.7: PING', () =>
  runCases([
    {
      name: 'a PING is answered with its bytes',
      send: pingFrame('abcdefgh'),
      isServing: true,
      check: ({ frames }) =>
        assert.ok(
          frames.some(({ type, flags, payload }) => type === FRAME.ping && flags === FLAG.ack && payload.toString() === 'abcdefgh'),
        ),
    },
    { name: 'an answer to no PING: node:http2 takes it for an attack', send: pingFrame('abcdefgh', true), goaway: 'PROTOCOL_ERROR' },
    { name: 'PING on a stream', send: [HANG, frame(FRAME.ping, 0, 1, Buffer.alloc(8))], goaway: 'PROTOCOL_ERROR' },
    { name: 'PING of 7 bytes', send: frame(FRAME.ping, 0, 0, Buffer.alloc(7)), goaway: 'FRAME_SIZE_ERROR' },
    { name: 'PING of 9 bytes', send: frame(FRAME.ping, 0, 0, Buffer.alloc(9)), goaway: 'FRAME_SIZE_ERROR' },
    {
      name: 'an answer to SETTINGS that were not sent: node:http2 takes it for an attack',
      send: [SETTINGS_ACK, SETTINGS_ACK, SETTINGS_ACK, SETTINGS_ACK],
      goaway: 'PROTOCOL_ERROR',
    },
  ]));

test('section 6.8: GOAWAY', () =>
  runCases([
    { name: 'GOAWAY on a stream', send: [HANG, frame(FRAME.goaway, 0, 1, Buffer.alloc(8))], goaway: 'PROTOCOL_ERROR' },
    { name: 'GOAWAY of 7 bytes', send: frame(FRAME.goaway, 0, 0, Buffer.alloc(7)), goaway: 'FRAME_SIZE_ERROR' },
    {
      name: 'GOAWAY: the connection ends when its streams have',
      send: async (client) => client.send(GET, frame(FRAME.goaway, 0, 0, Buffer.alloc(8))).closed(),
      check: async (client) => assert.is(await client.status(1), 200),
    },
  ]));

/** The bytes of DATA that came on a stream. */
const dataOf = (frames: readonly Frame[], stream: number): number =>
  frames.filter(({ type, streamId }) => type === FRAME.data && streamId === stream).reduce((sum, { payload }) => sum + payload.length, 0);

test('section 6.9: WINDOW_UPDATE and flow control', () =>
  runCases([
    { name: 'WINDOW_UPDATE on the connection', send: [windowFrame(0, 100), GET], status: 200 },
    { name: 'WINDOW_UPDATE on a stream', send: [OPEN, windowFrame(1, 100), dataFrame(1, 'x', true)], status: 200 },
    { name: 'an increment of 0 on the connection', send: windowFrame(0, 0), goaway: 'PROTOCOL_ERROR' },
    {
      name: 'an increment of 0 on a stream: nghttp2 ends the connection, not the stream',
      send: [HANG, windowFrame(1, 0)],
      goaway: 'PROTOCOL_ERROR',
    },
    { name: 'WINDOW_UPDATE of 3 bytes', send: frame(FRAME.windowUpdate, 0, 0, bytes('000001')), goaway: 'FRAME_SIZE_ERROR' },
    {
      name: 'WINDOW_UPDATE of 5 bytes on a stream',
      send: [HANG, frame(FRAME.windowUpdate, 0, 1, bytes('0000000001'))],
      goaway: 'FRAME_SIZE_ERROR',
    },
    {
      name: 'the window of the connection above 2^31 - 1',
      send: [windowFrame(0, 2 ** 31 - 1), windowFrame(0, 2 ** 31 - 1)],
      goaway: 'FLOW_CONTROL_ERROR',
    },
    {
      name: 'the window of a stream above 2^31 - 1',
      send: [HANG, windowFrame(1, 2 ** 31 - 1), windowFrame(1, 2 ** 31 - 1)],
      either: 'FLOW_CONTROL_ERROR',
    },
    {
      name: 'no more DATA than the window allows',
      opening: opening(INITIAL_WINDOW, 1),
      send: HUNDRED,
      status: 200,
      check: async (client) => {
        assert.is(dataOf(client.frames, 1), 1);
        client.send(windowFrame(1, 10));
        await client.isServing('11 bytes');
        await client.frame('more DATA', () => dataOf(client.frames, 1) === 11);
      },
    },
    {
      name: 'the window may grow while an answer waits for it',
      opening: opening(INITIAL_WINDOW, 0),
      send: HUNDRED,
      status: 200,
      check: async (client) => {
        assert.is(dataOf(client.frames, 1), 0);
        client.send(settingsFrame([INITIAL_WINDOW, 1]));
        await client.frame('DATA', ({ type }) => type === FRAME.data);
        assert.is(dataOf(client.frames, 1), 1);
      },
    },
    {
      name: 'the window may become negative, and then grow again',
      opening: opening(INITIAL_WINDOW, 3),
      send: HUNDRED,
      status: 200,
      check: async (client) => {
        await client.frame('DATA', () => dataOf(client.frames, 1) === 3);
        client.send(settingsFrame([INITIAL_WINDOW, 2]), windowFrame(1, 1));
        await client.isServing('negative');
        assert.is(dataOf(client.frames, 1), 3);
        client.send(windowFrame(1, 1));
        await client.frame('DATA', () => dataOf(client.frames, 1) === 4);
      },
    },
    {
      name: 'SETTINGS that lift a window above 2^31 - 1',
      send: [HANG, windowFrame(1, 2 ** 31 - 1 - 65_535), settingsFrame([INITIAL_WINDOW, 65_536])],
      either: 'FLOW_CONTROL_ERROR',
    },
  ]));

test('section 6.10: CONTINUATION', () =>
  runCases([
    {
      name: 'several CONTINUATION frames',
      send: [begun(5), continuationFrame(1, BLOCK.subarray(5, 9), false), continuationFrame(1, BLOCK.subarray(9), true)],
      status: 200,
    },
    { name: 'an empty last CONTINUATION', send: [begun(BLOCK.length), continuationFrame(1, Buffer.alloc(0), true)], status: 200 },
    { name: 'DATA instead of CONTINUATION', send: [begun(5), dataFrame(1, 'x')], goaway: 'PROTOCOL_ERROR' },
    { name: 'CONTINUATION on stream 0', send: [begun(5), continuationFrame(0, BLOCK.subarray(5), true)], goaway: 'PROTOCOL_ERROR' },
    { name: 'CONTINUATION after the end of a block', send: [HANG, continuationFrame(1, BLOCK, true)], goaway: 'PROTOCOL_ERROR' },
    {
      name: 'CONTINUATION after a CONTINUATION that ended the block',
      send: [begun(5), continuationFrame(1, BLOCK.subarray(5), true), continuationFrame(1, BLOCK, true)],
      goaway: 'PROTOCOL_ERROR',
    },
    { name: 'CONTINUATION after DATA', send: [OPEN, dataFrame(1, 'x'), continuationFrame(1, BLOCK, true)], goaway: 'PROTOCOL_ERROR' },
    { name: 'CONTINUATION before any HEADERS', send: continuationFrame(1, BLOCK, true), goaway: 'PROTOCOL_ERROR' },
    {
      name: 'nothing but CONTINUATION of another stream',
      send: [begun(5), continuationFrame(3, BLOCK.subarray(5), true)],
      goaway: 'PROTOCOL_ERROR',
    },
  ]));

test.run();
