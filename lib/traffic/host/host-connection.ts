// One connection to a host: plain or TLS, with its response parser. It carries one attempt at a time, and
// between two it lies idle in its host's pool. Whatever goes wrong on it, the attempt that it carries hears of it, once.

import type { Socket } from 'node:net';
import type { Clock } from '../../clock.js';
import type { Deadlines, Waiting } from '../../deadlines.js';
import type { HostAddresses } from '../../health/host-addresses.js';
import type { ConnectionUser, ConnectOptions, Loss, TunnelSide } from './connection-user.js';
import { openSocket } from './host-socket.js';
import { describeError } from '../wire/reason-text.js';
import { ResponseParser } from './response-parser.js';

/** What a connection tells the pool. */
export interface ConnectionOwner {
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** How long an idle connection is kept at most. */
  readonly keepIdleMs: number;
  /** The longest head of an answer. */
  readonly maxHeadBytes: number;
  /** Its answer is whole and the connection can be used again. */
  onIdle(connection: HostConnection): void;
  onClosed(connection: HostConnection): void;
  /** Bytes came that nobody asked for. */
  onExtraBytes(): void;
  /** Why a connection did not come about. */
  onConnectError(error: Error): void;
  /** Something threw while nobody used the connection, which is a bug of ours. */
  onFault(): void;
}

/** A connection to a host. */
export class HostConnection implements Waiting {
  deadlineMs = Number.POSITIVE_INFINITY;
  /** The host's address that it goes to, once connected; only where the host has a name. */
  peer = '';
  /** Since when it lies idle, when it does (process's clock). */
  idleSinceMs = 0;
  /** How long it may lie idle: less than the host says that it keeps this connection. */
  keepIdleMs: number;
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #addresses: HostAddresses | undefined;
  readonly #parser: ResponseParser;
  #user: ConnectionUser | undefined;
  #isConnected = false;
  #isClosed = false;
  /** Becomes false once the connection must not carry another attempt. */
  #isReusable = true;
  #tunnel: TunnelSide | undefined;
  #isExecuting = false;
  /** Attempts that it carried so far, the present one included. */
  #uses = 0;
  /** Whether a byte came since the present attempt began. */
  #hasHeard = false;
  /** Whether the present request's head was written and its body follows: the host may answer and take no more of it. */
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

  /** Whether the connection has come about. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Whether nothing carries on it. */
  get isIdle(): boolean {
    return this.#user === undefined;
  }

  /**
   * The host says after how many idle seconds it closes this connection: we do it before. It holds until the host
   * says otherwise on the same connection.
   * @param seconds Infinity when the host did not say
   */
  noteKeepAlive(seconds: number): void {
    if (seconds === Number.POSITIVE_INFINITY) return;
    const ms = seconds * 1000;
    this.keepIdleMs = Math.min(this.#owner.keepIdleMs, ms >= 2000 ? ms - 1000 : ms / 2);
  }

  /**
   * Whether the system has refused what was just written: then none of it has left this process. Only to be asked
   * right after the first write of an attempt; never true over TLS, where it could not be known.
   */
  get hasRefusedWrite(): boolean {
    return this.socket.errored !== null && !('encrypted' in this.socket);
  }

  /** Does what an event asks for. Should it throw, by a bug of ours, that costs one request, not the process. */
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

  /** Carries an attempt from now on. */
  use(user: ConnectionUser, method: string): void {
    this.#user = user;
    this.#parser.begin(method);
    this.#uses++;
    this.#hasHeard = this.#isBodyDue = false;
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Sends text or bytes; false when the host must catch up first. */
  write(data: string | Buffer): boolean {
    return typeof data === 'string' ? this.socket.write(data, 'latin1') : this.socket.write(data);
  }

  /** The head was sent and a body follows: should the host take no more of it, what it has said by then is read. */
  expectBody(): void {
    this.#isBodyDue = true;
  }

  /** A host that refuses a body may close its side when it has said so: its answer is there, and is read before that counts. */
  #onWriteFailed(): boolean {
    const user = this.#user;
    if (!this.#isBodyDue || this.#isClosed || user === undefined) return false;
    this.#isReusable = false;
    // It may be this user's own write.
    process.nextTick(() => {
      if (this.#user === user) this.#run(() => user.onBodyRefused());
    });
    return true;
  }

  /** The attempt ends here: the connection goes back to the pool once its answer is whole, if it may. */
  release(mayBeUsedAgain: boolean): void {
    this.#user = undefined;
    this.deadlineMs = Number.POSITIVE_INFINITY;
    if (!mayBeUsedAgain || this.#isClosed) this.destroy();
    // While bytes are being read, what follows them decides.
    else if (!this.#isExecuting) this.#settle();
  }

  /** The bytes after the present head are not HTTP: the tunnel has them from now on. To be called from `onInformational`. */
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
      // `switchTo` may have been called meanwhile.
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

  /** Nobody uses it any more: back to the pool, or away. */
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
