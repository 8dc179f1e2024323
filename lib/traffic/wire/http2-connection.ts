// One connection of HTTP/2 (RFC 9113), either side of it: reads frames strictly, keeps its streams, windows and settings,
// and writes frames. It does no I/O: bytes come by `receive`, and what is to be sent is taken when `onOutput` says so.

import { HpackDecoder } from './hpack-decoder.js';
import { HpackEncoder } from './hpack-encoder.js';
import {
  ALL_STREAMS,
  errorCodeOf,
  FLAG,
  FRAME,
  FRAME_HEADER,
  type FrameView,
  type Http2Error,
  MAX_FRAME,
  PREFACE,
} from './http2-frames.js';
import { Http2Output } from './http2-output.js';
import { Http2Stream, type StreamOwner } from './http2-stream.js';
import { PartialBytes } from './partial-bytes.js';

/** The settings of RFC 9113, section 6.5.2, and RFC 8441, by number. */
const SETTING = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
  enableConnectProtocol: 8,
} as const;

/** The window of a stream and of a connection before SETTINGS and WINDOW_UPDATE change it (section 6.9.2). */
const INITIAL_WINDOW = 65_535;
/** Where the type is in a frame's header. */
const TYPE_AT = 3;
const MAX_WINDOW = 2 ** 31 - 1;

/** What is set once for a connection. */
export interface Http2Rules {
  readonly isServer: boolean;
  /** Streams that the other side may have open; a client's connection has none. */
  readonly maxStreams: number;
  /** Bytes that may be received on one stream, and on all of them, before they are taken. */
  readonly streamWindow: number;
  readonly connectionWindow: number;
  /** The largest sum of name, value and 32 over the fields of a head. */
  readonly maxListSize: number;
  /** The largest header block before it is decoded, in bytes, and its most frames. */
  readonly maxBlock: number;
  readonly maxContinuations: number;
  /** Whether clients may use extended CONNECT. */
  readonly isConnectOffered: boolean;
}

/** What becomes known of a connection. None of these may throw. */
export interface Http2Events {
  /** Frames are to be sent: call `take`, now or soon. */
  onOutput(): void;
  /** A client has opened a stream, which gets its user here. @param fields 'LIST_TOO_LARGE' if there are more than may be */
  onStream(stream: Http2Stream, fields: readonly string[] | 'LIST_TOO_LARGE', isEnd: boolean): void;
  /** A frame was read: false ends the connection, of which the callee knows why. */
  onFrame(frame: FrameView): boolean;
  /** A frame of ours that may be a bound's concern: RST_STREAM and the head of an answer. */
  onSent(type: number, streamId: number, code: number): void;
  /** The other side's first SETTINGS, and later ones. */
  onSettings(): void;
  onPong(): void;
  /** @param lastId the last of our streams that the other side processes */
  onGoaway(lastId: number, code: number): void;
  /** A stream is over. */
  onStreamClosed(stream: Http2Stream): void;
  /** The other side has broken the protocol: GOAWAY is among the output, and nothing more is read. */
  onError(error: Http2Error, reason: string): void;
}

/** One connection. */
export class Http2Connection implements StreamOwner, FrameView {
  // The frame that is being read.
  type = 0;
  flags = 0;
  streamId = 0;
  length = 0;
  readonly #rules: Http2Rules;
  readonly #events: Http2Events;
  readonly #output = new Http2Output();
  readonly #decoder: HpackDecoder;
  readonly #encoder = new HpackEncoder();
  readonly #partial = new PartialBytes();
  /** The type of the frame that is incomplete; -1: none is, or it is not known. */
  #partialType = -1;
  readonly #streams = new Map<number, Http2Stream>();
  /** Streams that wait for room, in turn. */
  #waiting: Http2Stream[] = [];
  #bytes: Buffer = PREFACE;
  #at = 0;
  #prefaceLeft: number;
  #hasSettings = false;
  #isOver = false;
  /** The highest stream of the other side, and ours. */
  #lastRemote = 0;
  #nextLocal: number;
  /** Streams of the other side that are open. */
  #openRemote = 0;
  /** Streams above it are not served: GOAWAY went out. */
  #servedUpTo = ALL_STREAMS;
  /** A header block that has begun: its stream, flags and parts; 0: none. */
  #blockOf = 0;
  #blockFlags = 0;
  #block: Buffer[] = [];
  #blockLength = 0;
  #blockFrames = 0;
  #sendWindow = INITIAL_WINDOW;
  #receiveWindow = INITIAL_WINDOW;
  #owed = 0;
  /** Whether the socket takes more. */
  #isBlocked = false;
  // What the other side has set.
  #peerWindow = INITIAL_WINDOW;
  peerMaxStreams = Number.POSITIVE_INFINITY;
  mayConnect = false;
  /** GOAWAY of the other side: our streams above it are not processed. */
  lastProcessed = Number.POSITIVE_INFINITY;

  constructor(rules: Http2Rules, events: Http2Events) {
    this.#rules = rules;
    this.#events = events;
    this.#decoder = new HpackDecoder(rules.maxListSize);
    this.#nextLocal = rules.isServer ? 2 : 1;
    this.#prefaceLeft = rules.isServer ? PREFACE.length : 0;
    this.#begin();
  }

  #begin(): void {
    const { isServer, maxStreams, streamWindow, connectionWindow, maxListSize, isConnectOffered } = this.#rules;
    const settings: [number, number][] = [
      [SETTING.initialWindowSize, streamWindow],
      [SETTING.maxHeaderListSize, maxListSize],
    ];
    if (isServer) settings.push([SETTING.maxConcurrentStreams, maxStreams]);
    else settings.push([SETTING.enablePush, 0]);
    if (isConnectOffered) settings.push([SETTING.enableConnectProtocol, 1]);
    const payload = Buffer.alloc(6 * settings.length);
    for (const [i, [id, value]] of settings.entries()) {
      payload.writeUInt16BE(id, 6 * i);
      payload.writeUInt32BE(value, 6 * i + 2);
    }
    if (!isServer) this.#output.raw(PREFACE);
    this.#output.frame(FRAME.settings, 0, 0, payload);
    if (connectionWindow > INITIAL_WINDOW) {
      this.#output.words(FRAME.windowUpdate, 0, 0, connectionWindow - INITIAL_WINDOW);
      this.#receiveWindow = connectionWindow;
    }
  }

  // What its user asks for.

  /** Streams that are open. */
  get size(): number {
    return this.#streams.size;
  }

  get streams(): Iterable<Http2Stream> {
    return this.#streams.values();
  }

  get hasSettings(): boolean {
    return this.#hasSettings;
  }

  /** The highest stream that the other side has opened. */
  get lastRemoteId(): number {
    return this.#lastRemote;
  }

  /** Whether a header block of the other side has begun and not ended. */
  get isInBlock(): boolean {
    return this.#blockOf !== 0 || this.#partialType === FRAME.headers;
  }

  /** Opens a stream; undefined when none can be opened any more. */
  open(): Http2Stream | undefined {
    if (this.#isOver || this.#nextLocal > ALL_STREAMS) return undefined;
    const stream = new Http2Stream(this, this.#nextLocal, this.#peerWindow, this.#rules.streamWindow);
    this.#nextLocal += 2;
    this.#streams.set(stream.id, stream);
    return stream;
  }

  ping(): void {
    this.#output.words(FRAME.ping, 0, 0, 0, 0);
    this.#events.onOutput();
  }

  /** Says that streams above `lastId` are not served. */
  goaway(lastId: number, error: Http2Error): void {
    this.#servedUpTo = Math.min(this.#servedUpTo, lastId);
    this.#output.words(FRAME.goaway, 0, 0, lastId, errorCodeOf(error));
    this.#events.onOutput();
  }

  /** All that is to be sent now. */
  take(): readonly Buffer[] {
    return this.#output.take();
  }

  get pending(): number {
    return this.#output.length;
  }

  /** The socket takes no more, or does again. */
  setBlocked(isBlocked: boolean): void {
    this.#isBlocked = isBlocked;
    if (!isBlocked) this.#pump();
  }

  /** The connection has ended: all streams are over. */
  close(code: number): void {
    this.#isOver = true;
    for (const stream of [...this.#streams.values()]) stream.onReset(code);
  }

  // StreamOwner.

  get room(): number {
    return this.#isBlocked ? 0 : this.#sendWindow;
  }

  sendHeaders(stream: Http2Stream, shared: readonly string[], own: readonly string[], isEnd: boolean): void {
    let length = 0;
    for (const fields of [shared, own]) {
      if (fields.length === 0) continue;
      const block = this.#encoder.encode(fields);
      length = append(block.bytes, block.length, length);
    }
    this.#output.block(stream.id, scratch, length, isEnd);
    this.#events.onSent(FRAME.headers, stream.id, 0);
    this.#events.onOutput();
  }

  sendData(stream: Http2Stream, bytes: Buffer, start: number, end: number, isEnd: boolean): void {
    const length = end - start;
    stream.sendWindow -= length;
    this.#sendWindow -= length;
    this.#output.data(stream.id, bytes, start, end, isEnd);
    this.#events.onSent(FRAME.data, stream.id, length);
    this.#events.onOutput();
  }

  sendReset({ id }: Http2Stream, code: number): void {
    this.#output.words(FRAME.rstStream, 0, id, code);
    this.#events.onSent(FRAME.rstStream, id, code);
    this.#events.onOutput();
  }

  sendCredit({ id }: Http2Stream, bytes: number): void {
    this.#output.words(FRAME.windowUpdate, 0, id, bytes);
    this.#events.onOutput();
  }

  waitForRoom(stream: Http2Stream): void {
    if (stream.isWaiting) return;
    stream.isWaiting = true;
    this.#waiting.push(stream);
  }

  onClosed(stream: Http2Stream): void {
    if (!this.#streams.delete(stream.id)) return;
    if (this.#isRemote(stream.id)) this.#openRemote--;
    this.#events.onStreamClosed(stream);
  }

  /** Sends what waits, a frame of each stream in turn, as long as there is room. */
  #pump(): void {
    let turns = this.#waiting.length;
    while (turns > 0 && this.room > 0) {
      const round = this.#waiting;
      this.#waiting = [];
      turns = 0;
      for (const stream of round) {
        stream.isWaiting = false;
        const hasMore = this.room > 0 ? stream.sendNext() : stream.queued > 0;
        if (stream.queued > 0 && !stream.isClosed) this.waitForRoom(stream);
        if (hasMore) turns++;
      }
    }
  }

  // Reading.

  get firstByte(): number {
    return this.length === 0 ? 0 : (this.#bytes[this.#at] as number);
  }

  word(offset: number): number {
    return offset + 4 > this.length ? 0 : this.#bytes.readUInt32BE(this.#at + offset);
  }

  /** Reads the next bytes. @param chunk valid until the call returns */
  receive(chunk: Buffer): void {
    if (this.#isOver) return;
    const bytes = this.#partial.length === 0 ? chunk : this.#partial.append(chunk);
    let at = 0;
    if (this.#prefaceLeft > 0) {
      at = Math.min(this.#prefaceLeft, bytes.length);
      const from = PREFACE.length - this.#prefaceLeft;
      this.#prefaceLeft -= at;
      if (PREFACE.compare(bytes, 0, at, from, from + at) !== 0) {
        this.#fail('PROTOCOL_ERROR', 'no preface of HTTP/2');
        return;
      }
    }
    while (bytes.length - at >= FRAME_HEADER) {
      const length = bytes.readUIntBE(at, 3);
      if (length > MAX_FRAME) {
        this.#fail('FRAME_SIZE_ERROR', `a frame of ${length} bytes`);
        return;
      }
      const end = at + FRAME_HEADER + length;
      if (end > bytes.length) break;
      this.length = length;
      this.type = bytes[at + 3] as number;
      this.flags = bytes[at + 4] as number;
      this.streamId = bytes.readUInt32BE(at + 5) & ALL_STREAMS;
      this.#bytes = bytes;
      this.#at = at + FRAME_HEADER;
      if (!this.#events.onFrame(this)) {
        this.#isOver = true;
        return;
      }
      this.#read();
      if (this.#isOver) return;
      at = end;
    }
    this.#partialType = bytes.length - at > TYPE_AT ? (bytes[at + TYPE_AT] as number) : -1;
    this.#partial.keep(bytes, at);
  }

  #read(): void {
    const { type, streamId, length } = this;
    if (this.#blockOf !== 0 && (type !== FRAME.continuation || streamId !== this.#blockOf)) {
      this.#fail('PROTOCOL_ERROR', 'another frame within a header block');
      return;
    }
    if (!this.#hasSettings && (type !== FRAME.settings || (this.flags & FLAG.ack) !== 0)) {
      this.#fail('PROTOCOL_ERROR', 'a frame before SETTINGS');
      return;
    }
    switch (type) {
      case FRAME.data:
        this.#readData();
        return;
      case FRAME.headers:
        this.#readHeaders();
        return;
      case FRAME.priority:
        if (streamId === 0) this.#fail('PROTOCOL_ERROR', 'PRIORITY on stream 0');
        else if (length !== 5) this.#resetOf(streamId, 'FRAME_SIZE_ERROR');
        return;
      case FRAME.rstStream:
        this.#readReset();
        return;
      case FRAME.settings:
        this.#readSettings();
        return;
      case FRAME.pushPromise:
        this.#fail('PROTOCOL_ERROR', 'PUSH_PROMISE');
        return;
      case FRAME.ping:
        this.#readPing();
        return;
      case FRAME.goaway:
        this.#readGoaway();
        return;
      case FRAME.windowUpdate:
        this.#readWindowUpdate();
        return;
      case FRAME.continuation:
        this.#readContinuation();
        return;
      default:
    }
  }

  /** The payload without its padding; undefined if the padding is malformed, and the connection over. */
  #unpadded(): Buffer | undefined {
    const start = this.#at;
    const end = start + this.length;
    if ((this.flags & FLAG.padded) === 0) return this.#bytes.subarray(start, end);
    const padding = this.length === 0 ? 1 : 1 + this.firstByte;
    if (padding > this.length) {
      this.#fail('PROTOCOL_ERROR', 'more padding than payload');
      return undefined;
    }
    return this.#bytes.subarray(start + 1, end - padding + 1);
  }

  #readData(): void {
    const { streamId, length } = this;
    if (streamId === 0) {
      this.#fail('PROTOCOL_ERROR', 'DATA on stream 0');
      return;
    }
    const payload = this.#unpadded();
    if (payload === undefined) return;
    this.#receiveWindow -= length;
    if (this.#receiveWindow < 0) {
      this.#fail('FLOW_CONTROL_ERROR', 'more DATA than the window of the connection');
      return;
    }
    this.#credit(length);
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.isRemoteEnded) {
      this.#onClosedStream(stream, 'DATA');
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) stream.reset(errorCodeOf('FLOW_CONTROL_ERROR'));
    else stream.onData(payload, length, (this.flags & FLAG.endStream) !== 0);
  }

  /** What is received on the connection is credited at once: the windows of the streams bound what is held. */
  #credit(bytes: number): void {
    this.#owed += bytes;
    if (this.#owed < this.#rules.connectionWindow >> 1) return;
    this.#receiveWindow += this.#owed;
    this.#output.words(FRAME.windowUpdate, 0, 0, this.#owed);
    this.#owed = 0;
    this.#events.onOutput();
  }

  #isRemote(id: number): boolean {
    return (id & 1) === (this.#rules.isServer ? 1 : 0);
  }

  #isIdle(id: number): boolean {
    return this.#isRemote(id) ? id > this.#lastRemote : id >= this.#nextLocal;
  }

  /** A frame for a stream that does not take it (section 5.1). @param stream undefined: it is idle or closed */
  #onClosedStream(stream: Http2Stream | undefined, what: string): void {
    if (stream !== undefined) stream.reset(errorCodeOf('STREAM_CLOSED'));
    else if (this.#isIdle(this.streamId)) this.#fail('PROTOCOL_ERROR', `${what} on an idle stream`);
    // It was closed lately, and this was on its way; or it was closed by its own side, and this means nothing.
  }

  #resetOf(id: number, error: Http2Error): void {
    const stream = this.#streams.get(id);
    if (stream !== undefined) this.#fault(stream, error);
    else if (this.#isIdle(id)) this.#fail(error, 'a malformed frame on an idle stream');
  }

  /** An error of one stream: resets it, and tells its user. */
  #fault(stream: Http2Stream, error: Http2Error): void {
    const code = errorCodeOf(error);
    stream.isReset = true;
    this.sendReset(stream, code);
    stream.onFault(code);
  }

  #readHeaders(): void {
    const { streamId } = this;
    if (streamId === 0 || (this.#isRemote(streamId) ? !this.#rules.isServer : this.#isIdle(streamId))) {
      this.#fail('PROTOCOL_ERROR', 'HEADERS on a stream that can have none');
      return;
    }
    const payload = this.#unpadded();
    if (payload === undefined) return;
    const hasPriority = (this.flags & FLAG.priority) !== 0;
    if (hasPriority && payload.length < 5) {
      this.#fail('FRAME_SIZE_ERROR', 'HEADERS without the priority that it says to have');
      return;
    }
    const block = hasPriority ? payload.subarray(5) : payload;
    this.#blockFlags = this.flags;
    if ((this.flags & FLAG.endHeaders) !== 0) {
      this.#onBlock(streamId, block);
      return;
    }
    this.#blockOf = streamId;
    this.#block = [Buffer.from(block)];
    this.#blockLength = block.length;
    this.#blockFrames = 0;
  }

  #readContinuation(): void {
    if (this.#blockOf === 0) {
      this.#fail('PROTOCOL_ERROR', 'CONTINUATION without a header block');
      return;
    }
    const payload = this.#bytes.subarray(this.#at, this.#at + this.length);
    this.#blockLength += payload.length;
    this.#blockFrames++;
    if (this.#blockLength > this.#rules.maxBlock || this.#blockFrames > this.#rules.maxContinuations) {
      this.#fail('ENHANCE_YOUR_CALM', 'a header block that is too large');
      return;
    }
    this.#block.push(Buffer.from(payload));
    if ((this.flags & FLAG.endHeaders) === 0) return;
    const block = Buffer.concat(this.#block);
    const id = this.#blockOf;
    this.#block = [];
    this.#blockOf = 0;
    this.#onBlock(id, block);
  }

  #onBlock(id: number, block: Buffer): void {
    const fields = this.#decoder.decode(block, 0, block.length);
    if (fields === 'COMPRESSION_ERROR') {
      this.#fail('COMPRESSION_ERROR', 'a header block that can’t be decoded');
      return;
    }
    const isEnd = (this.#blockFlags & FLAG.endStream) !== 0;
    const known = this.#streams.get(id);
    if (known !== undefined) {
      if (known.isRemoteEnded) this.#fault(known, 'STREAM_CLOSED');
      else if (fields === 'LIST_TOO_LARGE') this.#fault(known, 'ENHANCE_YOUR_CALM');
      // Trailers end the stream (section 8.1).
      else if (this.#rules.isServer && !isEnd) this.#fault(known, 'PROTOCOL_ERROR');
      else known.onHeaders(fields, isEnd);
      return;
    }
    if (!this.#rules.isServer || id <= this.#lastRemote) return;
    this.#lastRemote = id;
    // Decoded, since later blocks may refer to it; the client learns from GOAWAY that it is not served.
    if (id > this.#servedUpTo) return;
    const stream = new Http2Stream(this, id, this.#peerWindow, this.#rules.streamWindow);
    if (this.#openRemote >= this.#rules.maxStreams) {
      this.sendReset(stream, errorCodeOf('REFUSED_STREAM'));
      return;
    }
    this.#openRemote++;
    this.#streams.set(id, stream);
    stream.isRemoteEnded = isEnd;
    this.#events.onStream(stream, fields, isEnd);
  }

  #readReset(): void {
    const { streamId, length } = this;
    if (streamId === 0) this.#fail('PROTOCOL_ERROR', 'RST_STREAM on stream 0');
    else if (length !== 4) this.#fail('FRAME_SIZE_ERROR', 'RST_STREAM of another size');
    else if (this.#isIdle(streamId)) this.#fail('PROTOCOL_ERROR', 'RST_STREAM on an idle stream');
    else this.#streams.get(streamId)?.onReset(this.word(0));
  }

  #readSettings(): void {
    const { streamId, length, flags } = this;
    if (streamId !== 0) this.#fail('PROTOCOL_ERROR', 'SETTINGS on a stream');
    else if ((flags & FLAG.ack) !== 0) {
      if (length !== 0) this.#fail('FRAME_SIZE_ERROR', 'an acknowledgement of SETTINGS with a payload');
    } else if (length % 6 !== 0) this.#fail('FRAME_SIZE_ERROR', 'SETTINGS of another size');
    else {
      for (let at = 0; at < length; at += 6)
        if (!this.#set(this.#bytes.readUInt16BE(this.#at + at), this.#bytes.readUInt32BE(this.#at + at + 2))) return;
      this.#hasSettings = true;
      this.#output.frame(FRAME.settings, FLAG.ack, 0, NOTHING);
      this.#events.onOutput();
      this.#events.onSettings();
      this.#pump();
    }
  }

  /** Applies a setting; false if it is malformed, and the connection over. */
  #set(id: number, value: number): boolean {
    switch (id) {
      case SETTING.headerTableSize:
        this.#encoder.limitTable(value);
        return true;
      case SETTING.enablePush:
        return value <= (this.#rules.isServer ? 1 : 0) || this.#fail('PROTOCOL_ERROR', 'ENABLE_PUSH');
      case SETTING.maxConcurrentStreams:
        this.peerMaxStreams = value;
        return true;
      case SETTING.initialWindowSize: {
        if (value > MAX_WINDOW) return this.#fail('FLOW_CONTROL_ERROR', 'INITIAL_WINDOW_SIZE above 2^31 − 1');
        const change = value - this.#peerWindow;
        this.#peerWindow = value;
        for (const stream of this.#streams.values()) {
          stream.sendWindow += change;
          if (stream.sendWindow > MAX_WINDOW) return this.#fail('FLOW_CONTROL_ERROR', 'INITIAL_WINDOW_SIZE overflows a window');
        }
        return true;
      }
      case SETTING.maxFrameSize:
        // More than the least is not used.
        return (value >= MAX_FRAME && value < 2 ** 24) || this.#fail('PROTOCOL_ERROR', 'MAX_FRAME_SIZE');
      case SETTING.enableConnectProtocol:
        if (value > 1) return this.#fail('PROTOCOL_ERROR', 'ENABLE_CONNECT_PROTOCOL');
        this.mayConnect = value === 1;
        return true;
      default:
        return true;
    }
  }

  #readPing(): void {
    if (this.streamId !== 0) this.#fail('PROTOCOL_ERROR', 'PING on a stream');
    else if (this.length !== 8) this.#fail('FRAME_SIZE_ERROR', 'PING of another size');
    else if ((this.flags & FLAG.ack) !== 0) this.#events.onPong();
    else {
      this.#output.frame(FRAME.ping, FLAG.ack, 0, this.#bytes.subarray(this.#at, this.#at + 8));
      this.#events.onOutput();
    }
  }

  #readGoaway(): void {
    if (this.streamId !== 0) this.#fail('PROTOCOL_ERROR', 'GOAWAY on a stream');
    else if (this.length < 8) this.#fail('FRAME_SIZE_ERROR', 'GOAWAY of another size');
    else {
      const lastId = this.word(0) & ALL_STREAMS;
      // It must not grow (section 6.8); the first one counts.
      this.lastProcessed = Math.min(this.lastProcessed, lastId);
      this.#events.onGoaway(lastId, this.word(4));
      if (this.#rules.isServer) return;
      for (const stream of [...this.#streams.values()]) if (stream.id > lastId) stream.onReset(errorCodeOf('REFUSED_STREAM'));
    }
  }

  #readWindowUpdate(): void {
    const { streamId } = this;
    if (this.length !== 4) {
      this.#fail('FRAME_SIZE_ERROR', 'WINDOW_UPDATE of another size');
      return;
    }
    const credit = this.word(0) & MAX_WINDOW;
    if (streamId === 0) {
      this.#sendWindow += credit;
      if (credit === 0) this.#fail('PROTOCOL_ERROR', 'WINDOW_UPDATE of 0');
      else if (this.#sendWindow > MAX_WINDOW) this.#fail('FLOW_CONTROL_ERROR', 'the window of the connection overflows');
      else this.#pump();
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#isIdle(streamId)) this.#fail('PROTOCOL_ERROR', 'WINDOW_UPDATE on an idle stream');
      return;
    }
    stream.sendWindow += credit;
    if (credit === 0) this.#fault(stream, 'PROTOCOL_ERROR');
    else if (stream.sendWindow > MAX_WINDOW) this.#fault(stream, 'FLOW_CONTROL_ERROR');
    else if (stream.isWaiting) this.#pump();
  }

  /** The other side has broken the protocol (section 5.4.1). */
  #fail(error: Http2Error, reason: string): false {
    if (this.#isOver) return false;
    this.#isOver = true;
    this.#output.words(FRAME.goaway, 0, 0, this.#lastRemote, errorCodeOf(error));
    this.#events.onError(error, reason);
    this.#events.onOutput();
    return false;
  }
}

const NOTHING = Buffer.alloc(0);

/** Where header blocks are put together, for all connections. */
let scratch: Buffer = Buffer.allocUnsafeSlow(16 << 10);

function append(bytes: Buffer, length: number, at: number): number {
  if (at + length > scratch.length) {
    const larger = Buffer.allocUnsafeSlow(2 * (at + length));
    scratch.copy(larger, 0, 0, at);
    scratch = larger;
  }
  bytes.copy(scratch, at, 0, length);
  return at + length;
}
