// One connection to a host: plain or TLS, with its response parser. It carries one attempt at a time and is idle in its
// host's pool in between. Whatever goes wrong, its attempt is notified exactly once.

import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Deadlines, Waiting } from '../../deadlines.js';
import type { HostAddresses } from '../../health/host-addresses.js';
import { type ClientFacts, type RequestRules, requestText } from '../wire/headers.js';
import { describeError } from '../wire/reason-text.js';
import type { RequestHead } from '../wire/request-head.js';
import type { ConnectionUser, ConnectOptions, Loss, TunnelSide } from './connection-user.js';
import type { HostSide } from './host-side.js';
import { openSocket } from './host-socket.js';
import { mayKeepAfter, writeRequestBody, writeRequestEnd } from './request-writer.js';
import { ResponseParser } from './response-parser.js';

/** The owner of a connection: what it needs, and the events it reports. */
export interface ConnectionOwner {
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** Maximum time that an idle connection is kept. */
  readonly keepIdleMs: number;
  /** The longest head of an answer. */
  readonly maxHeadBytes: number;
  /** The answer is complete and the connection can be reused. */
  onIdle(connection: HostConnection): void;
  onClosed(connection: HostConnection): void;
  /** Unsolicited bytes arrived. */
  onExtraBytes(): void;
  /** A connection could not be established. */
  onConnectError(error: Error): void;
  /** A handler threw while the connection had no user, which is a bug of ours. */
  onFault(): void;
}

/** A connection to a host. */
export class HostConnection implements HostSide, Waiting {
  deadlineMs = Number.POSITIVE_INFINITY;
  /** The remote address, once connected; set only for hosts known by name. */
  peer = '';
  /** When it last became idle (process's clock). */
  idleSinceMs = 0;
  /** Idle timeout: shorter than the host's own keep-alive timeout, if it announced one. */
  keepIdleMs: number;
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #addresses: HostAddresses | undefined;
  readonly #parser: ResponseParser;
  #user: ConnectionUser | undefined;
  /** The present request, or the last one. */
  #head: RequestHead | undefined;
  #isConnected = false;
  #isClosed = false;
  /** Becomes false once the connection must not carry another attempt. */
  #isReusable = true;
  #tunnel: TunnelSide | undefined;
  #isExecuting = false;
  /** Attempts so far, the present one included. */
  #uses = 0;
  /** Whether a byte has arrived since the present attempt began. */
  #hasHeard = false;
  /** Whether the present request has a body and its head was written: the host may answer early and refuse the rest. */
  #isBodyDue = false;

  constructor(options: ConnectOptions, owner: ConnectionOwner) {
    this.#owner = owner;
    this.keepIdleMs = owner.keepIdleMs;
    this.#addresses = options.addresses;
    this.#parser = new ResponseParser(owner.maxHeadBytes);
    this.socket = openSocket(options, {
      isConnected: () => this.#isConnected,
      onConnect: () => this.#run(this.#onConnect),
      onBytes: (bytes) => {
        this.#onBytes(bytes);
        return this.#user !== undefined;
      },
      onDrain: () => this.#run(this.#onDrain),
      onEnd: () => this.#run(this.#onEnd),
      onError: (error) => {
        if (!this.#isConnected) owner.onConnectError(error);
      },
      onClose: () => this.#run(this.#onClose),
      onWriteFailed: () => this.#onWriteFailed(),
    });
    owner.deadlines.add(this);
  }

  /** Whether the connection is established (with TLS: after the handshake). */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Whether no attempt uses it. */
  get isIdle(): boolean {
    return this.#user === undefined;
  }

  /**
   * Applies the host's `Keep-Alive: timeout=`: we close the idle connection before the host does. Holds until the host
   * announces another value on the same connection.
   * @param seconds Infinity when the host did not announce one
   */
  noteKeepAlive(seconds: number): void {
    if (seconds === Number.POSITIVE_INFINITY) return;
    const ms = seconds * 1000;
    this.keepIdleMs = Math.min(this.#owner.keepIdleMs, ms >= 2000 ? ms - 1000 : ms / 2);
  }

  /**
   * Whether the system has refused the last write, so that none of its bytes has left this process. Valid only right
   * after the first write of an attempt; never true over TLS, where it can't be known.
   */
  get hasRefusedWrite(): boolean {
    return this.socket.errored !== null && !('encrypted' in this.socket);
  }

  /** Runs the handler of an event. A throw is a bug of ours and costs one request, not the process. */
  #run(step: () => void): void {
    try {
      step.call(this);
    } catch (error) {
      this.#onFault(error, this.#tunnel ?? this.#user);
    }
  }

  #onFault(error: unknown, user: ConnectionUser | TunnelSide | undefined): void {
    this.#user = undefined;
    this.#isExecuting = false;
    this.destroy();
    if (user === undefined) this.#owner.onFault();
    else user.onFault(error);
  }

  #onDrain(): void {
    (this.#tunnel ?? this.#user)?.onHostWritable();
  }

  #onConnect(): void {
    this.#isConnected = true;
    if (this.#addresses !== undefined) this.peer = this.socket.remoteAddress ?? '';
    this.deadlineMs = Number.POSITIVE_INFINITY;
    this.#user?.onConnected();
  }

  use(user: ConnectionUser, head: RequestHead): void {
    this.#user = user;
    this.#head = head;
    this.#parser.begin(head.method);
    this.#uses++;
    this.#hasHeard = this.#isBodyDue = false;
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }

  get isFull(): boolean {
    return this.socket.writableNeedDrain;
  }

  get isPaused(): boolean {
    return this.socket.isPaused();
  }

  get way(): Socket {
    return this.socket;
  }

  sendHead(facts: ClientFacts, rules: RequestRules): void {
    this.socket.write(requestText(this.#head as RequestHead, facts, rules), 'latin1');
  }

  expectBody(): void {
    this.#isBodyDue = true;
  }

  sendBody(bytes: Buffer): boolean {
    return writeRequestBody(this.socket, this.#head as RequestHead, bytes);
  }

  endBody(trailers: readonly string[]): void {
    writeRequestEnd(this.socket, this.#head as RequestHead, trailers);
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  mayKeepAfter(isSent: boolean): boolean {
    return mayKeepAfter(this.socket, this.#head as RequestHead, isSent);
  }

  /** A host that refuses a body may answer and close. Its answer has arrived, and is read before the failure counts. */
  #onWriteFailed(): boolean {
    const user = this.#user;
    if (!this.#isBodyDue || this.#isClosed || user === undefined) return false;
    this.#isReusable = false;
    // Deferred: this may run inside the user's own write.
    process.nextTick(() => {
      if (this.#user === user) this.#run(() => user.onBodyRefused());
    });
    return true;
  }

  /** Ends the attempt: the connection returns to the pool if it may be reused and the answer is complete, else it is closed. */
  release(mayBeUsedAgain: boolean): void {
    this.#user = this.#head = undefined;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    if (!mayBeUsedAgain || this.#isClosed) this.destroy();
    // While the parser runs, `#take` or `#onEnd` decides afterwards.
    else if (!this.#isExecuting) this.#settle();
  }

  switchTo(tunnel: TunnelSide): void {
    this.#parser.switchProtocol();
    this.#isReusable = false;
    this.#user = undefined;
    this.#tunnel = tunnel;
  }

  destroy(): void {
    this.#isReusable = false;
    this.socket.destroy();
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (!this.#isConnected) this.#addresses?.onNoneAnswered();
    this.#owner.deadlines.remove(this);
    this.#owner.onClosed(this);
  }

  onDeadline(nowMs: number): void {
    try {
      if (this.#tunnel !== undefined) this.#tunnel.onHostDeadline(nowMs);
      else if (this.#user === undefined) this.destroy();
      else this.#user.onHostDeadline();
    } catch (error) {
      this.#onFault(error, this.#tunnel ?? this.#user);
    }
  }

  #onBytes(bytes: Buffer): void {
    try {
      this.#take(bytes);
    } catch (error) {
      this.#onFault(error, this.#tunnel ?? this.#user);
    }
  }

  #take(bytes: Buffer): void {
    if (this.#isClosed) return;
    if (this.#tunnel !== undefined) {
      this.#tunnel.onHostBytes(bytes);
      return;
    }
    this.#hasHeard = true;
    const user = this.#user;
    if (user === undefined || !this.#parser.isReading) {
      this.#owner.onExtraBytes();
      if (user === undefined) this.destroy();
      else this.#isReusable = false;
      return;
    }
    this.#isExecuting = true;
    const taken = this.#parser.execute(bytes, user);
    this.#isExecuting = false;
    if (taken < 0) {
      this.#lose('bad-response', this.#parser.reason);
      return;
    }
    if (taken < bytes.length) {
      // The parser may have called `switchTo`.
      const tunnel = this.#tunnel as TunnelSide | undefined;
      if (tunnel === undefined) {
        this.#owner.onExtraBytes();
        this.#isReusable = false;
      } else {
        tunnel.onHostBytes(bytes.subarray(taken));
      }
    }
    if (this.#user === user) user.onPause();
    else if (this.#user === undefined && this.#tunnel === undefined && !this.#isClosed) this.#settle();
  }

  /** Without a user: returns it to the pool, or closes it. */
  #settle(): void {
    if (!this.#isReusable || this.#parser.isReading || !this.#isConnected) {
      this.destroy();
      return;
    }
    if (this.socket.isPaused()) this.socket.resume();
    this.#owner.onIdle(this);
  }

  #onEnd(): void {
    if (this.#tunnel !== undefined) {
      this.#tunnel.onHostEnd();
      return;
    }
    const user = this.#user;
    this.#isReusable = false;
    if (user === undefined) {
      this.destroy();
      return;
    }
    if (!this.#parser.isReading) return;
    this.#isExecuting = true;
    const isWhole = this.#parser.finish(user);
    this.#isExecuting = false;
    if (!isWhole) this.#lose('reset', this.#endReason());
    else if (this.#user === undefined) this.destroy();
  }

  #onClose(): void {
    if (this.#tunnel !== undefined) {
      this.destroy();
      this.#tunnel.onHostClosed();
      return;
    }
    const wasConnected = this.#isConnected;
    this.#lose(wasConnected ? 'reset' : 'connect-failed', this.#endReason());
  }

  /** Why the connection ended. */
  #endReason(): string {
    const { errored } = this.socket;
    if (errored !== null) return describeError(errored);
    if (!this.#isConnected) return 'closed before it was connected';
    return this.#hasHeard ? 'closed before the answer was whole' : 'closed before a byte of the answer';
  }

  #lose(loss: Loss, reason: string): void {
    const user = this.#user;
    this.#user = undefined;
    this.destroy();
    if (user === undefined) return;
    try {
      user.onHostLost(loss === 'reset' && this.#uses > 1 && !this.#hasHeard ? 'stale' : loss, reason);
    } catch (error) {
      user.onFault(error);
    }
  }
}
