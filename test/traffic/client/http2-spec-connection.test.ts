// RFC 9113, sections 3 to 5 and 7, on raw connections: the preface, framing, header blocks, the states of streams, errors,
// and extensions. Where nghttp2 is more lenient than the RFC and nothing can come of it, the case says so.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLAG, FRAME, PREFACE } from '../../../lib/traffic/wire/http2-frames.js';
import { encodeFields } from '../../support/hpack.js';
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
  type RawHttp2,
  resetFrame,
  SETTINGS_ACK,
  settingsFrame,
  windowFrame,
} from '../../support/http2-frames.js';
import { ARE_PRIORITIES_IGNORED, MAX_STREAMS, runCases } from '../../support/http2-spec.js';

const test = suite('RFC 9113: connections and streams');

const GET = headersFrame(1, getFields());
const HANG = getFields().with(2, [':path', '/hang']);
const OPEN = headersFrame(1, postFields(), 0);
const BLOCK = encodeFields(getFields());
/** The beginning of a header block. */
const BEGUN = frame(FRAME.headers, FLAG.endStream, 1, BLOCK.subarray(0, 10));
/** One request more than may be in progress. */
const TOO_MANY = Array.from({ length: MAX_STREAMS + 1 }, (_, i) => headersFrame(2 * i + 1, HANG));
/** A stream that the balancer has answered and closed. */
const answered = async (client: RawHttp2): Promise<unknown> => client.send(GET).status(1);

test('section 3.4: the preface', () =>
  runCases([
    { name: 'preface, SETTINGS and a request in one piece', send: GET, status: 200 },
    {
      name: 'the balancer begins with SETTINGS, and acknowledges those of the client',
      send: [],
      isServing: true,
      check: ({ frames }) => {
        assert.is(frames[0]?.type, FRAME.settings);
        assert.is(frames.filter(({ type, flags }) => type === FRAME.settings && flags === FLAG.ack).length, 1);
      },
    },
    {
      name: 'everything a byte at a time',
      opening: Buffer.alloc(0),
      send: async (client) => {
        for (const byte of Buffer.concat([OPENING, GET])) client.socket.write(Buffer.from([byte]));
      },
      status: 200,
    },
    { name: 'SETTINGS are not first', opening: Buffer.concat([PREFACE, pingFrame()]), send: [], goaway: 'PROTOCOL_ERROR' },
    { name: 'a request instead of SETTINGS', opening: Buffer.concat([PREFACE, GET]), send: [], goaway: 'PROTOCOL_ERROR' },
    { name: 'an acknowledgement instead of SETTINGS', opening: Buffer.concat([PREFACE, SETTINGS_ACK]), send: [], goaway: 'PROTOCOL_ERROR' },
    { name: 'the preface twice', send: PREFACE, goaway: ['PROTOCOL_ERROR', 'FRAME_SIZE_ERROR'] },
  ]));

test('section 4.1: frames', () =>
  runCases([
    { name: 'a type that is not known is ignored', send: [frame(0x16, 0, 0, Buffer.alloc(8)), GET], status: 200 },
    { name: 'the same on a stream', send: [OPEN, frame(0xff, 0xff, 1, Buffer.alloc(8)), dataFrame(1, 'x', true)], status: 200 },
    { name: 'flags that are not known are ignored', send: frame(FRAME.ping, 0x16, 0, Buffer.from('serving?')), isServing: true },
    {
      name: 'the reserved bit of a stream is ignored',
      send: Buffer.from(GET).fill(0x80, 5, 6),
      status: 200,
    },
  ]));

test('section 4.2: sizes of frames', () =>
  runCases([
    { name: 'DATA of 16,384 bytes', send: [OPEN, dataFrame(1, 'x'.repeat(16_384), true)], status: 200 },
    { name: 'DATA of 16,385 bytes', send: [OPEN, dataFrame(1, 'x'.repeat(16_385), true)], goaway: 'FRAME_SIZE_ERROR' },
    {
      name: 'HEADERS of 16,385 bytes',
      send: frame(FRAME.headers, FLAG.endHeaders | FLAG.endStream, 1, Buffer.alloc(16_385)),
      goaway: 'FRAME_SIZE_ERROR',
    },
    { name: 'a frame of an unknown type of 16,385 bytes', send: frame(0x16, 0, 0, Buffer.alloc(16_385)), goaway: 'FRAME_SIZE_ERROR' },
    { name: 'a frame of 16 MiB', send: Buffer.concat([Buffer.from('ffffff000000000001', 'hex')]), goaway: 'FRAME_SIZE_ERROR' },
  ]));

test('section 4.3: header blocks', () =>
  runCases([
    { name: 'a block in two frames', send: [BEGUN, continuationFrame(1, BLOCK.subarray(10), true)], status: 200 },
    { name: 'a block that cannot be decoded', send: headersFrame(1, Buffer.from('40', 'hex')), goaway: 'COMPRESSION_ERROR' },
    { name: 'PRIORITY within a block', send: [BEGUN, priorityFrame(1, 0)], goaway: 'PROTOCOL_ERROR' },
    { name: 'HEADERS of another stream within a block', send: [BEGUN, headersFrame(3, getFields())], goaway: 'PROTOCOL_ERROR' },
    { name: 'a frame of an unknown type within a block', send: [BEGUN, frame(0x16, 0, 0)], goaway: 'PROTOCOL_ERROR' },
    { name: 'a PING within a block', send: [BEGUN, pingFrame()], goaway: 'PROTOCOL_ERROR' },
    { name: 'CONTINUATION of another stream within a block', send: [BEGUN, continuationFrame(3, BLOCK, true)], goaway: 'PROTOCOL_ERROR' },
    {
      name: 'the block of a refused request still counts for HPACK',
      send: [
        headersFrame(1, Buffer.concat([encodeFields(getFields()), Buffer.from('4001620163', 'hex'), encodeFields([['te', 'gzip']])])),
        headersFrame(3, Buffer.concat([encodeFields(getFields()), Buffer.from('be', 'hex')])),
      ],
      reset: 'PROTOCOL_ERROR',
      check: async (client) => assert.is(await client.status(3), 200),
    },
  ]));

test('section 5.1: states of streams', () =>
  runCases([
    { name: 'idle: DATA', send: dataFrame(1, 'x', true), goaway: 'PROTOCOL_ERROR' },
    { name: 'idle: RST_STREAM', send: resetFrame(1, 'CANCEL'), goaway: 'PROTOCOL_ERROR' },
    { name: 'idle: WINDOW_UPDATE', send: windowFrame(1, 100), goaway: 'PROTOCOL_ERROR' },
    { name: 'idle: CONTINUATION', send: continuationFrame(1, BLOCK, true), goaway: 'PROTOCOL_ERROR' },
    { name: 'idle: PRIORITY is allowed', send: [priorityFrame(1, 0), GET], status: 200 },
    { name: 'half-closed: WINDOW_UPDATE is allowed', send: [GET, windowFrame(1, 100)], status: 200 },
    { name: 'half-closed: PRIORITY is allowed', send: [GET, priorityFrame(1, 0)], status: 200 },
    { name: 'half-closed: RST_STREAM is allowed', send: [headersFrame(1, HANG), resetFrame(1, 'CANCEL')], isServing: true },
    { name: 'half-closed: DATA', send: [headersFrame(1, HANG), dataFrame(1, 'x')], goaway: 'STREAM_CLOSED' },
    { name: 'half-closed: HEADERS', send: [headersFrame(1, HANG), headersFrame(1, getFields())], goaway: 'STREAM_CLOSED' },
    { name: 'half-closed: CONTINUATION', send: [headersFrame(1, HANG), continuationFrame(1, BLOCK, true)], goaway: 'PROTOCOL_ERROR' },
    {
      name: 'reset by the client: PRIORITY is allowed',
      send: [headersFrame(1, HANG), resetFrame(1, 'CANCEL'), priorityFrame(1, 0)],
      isServing: true,
    },
    { name: 'reset by the client: DATA', send: [headersFrame(1, HANG, 0), resetFrame(1, 'CANCEL'), dataFrame(1, 'x')], isServing: true },
    {
      name: 'reset by the client: HEADERS',
      send: [headersFrame(1, HANG, 0), resetFrame(1, 'CANCEL'), headersFrame(1, getFields())],
      isServing: true,
    },
    {
      name: 'reset by the client: CONTINUATION',
      send: [headersFrame(1, HANG), resetFrame(1, 'CANCEL'), continuationFrame(1, BLOCK, true)],
      goaway: 'PROTOCOL_ERROR',
    },
    { name: 'reset twice', send: [headersFrame(1, HANG), resetFrame(1, 'CANCEL'), resetFrame(1, 'CANCEL')], isServing: true },
    {
      name: 'closed by its answer: RST_STREAM is ignored',
      send: async (client) => (await answered(client), client.send(resetFrame(1, 'CANCEL'))),
      isServing: true,
    },
    {
      name: 'closed by its answer: WINDOW_UPDATE is ignored',
      send: async (client) => (await answered(client), client.send(windowFrame(1, 9))),
      isServing: true,
    },
    {
      name: 'closed by its answer: DATA',
      send: async (client) => (await answered(client), client.send(dataFrame(1, 'x'))),
      isServing: true,
    },
    {
      name: 'closed by its answer: HEADERS',
      send: async (client) => (await answered(client), client.send(headersFrame(1, getFields()))),
      isServing: true,
    },
    {
      name: 'closed by its answer: CONTINUATION',
      send: async (client) => (await answered(client), client.send(continuationFrame(1, BLOCK, true))),
      goaway: 'PROTOCOL_ERROR',
    },
  ]));

test('section 5.1.1: numbers of streams', () =>
  runCases([
    { name: 'an even number', send: headersFrame(2, getFields()), goaway: 'PROTOCOL_ERROR' },
    { name: 'a number below one that was used', send: [headersFrame(5, getFields()), headersFrame(3, getFields())], isServing: true },
    { name: 'the highest number', send: headersFrame(0x7fffffff, getFields()), on: 0x7fffffff, status: 200 },
    { name: 'numbers may be left out', send: headersFrame(9, getFields()), on: 9, status: 200 },
  ]));

test('section 5.1.2: streams at once', () =>
  runCases([
    {
      // The RFC makes it a stream error. nghttp2 ends the connection if the client has acknowledged the limit.
      name: 'one more than SETTINGS_MAX_CONCURRENT_STREAMS, which the client knows',
      send: async (client) => {
        client.send(SETTINGS_ACK);
        await client.isServing('settled!');
        client.send(...TOO_MANY);
      },
      goaway: 'PROTOCOL_ERROR',
    },
    {
      name: 'one more than SETTINGS_MAX_CONCURRENT_STREAMS, which the client may not know',
      send: TOO_MANY,
      on: 2 * MAX_STREAMS + 1,
      reset: 'REFUSED_STREAM',
    },
    {
      name: 'SETTINGS say how many',
      send: [],
      isServing: true,
      check: ({ frames }) => {
        const { payload } = frames[0] as { payload: Buffer };
        const settings = new Map(
          Array.from({ length: payload.length / 6 }, (_, i) => [payload.readUInt16BE(6 * i), payload.readUInt32BE(6 * i + 2)]),
        );
        assert.is(settings.get(3), MAX_STREAMS);
      },
    },
  ]));

test('section 5.3: priorities', () =>
  runCases([
    {
      name: 'HEADERS with a weight',
      send: frame(FRAME.headers, 0x25, 1, Buffer.concat([Buffer.from('00000000ff', 'hex'), BLOCK])),
      status: 200,
    },
    {
      name: 'HEADERS with an exclusive dependency',
      send: frame(FRAME.headers, 0x25, 1, Buffer.concat([Buffer.from('8000000000', 'hex'), BLOCK])),
      status: 200,
    },
    {
      name: 'HEADERS that depend on themselves',
      send: frame(FRAME.headers, 0x25, 1, Buffer.concat([Buffer.from('0000000100', 'hex'), BLOCK])),
      goaway: 'PROTOCOL_ERROR',
    },
    {
      name: 'PRIORITY that depends on itself',
      send: [GET, priorityFrame(1, 1)],
      ...(ARE_PRIORITIES_IGNORED ? { status: 200 } : { goaway: 'PROTOCOL_ERROR' }),
    },
    { name: 'PRIORITY on a stream that comes later', send: [priorityFrame(7, 0), GET], status: 200 },
  ]));

test('section 5.4: errors', () =>
  runCases([
    {
      name: 'a connection error says which streams were taken, and the connection ends',
      send: [headersFrame(1, HANG), headersFrame(3, HANG), frame(FRAME.ping, 0, 0, Buffer.alloc(7))],
      goaway: 'FRAME_SIZE_ERROR',
      check: ({ frames }) => assert.is(frames.find(({ type }) => type === FRAME.goaway)?.payload.readUInt32BE(0), 3),
    },
    {
      name: 'a stream error leaves other streams alone',
      send: [headersFrame(1, getFields(['te', 'gzip'])), headersFrame(3, getFields())],
      on: 3,
      status: 200,
    },
  ]));

test('section 5.4.1: an error right after a request that the balancer answers itself', () =>
  runCases([
    {
      name: 'a refused method, and then a stream with an even number',
      send: [headersFrame(1, getFields().with(0, [':method', 'TRACE'])), headersFrame(2, getFields())],
      goaway: 'PROTOCOL_ERROR',
    },
  ]));

test('section 7: error codes', () =>
  runCases([
    {
      name: 'GOAWAY with a code that is not known',
      send: async (client) => (client.send(frame(FRAME.goaway, 0, 0, Buffer.from('00000000000000ff', 'hex'))), client.closed()),
    },
    {
      name: 'RST_STREAM with a code that is not known',
      send: [headersFrame(1, HANG), frame(FRAME.rstStream, 0, 1, Buffer.from('000000ff', 'hex'))],
      isServing: true,
    },
    {
      name: 'GOAWAY with NO_ERROR: open streams are finished',
      send: [GET, goaway(0, 'NO_ERROR')],
      check: async (client) => assert.is(await client.status(1), 200),
    },
    { name: 'SETTINGS after all', send: [settingsFrame([0x99, 1]), GET], status: 200 },
  ]));

test.run();
