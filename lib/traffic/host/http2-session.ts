// One connection to a host that speaks HTTP/2: node:http2 over a socket of ours, with the streams of many requests. It
// is ready once the host's SETTINGS have arrived: a host that speaks something else has then seen no request. It is
// pinged when it is silent for too long. Whatever ends it, each of its streams is notified exactly once.

import { type ClientHttp2Session, type ClientHttp2Stream, type ClientSessionRequestOptions, connect } from 'node:http2';
import type { OutgoingHttpHeaders, Settings } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Waiting } from '../../deadlines.js';
import { formatDuration } from '../../config/config.js';
import { nameOfError } from '../wire/http2-frames.js';
import { Http2AnswerReader } from '../wire/http2-host-answer.js';
import { boundReason, describeError } from '../wire/reason-text.js';
import type { ConnectOptions } from './connection-user.js';
import { openHttp2Socket } from './host-socket.js';

/**
 * How much of one answer a host may send before the client has taken it, in bytes: what a paused answer holds in memory,
 * and the limit of an answer's rate, one window per round trip. It is the product of 1 Gbit/s and a round trip of 2 ms,
 * as between the zones of a region.
 */
const STREAM_WINDOW = 256 << 10;

/** The same for all answers of a connection. They are taken at once, or by their own windows: this one bounds only the rate, 4 Gbit/s at that round trip. */
const CONNECTION_WINDOW = 4 * STREAM_WINDOW;

/** What a field of a list of headers counts besides its name and value (RFC 9113, section 6.5.2): bounds the number of fields. */
const FIELD_OVERHEAD = 32;

/** The most bytes of a request that wait in one stream to be sent: what node:http2 accepts before it is full, and one part more. */
const STREAM_QUEUE = 128 << 10;

/** A connection that was silent for longer than this may be closed by its host, or be dead. */
const QUIET_MS = 1000;

/**
 * Interval of pings without an answer in between. Hosts of gRPC count earlier ones as abuse, and end the connection at
 * the third (gRFC A8): 5 minutes is their default.
 */
const PING_INTERVAL_MS = 300_000;

/** Requests that one connection can carry: streams of clients have odd ids of 31 bits (RFC 9113, section 5.1.1). */
const MAX_REQUESTS = 2 ** 30 - 1;

/** A request that a connection carries. */
export interface CarriedStream extends Waiting {
  /** Its index in the connection's list. */
  place: number;
  /** Its connection has ended. */
  onSessionLost(): void;
}

/** The owner of a session: what it needs, and the events it reports. */
export interface Http2SessionOwner {
  readonly clock: Clock;
  readonly maxHeadBytes: number;
  /** Maximum requests at once on one connection. */
  readonly maxStreams: number;
  /** The host's SETTINGS have arrived, a ping was answered, or a stream has ended: it may take requests. */
  onRoom(session: Http2HostSession): void;
  /** It takes no more requests. With its last stream, `onClosed` follows. */
  onLeaving(session: Http2HostSession): void;
  /** @param reason why it could not be established; empty if it was */
  onClosed(session: Http2HostSession, reason: string): void;
}

/** One connection to a host. */
export class Http2HostSession {
  /** The requests that it carries; each knows its index in the list. */
  readonly streams: CarriedStream[] = [];
  /** The remote address, once connected; set only for hosts known by name. */
  peer = '';
  /** How often it has heard from the host, and how often that was a part of an answer. */
  heard = 0;
  answers = 0;
  /** When it last heard from the host, to the tenth of a second (process's clock). */
  heardAtMs: number;
  /** Since when it has, or does not have, a stream (process's clock). */
  turnedAtMs: number;
  readonly heads: Http2AnswerReader;
  readonly #owner: Http2SessionOwner;
  readonly #options: ConnectOptions;
  readonly #socket: Socket;
  #session: ClientHttp2Session | undefined;
  #state: 'connecting' | 'ready' | 'leaving' | 'closed' = 'connecting';
  #isPinging = false;
  #isChecking = false;
  #lookedAt = 0;
  #requests = 0;
  /** What the host allows. */
  #maxStreams = 0;
  #mayConnect = false;
  /** When it is given up: not connected, or no answer to a ping (process's clock). */
  #deadlineMs: number;
  #pingedAtMs = Number.NEGATIVE_INFINITY;
  /** `answers` at the last ping. */
  #answersAtPing = -1;
  /** The highest id that the host says it has processed; Infinity without GOAWAY. */
  #lastId = Number.POSITIVE_INFINITY;
  #goaway = '';
  #reason = '';

  constructor(options: ConnectOptions, owner: Http2SessionOwner, nowMs: number) {
    this.#owner = owner;
    this.#options = options;
    this.heads = new Http2AnswerReader(owner.maxHeadBytes);
    this.heardAtMs = this.turnedAtMs = nowMs;
    this.#deadlineMs = nowMs + options.connectTimeoutMs;
    this.#socket = openHttp2Socket(options, {
      onConnect: (reason) => {
        if (reason === '') this.#onConnect();
        else this.#lose(reason);
      },
      onError: (error) => {
        this.#reason ||= describeError(error);
      },
      onClose: () => this.#lose(''),
    });
  }

  /** Whether it waits for the host: for the connection, its SETTINGS, or the answer to a ping. */
  get isPending(): boolean {
    return this.#state === 'connecting' || (this.#isChecking && this.#state === 'ready');
  }

  get isReady(): boolean {
    return this.#state === 'ready';
  }

  /** Whether it has ended: its streams are over, or about to be. */
  get isClosed(): boolean {
    return this.#state === 'closed' || this.#session?.destroyed === true;
  }

  /** Whether the host takes protocols by extended CONNECT (RFC 8441). */
  get mayConnect(): boolean {
    return this.#mayConnect;
  }

  /** Requests that one connection to this host carries at once, as far as is known; 0 before its SETTINGS. */
  get maxStreams(): number {
    return Math.min(this.#maxStreams, this.#owner.maxStreams);
  }

  /** How many more requests it can take now. */
  get room(): number {
    return this.#state === 'ready' ? this.maxStreams - this.streams.length : 0;
  }

  /** Why it has ended, in a few words. */
  get reason(): string {
    return this.#reason || this.#goaway || 'closed by the host';
  }

  /** Whether the host may have processed a request, as far as it has said. */
  get hasServed(): boolean {
    return this.#requests > 0 && this.#lastId > 0;
  }

  /** Whether the host has said that it did not process this stream. */
  isUnprocessed(id: number): boolean {
    return id > this.#lastId;
  }

  /** Whether it was silent for so long that it may be dead, and can be asked. */
  isQuiet(nowMs: number): boolean {
    return this.streams.length === 0 && nowMs - this.heardAtMs > QUIET_MS && this.#mayPing(nowMs);
  }

  add(stream: CarriedStream): void {
    if (this.streams.length === 0) this.turnedAtMs = this.#owner.clock();
    stream.place = this.streams.push(stream) - 1;
  }

  remove(stream: CarriedStream): void {
    const last = this.streams.pop();
    if (last !== undefined && last !== stream) {
      this.streams[stream.place] = last;
      last.place = stream.place;
    }
    if (this.streams.length === 0) this.turnedAtMs = this.#owner.clock();
    if (this.#state === 'ready') this.#owner.onRoom(this);
    else this.#endIfLeft();
  }

  /** Sends the head of a request; undefined if the connection has just ended: the host has seen nothing of it. */
  request(headers: OutgoingHttpHeaders, options: ClientSessionRequestOptions): ClientHttp2Stream | undefined {
    const session = this.#session;
    if (session === undefined || session.closed || session.destroyed) {
      this.#leaveAsTold();
      return undefined;
    }
    const stream = session.request(headers, options);
    if (++this.#requests >= MAX_REQUESTS) this.leave();
    return stream;
  }

  /** Asks the host whether it is still there; until it answers, `isPending`. */
  check(nowMs: number): void {
    // Half of the time to connect: the other half is left for a new connection.
    this.#isChecking = this.ping(nowMs, this.#options.connectTimeoutMs / 2) || this.#isPinging;
  }

  /** Sends a ping if one is due or allowed; without an answer in time, the connection is dead. */
  ping(nowMs: number, timeoutMs = this.#options.connectTimeoutMs): boolean {
    const session = this.#session;
    if (session === undefined || session.destroyed || this.#isPinging || !this.#mayPing(nowMs)) return false;
    this.#isPinging = true;
    this.#pingedAtMs = nowMs;
    this.#answersAtPing = this.answers;
    this.#deadlineMs = nowMs + timeoutMs;
    session.ping((error) => {
      // It has ended, which its streams learn by themselves.
      if (error !== null) return;
      this.#deadlineMs = Number.POSITIVE_INFINITY;
      this.#isPinging = this.#isChecking = false;
      this.heard++;
      if (this.#state === 'ready') this.#owner.onRoom(this);
    });
    return true;
  }

  #mayPing(nowMs: number): boolean {
    return this.answers > this.#answersAtPing || nowMs - this.#pingedAtMs >= PING_INTERVAL_MS;
  }

  /** Called about ten times a second. */
  look(nowMs: number): void {
    if (this.heard !== this.#lookedAt) {
      this.#lookedAt = this.heard;
      this.heardAtMs = nowMs;
    }
    const { connectTimeoutMs } = this.#options;
    if (nowMs >= this.#deadlineMs) {
      this.#lose(
        this.#isPinging
          ? 'no answer to a PING: the connection is dead'
          : `no SETTINGS within ${formatDuration(connectTimeoutMs)} (--connect-timeout): does the host speak HTTP/2?`,
      );
    } else if (this.streams.length > 0 && nowMs - Math.max(this.heardAtMs, this.turnedAtMs) >= connectTimeoutMs) {
      this.ping(nowMs);
    }
  }

  /** The process was paused for this time, which does not count. */
  onPaused(pausedMs: number): void {
    this.#deadlineMs += pausedMs;
    this.heardAtMs += pausedMs;
    this.turnedAtMs += pausedMs;
  }

  /** The host has sent something of an answer. */
  onAnswer(): void {
    this.heard++;
    this.answers++;
  }

  /** Takes no more requests, and ends with its last stream. */
  leave(): void {
    if (this.#state === 'connecting') this.#lose('');
    if (this.#state !== 'ready') return;
    this.#state = 'leaving';
    this.#owner.onLeaving(this);
    this.#session?.close();
    this.#endIfLeft();
  }

  /** Ends it at once. */
  destroy(): void {
    this.#lose('');
  }

  /** Ends a connection that is leaving once it has no streams: GOAWAY has left by then, and the host may never close. */
  #endIfLeft(): void {
    if (this.#state === 'leaving' && this.streams.length === 0) setImmediate(() => this.#lose(''));
  }

  #onConnect(): void {
    const { addresses } = this.#options;
    if (addresses !== undefined) this.peer = this.#socket.remoteAddress ?? '';
    const { maxHeadBytes, maxStreams } = this.#owner;
    const session = connect('http://host', {
      createConnection: () => this.#socket,
      settings: {
        enablePush: false,
        initialWindowSize: STREAM_WINDOW,
        maxHeaderListSize: maxHeadBytes,
      },
      maxHeaderListPairs: Math.ceil(maxHeadBytes / FIELD_OVERHEAD),
      // Requests were bounded when they came in.
      maxSendHeaderBlockLength: 2 ** 24,
      // In MB. What the streams may hold, so that it never refuses one that the limits above allow.
      maxSessionMemory: Math.ceil(10 + (maxStreams * (STREAM_QUEUE + STREAM_WINDOW + maxHeadBytes)) / 1e6),
    });
    this.#session = session;
    session.on('error', (error) => {
      this.#reason ||= this.#goaway || boundReason(describeError(error));
    });
    session.on('close', () => this.#lose(''));
    session.on('connect', () => session.setLocalWindowSize(CONNECTION_WINDOW));
    session.on('remoteSettings', (settings) => this.#onSettings(settings));
    session.on('goaway', (code, lastId) => {
      this.#lastId = lastId;
      this.#goaway = `GOAWAY with ${nameOfError(code)}`;
      this.#leaveAsTold();
    });
  }

  #onSettings({ maxConcurrentStreams = Number.POSITIVE_INFINITY, enableConnectProtocol = false }: Settings): void {
    this.heard++;
    this.#maxStreams = maxConcurrentStreams;
    this.#mayConnect = enableConnectProtocol;
    if (this.#state === 'connecting') {
      this.#state = 'ready';
      this.#deadlineMs = Number.POSITIVE_INFINITY;
    }
    if (this.#state === 'ready') this.#owner.onRoom(this);
  }

  #leaveAsTold(): void {
    if (this.#state !== 'ready') return;
    this.#state = 'leaving';
    this.#owner.onLeaving(this);
    this.#endIfLeft();
  }

  /** It has ended, or is given up. @param reason empty: that of the socket or of the host */
  #lose(reason: string): void {
    if (this.#state === 'closed') return;
    const wasConnecting = this.#state === 'connecting';
    this.#state = 'closed';
    if (reason !== '') this.#reason = reason;
    else if (this.#reason === '') this.#reason = describeError(this.#socket.errored);
    this.#session?.destroy();
    this.#socket.destroy();
    if (wasConnecting) this.#options.addresses?.onNoneAnswered();
    for (const stream of [...this.streams]) stream.onSessionLost();
    this.#owner.onClosed(this, wasConnecting ? this.#whyNotReady() : '');
  }

  #whyNotReady(): string {
    if (this.#session === undefined) return this.#reason || 'closed before it was connected';
    if (this.#reason.endsWith('?')) return this.#reason;
    return `no SETTINGS: ${this.#reason || 'closed by the host'}; does it speak HTTP/2?`;
  }
}
