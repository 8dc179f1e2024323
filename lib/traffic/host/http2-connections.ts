// The connections to one host that speaks HTTP/2. Requests share them: each goes to the one with the fewest streams, a
// new one is opened when all are full, and one to each address that the host's name resolves to. Requests for which
// there is no room wait here for a connection, each until its own deadline.

import { allowFor, type Deadlines, type Waiting } from '../../deadlines.js';
import type { Clock } from '../../clock.js';
import type { Count } from '../../table/counters.js';
import type { ConnectOptions } from './connection-user.js';
import { Http2HostSession, type Http2SessionOwner } from './http2-session.js';
import { Http2HostStream, type Http2StreamOwner } from './http2-stream.js';

/** The host, as its connections see it. */
export interface Http2Host {
  readonly connect: ConnectOptions;
  readonly maxHeadBytes: number;
  /** Maximum requests at once on one connection. */
  readonly maxStreams: number;
  readonly keepIdleMs: number;
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  readonly count: Count;
  /** A connection could not be established. */
  onConnectError(error: Error): void;
}

/** The connections to one host. */
export class Http2Connections implements Http2SessionOwner, Http2StreamOwner, Waiting {
  /** Looked at whenever deadlines are. */
  deadlineMs = 0;
  readonly clock: Clock;
  readonly count: Count;
  readonly maxHeadBytes: number;
  readonly maxStreams: number;
  readonly #host: Http2Host;
  /** All that are not closed; those that are leaving too. */
  readonly #sessions: Http2HostSession[] = [];
  /** Where the next search among them begins. */
  #turn = 0;
  /** Requests that wait for a connection, in order. */
  readonly #waiting: Http2HostStream[] = [];
  /** What a new connection is expected to carry at once: what the last one could. */
  #expectedRoom: number;

  constructor(host: Http2Host) {
    this.#host = host;
    this.clock = host.clock;
    this.count = host.count;
    this.maxHeadBytes = host.maxHeadBytes;
    this.maxStreams = this.#expectedRoom = host.maxStreams;
  }

  get scheme(): 'http' | 'https' {
    return this.#host.connect.tls === undefined ? 'http' : 'https';
  }

  /**
   * A stream for one request; it may have to wait for its connection.
   * @param mayBeStale whether the request can be sent again if the connection turns out to be dead
   */
  take(mayBeStale: boolean, nowMs: number): Http2HostStream {
    const stream = new Http2HostStream(this);
    const session = this.#waiting.length === 0 ? this.#freest() : undefined;
    if (session?.isQuiet(nowMs) === true) session.check(nowMs);
    if (session === undefined || (session.isPending && !mayBeStale)) {
      this.#wait(stream, nowMs);
      return stream;
    }
    stream.assign(session);
    this.#spread(nowMs);
    return stream;
  }

  /** A stream on a connection from which the host is heard after this call. */
  connect(nowMs: number): Http2HostStream {
    const stream = new Http2HostStream(this);
    this.#wait(stream, nowMs);
    return stream;
  }

  #wait(stream: Http2HostStream, nowMs: number): void {
    this.#waiting.push(stream);
    this.#open(nowMs);
  }

  /**
   * The ready connection with the fewest streams; undefined when all are full. Of several, the oldest, so that those that
   * are not needed any more become idle; if the host has a name, each in turn, since they may lead to different machines.
   */
  #freest(): Http2HostSession | undefined {
    const sessions = this.#sessions;
    const { length } = sessions;
    if (this.#host.connect.addresses !== undefined) this.#turn++;
    let best: Http2HostSession | undefined;
    for (let i = 0; i < length; i++) {
      const session = sessions[(this.#turn + i) % length] as Http2HostSession;
      if (session.room > 0 && (best === undefined || session.streams.length < best.streams.length)) best = session;
    }
    return best;
  }

  /** Opens as many connections as the waiting requests need, besides those that are pending. */
  #open(nowMs: number): void {
    let room = 0;
    for (const session of this.#sessions) if (session.isPending) room += Math.max(this.#expectedRoom, 1);
    for (; room < this.#waiting.length; room += this.#expectedRoom) this.#connect(nowMs);
  }

  /** Opens one more connection in the background while there is less than one for each address of the host's name. */
  #spread(nowMs: number): void {
    const { addresses } = this.#host.connect;
    if (addresses === undefined) return;
    const { length } = this.#sessions;
    if (length < addresses.count && !this.#sessions.some((session) => session.room > 0 && session.streams.length === 0))
      this.#connect(nowMs);
  }

  #connect(nowMs: number): void {
    this.#host.deadlines.add(this);
    this.#sessions.push(new Http2HostSession(this.#host.connect, this, nowMs));
  }

  onRoom(session: Http2HostSession): void {
    if (session.isPending) return;
    this.#expectedRoom = Math.max(1, session.maxStreams);
    if (session.maxStreams === 0 && session.streams.length === 0) {
      this.#fail('the host allows no streams (SETTINGS_MAX_CONCURRENT_STREAMS is 0)');
      session.destroy();
      return;
    }
    while (session.room > 0 && this.#waiting.length > 0) (this.#waiting.shift() as Http2HostStream).assign(session);
    this.#open(this.clock());
  }

  onLeaving(): void {
    this.#open(this.clock());
  }

  onClosed(session: Http2HostSession, reason: string): void {
    const at = this.#sessions.indexOf(session);
    if (at >= 0) this.#sessions.splice(at, 1);
    if (this.#sessions.length === 0 && this.#waiting.length === 0) this.#host.deadlines.remove(this);
    if (reason !== '') {
      // The others that are pending may still come.
      if (this.#sessions.some(({ isPending }) => isPending)) return;
      this.#fail(reason);
    } else this.#open(this.clock());
  }

  /** No connection: all that wait for one have failed. */
  #fail(reason: string): void {
    this.#host.onConnectError(new Error(reason));
    for (const stream of this.#waiting.splice(0)) stream.onNoConnection(reason);
  }

  forget(stream: Http2HostStream): void {
    const at = this.#waiting.indexOf(stream);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  onDeadline(nowMs: number): void {
    const { keepIdleMs } = this.#host;
    for (const stream of [...this.#waiting]) if (stream.deadlineMs <= nowMs) stream.onDeadline(nowMs);
    for (const session of [...this.#sessions]) {
      for (const stream of [...session.streams]) if (stream.deadlineMs <= nowMs) stream.onDeadline(nowMs);
      session.look(nowMs);
      if (session.isReady && session.streams.length === 0 && nowMs - session.turnedAtMs >= keepIdleMs) session.leave();
    }
  }

  onPaused(pausedMs: number): void {
    const nowMs = this.clock();
    this.deadlineMs = 0;
    for (const stream of this.#waiting) allowFor(pausedMs, stream, nowMs);
    for (const session of this.#sessions) {
      session.onPaused(pausedMs);
      for (const stream of session.streams) allowFor(pausedMs, stream, nowMs);
    }
  }

  /** Retires the connections to addresses that the name no longer resolves to. */
  retireOld(): void {
    const { addresses } = this.#host.connect;
    if (addresses === undefined) return;
    for (const session of [...this.#sessions]) if (session.isReady && !addresses.isCurrent(session.peer)) session.leave();
  }

  /** Closes the idle connections; the others end with their last request, and those that are awaited stay. */
  retire(): void {
    for (const session of [...this.#sessions]) if (session.isReady || this.#waiting.length === 0) session.leave();
  }
}
