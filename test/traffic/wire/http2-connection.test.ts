// An HTTP/2 connection, both of its sides in memory: requests and answers, windows, ends, resets, and what breaks it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Http2Connection, type Http2Events, type Http2Rules } from '../../../lib/traffic/wire/http2-connection.js';
import { errorCodeOf, FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import type { Http2Stream, StreamUser } from '../../../lib/traffic/wire/http2-stream.js';
import { frame, headersFrame, OPENING, windowFrame } from '../../support/http2-frames.js';

const test = suite('http2-connection');

const RULES: Http2Rules = {
  isServer: true,
  maxStreams: 3,
  streamWindow: 64 << 10,
  connectionWindow: 1 << 20,
  maxListSize: 8 << 10,
  maxBlock: 64 << 10,
  maxContinuations: 8,
  isConnectOffered: true,
};

const GET: readonly string[] = [':method', 'GET', ':scheme', 'http', ':authority', 'a', ':path', '/'];
const OK: readonly string[] = [':status', '200'];

/** Keeps what comes on a stream. */
class Recorder implements StreamUser {
  readonly heads: (readonly string[])[] = [];
  body = '';
  ends = 0;
  resets: number[] = [];
  rooms = 0;

  onHeaders(fields: readonly string[], isEnd: boolean): void {
    this.heads.push(fields);
    if (isEnd) this.ends++;
  }

  onData(bytes: Buffer): void {
    this.body += bytes.toString('latin1');
  }

  onEnd(): void {
    this.ends++;
  }

  onReset(code: number): void {
    this.resets.push(code);
  }

  onSent(): void {
    // Not looked at.
  }

  onRoom(): void {
    this.rooms++;
  }
}

/** One side, with what its events said. */
class Side implements Http2Events {
  readonly connection: Http2Connection;
  /** The streams that the other side has opened. */
  readonly streams: { readonly stream: Http2Stream; readonly user: Recorder; readonly fields: unknown }[] = [];
  readonly errors: string[] = [];
  readonly closed: number[] = [];
  goaway: number | undefined;
  pongs = 0;

  constructor(rules: Http2Rules) {
    this.connection = new Http2Connection(rules, this);
  }

  onStream(stream: Http2Stream, fields: readonly string[] | 'LIST_TOO_LARGE'): void {
    const user = new Recorder();
    stream.user = user;
    this.streams.push({ stream, user, fields });
  }

  onGoaway(lastId: number): void {
    this.goaway = lastId;
  }

  onPong(): void {
    this.pongs++;
  }

  onStreamClosed({ id }: Http2Stream): void {
    this.closed.push(id);
  }

  onError(error: string): void {
    this.errors.push(error);
  }

  onFrame(): boolean {
    return true;
  }

  onOutput(): void {
    // Taken by `exchange`.
  }

  onSent(): void {
    // Not looked at.
  }

  onSettings(): void {
    // Not looked at.
  }
}

/** Two sides of a connection. */
interface Pair {
  readonly client: Side;
  readonly server: Side;
  /** Passes bytes on until neither side has any, in pieces of this size. */
  exchange(size?: number): void;
}

function pair(rules: Partial<Http2Rules> = {}): Pair {
  const client = new Side({ ...RULES, isServer: false, isConnectOffered: false });
  const server = new Side({ ...RULES, ...rules });
  const pass = (from: Side, to: Side, size: number): number => {
    const bytes = Buffer.concat(from.connection.take());
    for (let at = 0; at < bytes.length; at += size) to.connection.receive(bytes.subarray(at, at + size));
    return bytes.length;
  };
  const exchange = (size = 1 << 20): void => {
    while (pass(client, server, size) + pass(server, client, size) > 0);
  };
  exchange();
  return { client, server, exchange };
}

/** Opens a stream and sends its head. */
function ask({ connection }: Side, isEnd: boolean, own: readonly string[] = []): { stream: Http2Stream; user: Recorder } {
  const stream = connection.open() as Http2Stream;
  const user = new Recorder();
  stream.user = user;
  stream.sendHeaders(GET, own, isEnd);
  return { stream, user };
}

const at = <T>(list: readonly T[], index: number): T => list[index] as T;

test('requests and answers pass, with bodies and trailers, however the bytes are cut', () => {
  for (const size of [1, 7, 1 << 20]) {
    const { client, server, exchange } = pair();
    const one = ask(client, false, ['x', '1']);
    one.stream.sendData(Buffer.from('hello'), false);
    one.stream.end(['sum', '5']);
    exchange(size);
    const { stream, user, fields } = at(server.streams, 0);
    assert.equal(fields, [...GET, 'x', '1']);
    assert.equal([user.body, user.heads, user.ends], ['hello', [['sum', '5']], 1]);
    stream.sendHeaders(OK, [], false);
    stream.sendData(Buffer.from('world'), true);
    exchange(size);
    assert.equal([one.user.heads, one.user.body, one.user.ends], [[OK], 'world', 1]);
    assert.equal([client.closed, server.closed, client.connection.size], [[1], [1], 0]);
    assert.equal([client.errors, server.errors], [[], []]);
  }
});

test('a body is held back by the window of its stream alone, and all of it arrives', () => {
  const { client, server, exchange } = pair();
  const slow = ask(client, true);
  const other = ask(client, true);
  exchange();
  slow.stream.pause();
  const body = Buffer.alloc(300_000, 'x');
  for (const { stream } of server.streams) {
    stream.sendHeaders(OK, [], false);
    assert.is(stream.sendData(body, true), false);
  }
  exchange();
  assert.equal([other.user.body.length, other.user.ends], [300_000, 1]);
  assert.equal([slow.user.body.length, slow.user.ends], [0, 0]);
  assert.is(at(server.streams, 0).stream.queued, 300_000 - (64 << 10));
  slow.stream.resume();
  exchange();
  assert.equal([slow.user.body.length, slow.user.ends], [300_000, 1]);
});

test('a full socket holds all streams back, which then go on in turn', () => {
  const { client, server, exchange } = pair();
  const asked = [ask(client, true), ask(client, true)];
  exchange();
  server.connection.setBlocked(true);
  for (const { stream } of server.streams) stream.sendData(Buffer.alloc(40_000, 'x'), false);
  exchange();
  assert.equal(
    asked.map(({ user }) => user.body.length),
    [0, 0],
  );
  server.connection.setBlocked(false);
  exchange();
  assert.equal(
    asked.map(({ user }) => user.body.length),
    [40_000, 40_000],
  );
  assert.equal(
    server.streams.map(({ user }) => user.rooms),
    [1, 1],
  );
});

test('more streams than may be open are refused, and a place that is free again is used', () => {
  const { client, server, exchange } = pair();
  const asked = [1, 2, 3, 4].map(() => ask(client, true));
  exchange();
  assert.equal(
    asked.map(({ user }) => user.resets),
    [[], [], [], [errorCodeOf('REFUSED_STREAM')]],
  );
  at(server.streams, 0).stream.sendHeaders(OK, [], true);
  ask(client, true);
  exchange();
  assert.is(server.streams.length, 4);
});

test('a reset ends the stream for the other side, once, and GOAWAY those that are not processed', () => {
  const { client, server, exchange } = pair();
  const asked = [ask(client, false), ask(client, false)];
  exchange();
  asked[0]?.stream.reset(errorCodeOf('CANCEL'));
  exchange();
  assert.equal(
    server.streams.map(({ user }) => user.resets),
    [[errorCodeOf('CANCEL')], []],
  );
  server.connection.goaway(1, 'NO_ERROR');
  exchange();
  assert.equal([client.goaway, asked[1]?.user.resets], [1, [errorCodeOf('REFUSED_STREAM')]]);
  client.connection.ping();
  exchange();
  assert.is(client.pongs, 1);
});

test('a list that is too large is said to be, and the connection goes on', () => {
  const { client, server, exchange } = pair();
  ask(client, true, ['x', 'y'.repeat(9000)]);
  ask(client, true);
  exchange();
  assert.equal(
    server.streams.map(({ fields }) => fields),
    ['LIST_TOO_LARGE', GET],
  );
});

test('what breaks the protocol ends the connection with the error that the RFC names', () => {
  const block = Buffer.from([0x82, 0x86, 0x84]);
  for (const [name, bytes, error] of [
    ['no preface', Buffer.from('GET / HTTP/1.1\r\n\r\n'.padEnd(24)), 'PROTOCOL_ERROR'],
    ['a frame that is too long', Buffer.concat([OPENING, frame(FRAME.data, 0, 1, Buffer.alloc(16_385))]), 'FRAME_SIZE_ERROR'],
    ['an even stream', Buffer.concat([OPENING, headersFrame(2, block)]), 'PROTOCOL_ERROR'],
    ['DATA on an idle stream', Buffer.concat([OPENING, frame(FRAME.data, 0, 1, Buffer.from('x'))]), 'PROTOCOL_ERROR'],
    ['CONTINUATION alone', Buffer.concat([OPENING, frame(FRAME.continuation, 4, 1, block)]), 'PROTOCOL_ERROR'],
    ['PUSH_PROMISE', Buffer.concat([OPENING, frame(FRAME.pushPromise, 4, 1, Buffer.alloc(4))]), 'PROTOCOL_ERROR'],
    ['a block that can’t be decoded', Buffer.concat([OPENING, headersFrame(1, Buffer.from([0x80]))]), 'COMPRESSION_ERROR'],
    ['WINDOW_UPDATE of 0', Buffer.concat([OPENING, windowFrame(0, 0)]), 'PROTOCOL_ERROR'],
    ['a window that overflows', Buffer.concat([OPENING, windowFrame(0, 2 ** 31 - 1)]), 'FLOW_CONTROL_ERROR'],
  ] as const) {
    const server = new Side(RULES);
    server.connection.receive(bytes);
    assert.equal(server.errors, [error], name);
    const [type, code] = ((sent: Buffer) => [sent[sent.length - 17 + 3], sent.readUInt32BE(sent.length - 4)])(
      Buffer.concat(server.connection.take()),
    );
    assert.equal([type, code], [FRAME.goaway, errorCodeOf(error)], name);
  }
});

test.run();
