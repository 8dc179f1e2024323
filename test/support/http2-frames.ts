// Raw HTTP/2: any frames in any order, and the frames that come back. As a client it sends what no real client would; as a
// host it answers what no real host would. Every wait has a deadline.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { connect as connectTls, createSecureContext, TLSSocket } from 'node:tls';
import {
  errorCodeOf,
  FLAG,
  FRAME,
  FRAME_HEADER,
  frameHeader,
  goawayFrame,
  type Http2Error,
  PREFACE,
} from '../../lib/traffic/wire/http2-frames.js';
import { encodeFields, type Field, HpackDecoder } from './hpack.js';
import type { TlsPair } from './raw-host.js';
import { until } from './until.js';

/** One frame that came. */
export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
  /** The decoded fields of a HEADERS frame that has END_HEADERS; else empty. */
  readonly fields: readonly Field[];
}

/** Any frame. */
export const frame = (type: number, flags: number, streamId: number, payload: Buffer = Buffer.alloc(0)): Buffer =>
  Buffer.concat([frameHeader(payload.length, type, flags, streamId), payload]);

/** The fields of a plain GET, and more. */
export const getFields = (...more: readonly Field[]): readonly Field[] => [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'x'],
  ...more,
];

/** The fields of a plain POST, and more. */
export const postFields = (...more: readonly Field[]): readonly Field[] => [[':method', 'POST'], ...getFields(...more).slice(1)];

/** HEADERS with END_HEADERS. @param block fields, or a block that was already encoded @param flags END_STREAM by default */
export const headersFrame = (streamId: number, block: readonly Field[] | Buffer, flags: number = FLAG.endStream): Buffer =>
  frame(FRAME.headers, flags | FLAG.endHeaders, streamId, Buffer.isBuffer(block) ? block : encodeFields(block));

/** DATA. @param isLast END_STREAM */
export const dataFrame = (streamId: number, data: Buffer | string, isLast = false): Buffer =>
  frame(FRAME.data, isLast ? FLAG.endStream : 0, streamId, Buffer.from(data as string));

/** SETTINGS with these identifiers and values. */
export function settingsFrame(...settings: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(6 * settings.length);
  for (const [i, [id, value]] of settings.entries()) {
    payload.writeUInt16BE(id, 6 * i);
    payload.writeUInt32BE(value, 6 * i + 2);
  }
  return frame(FRAME.settings, 0, 0, payload);
}

/** The acknowledgement of SETTINGS. */
export const SETTINGS_ACK: Buffer = frame(FRAME.settings, FLAG.ack, 0);

const word = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
};

/** RST_STREAM. */
export const resetFrame = (streamId: number, error: Http2Error): Buffer => frame(FRAME.rstStream, 0, streamId, word(errorCodeOf(error)));

/** PING with eight bytes. */
export const pingFrame = (bytes = 'ping0000', isAck = false): Buffer =>
  frame(FRAME.ping, isAck ? FLAG.ack : 0, 0, Buffer.from(bytes, 'latin1'));

/** WINDOW_UPDATE. */
export const windowFrame = (streamId: number, increment: number): Buffer => frame(FRAME.windowUpdate, 0, streamId, word(increment));

/** PRIORITY. */
export const priorityFrame = (streamId: number, dependsOn: number, weight = 15): Buffer =>
  frame(FRAME.priority, 0, streamId, Buffer.concat([word(dependsOn), Buffer.from([weight])]));

/** CONTINUATION. */
export const continuationFrame = (streamId: number, block: Buffer, isLast: boolean): Buffer =>
  frame(FRAME.continuation, isLast ? FLAG.endHeaders : 0, streamId, block);

/** GOAWAY. */
export const goaway = (lastStreamId: number, error: Http2Error): Buffer => goawayFrame(lastStreamId, errorCodeOf(error));

/** One side of a raw connection, and all that came on it. */
export class RawHttp2 {
  readonly socket: Socket;
  readonly frames: Frame[] = [];
  isClosed = false;
  hasEnded = false;
  readonly #decoder = new HpackDecoder();
  readonly #onFrame: (frame: Frame) => void;
  #bytes: Buffer = Buffer.alloc(0);
  #block: Buffer[] = [];
  #skipped: number;

  /** @param skipped bytes before the first frame: of a client's preface */
  constructor(socket: Socket, skipped = 0, onFrame: (frame: Frame) => void = () => undefined) {
    this.socket = socket;
    this.#skipped = skipped;
    this.#onFrame = onFrame;
    socket.on('data', (bytes: Buffer) => this.#onBytes(bytes));
    socket.on('error', () => undefined);
    socket.on('end', () => (this.hasEnded = true));
    socket.on('close', () => (this.isClosed = true));
  }

  send(...frames: readonly Buffer[]): this {
    this.socket.write(Buffer.concat(frames));
    return this;
  }

  /** Resolves to the first frame, of those that have come and will come, that fits; rejects if the connection ends before. */
  async frame(what: string, fits: (frame: Frame) => boolean): Promise<Frame> {
    await until(() => this.frames.some(fits) || this.isClosed || this.hasEnded, { what: () => `${what}; came: ${this.#seen()}` });
    const found = this.frames.find(fits);
    if (found === undefined) throw new Error(`the connection ended before ${what}; came: ${this.#seen()}`);
    return found;
  }

  /** Resolves to the status of the final answer on a stream. */
  async status(streamId: number): Promise<number> {
    const { fields } = await this.frame(`an answer on stream ${streamId}`, (each) => each.streamId === streamId && statusOf(each) >= 200);
    return Number(fields.find(([name]) => name === ':status')?.[1]);
  }

  /** Resolves when a PING was answered: all that was sent before was read. */
  async isServing(bytes = 'serving?'): Promise<void> {
    this.send(pingFrame(bytes));
    await this.frame(
      'the answer to a PING',
      ({ type, flags, payload }) => type === FRAME.ping && flags === FLAG.ack && payload.toString('latin1') === bytes,
    );
  }

  /** Resolves when the other side has ended the connection. */
  async closed(): Promise<void> {
    await until(() => this.isClosed || this.hasEnded, { what: () => `the end of the connection; came: ${this.#seen()}` });
  }

  #seen(): string {
    return this.frames.map(describeFrame).join(', ');
  }

  #onBytes(bytes: Buffer): void {
    const skipped = Math.min(this.#skipped, bytes.length);
    this.#skipped -= skipped;
    this.#bytes = Buffer.concat([this.#bytes, bytes.subarray(skipped)]);
    while (this.#bytes.length >= FRAME_HEADER) {
      const end = FRAME_HEADER + this.#bytes.readUIntBE(0, 3);
      if (this.#bytes.length < end) return;
      const [type, flags] = [this.#bytes[3] as number, this.#bytes[4] as number];
      const streamId = this.#bytes.readUInt32BE(5);
      const payload = this.#bytes.subarray(FRAME_HEADER, end);
      this.#bytes = this.#bytes.subarray(end);
      const came: Frame = { type, flags, streamId, payload, fields: this.#fieldsOf(type, flags, payload) };
      this.frames.push(came);
      this.#onFrame(came);
    }
  }

  #fieldsOf(type: number, flags: number, payload: Buffer): Field[] {
    if (type !== FRAME.headers && type !== FRAME.continuation) return [];
    const isPadded = type === FRAME.headers && (flags & FLAG.padded) !== 0;
    const start = (isPadded ? 1 : 0) + (type === FRAME.headers && (flags & FLAG.priority) !== 0 ? 5 : 0);
    this.#block.push(payload.subarray(start, payload.length - (isPadded ? (payload[0] as number) : 0)));
    if ((flags & FLAG.endHeaders) === 0) return [];
    const block = Buffer.concat(this.#block);
    this.#block = [];
    return this.#decoder.decode(block);
  }
}

const statusOf = ({ fields }: Frame): number => Number(fields.find(([name]) => name === ':status')?.[1] ?? 0);

const TYPES = Object.keys(FRAME);

/** A frame in a few words. */
export function describeFrame({ type, flags, streamId, payload, fields }: Frame): string {
  const code = type === FRAME.rstStream ? ` ${payload.readUInt32BE(0)}` : type === FRAME.goaway ? ` ${payload.readUInt32BE(4)}` : '';
  const status = fields.length > 0 ? ` ${fields.find(([name]) => name === ':status')?.[1] ?? ''}` : '';
  return `${TYPES[type] ?? type}(${streamId}, flags ${flags}, ${payload.length} bytes${code}${status})`;
}

/** How a raw client connects. */
export interface RawHttp2Options {
  /** Who vouches for the other side: TLS with ALPN h2. Undefined: plain TCP, by prior knowledge. */
  readonly ca?: string | undefined;
  /** What is sent first: the preface and empty SETTINGS by default. */
  readonly opening?: Buffer;
}

/** What a client sends first. */
export const OPENING: Buffer = Buffer.concat([PREFACE, settingsFrame()]);

/** Connects to a port of loopback, then destroys the connection. */
export async function withRawHttp2<T>(
  port: number,
  { ca, opening = OPENING }: RawHttp2Options,
  fn: (client: RawHttp2) => T | Promise<T>,
): Promise<T> {
  const where = { port, host: '127.0.0.1', allowHalfOpen: true };
  const socket = ca === undefined ? connect(where) : connectTls({ ...where, ca, ALPNProtocols: ['h2'] });
  const client = new RawHttp2(socket);
  try {
    client.send(opening);
    return await fn(client);
  } finally {
    socket.destroy();
  }
}

/** A running raw host that speaks HTTP/2. */
export interface RawHttp2Host {
  /** `h2://…` or `h2+tls://…`. */
  readonly url: string;
  readonly port: number;
  readonly connections: readonly RawHttp2[];
}

/**
 * Listens on a free port of loopback, then closes the server and every connection. Nothing is sent by itself but the
 * first SETTINGS and the acknowledgement of the client's.
 * @param onFrame called with each frame that came; what it sends is the answer
 * @param tls undefined for plain TCP
 * @param opening what each connection begins with: empty SETTINGS by default
 */
export async function withRawHttp2Host<T>(
  onFrame: (connection: RawHttp2, frame: Frame) => void,
  fn: (host: RawHttp2Host) => T | Promise<T>,
  { tls, opening = settingsFrame() }: { readonly tls?: TlsPair; readonly opening?: Buffer } = {},
): Promise<T> {
  const connections: RawHttp2[] = [];
  const secureContext = tls && createSecureContext({ cert: tls.cert, key: tls.key });
  const server = createServer((accepted) => {
    accepted.on('error', () => undefined);
    const socket =
      secureContext === undefined ? accepted : new TLSSocket(accepted, { isServer: true, secureContext, ALPNProtocols: ['h2'] });
    const connection = new RawHttp2(socket, PREFACE.length, (came) => {
      if (came.type === FRAME.settings && (came.flags & FLAG.ack) === 0) connection.send(SETTINGS_ACK);
      onFrame(connection, came);
    });
    connections.push(connection);
    connection.send(opening);
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    return await fn({ url: `${tls === undefined ? 'h2' : 'h2+tls'}://127.0.0.1:${port}`, port, connections });
  } finally {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const { socket } of connections) socket.destroy();
    await closed;
  }
}
