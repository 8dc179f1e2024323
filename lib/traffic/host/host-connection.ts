// One connection to a host: plain or TLS, with its response parser. It carries one attempt at a time, and
// between two it lies idle in its host's pool. Whatever goes wrong on it is told to the attempt that it carries.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Clock } from '../../clock.js';
import { type HostAddresses, tryEach } from '../../health/host-addresses.js';
import { ResponseParser, type ResponseSink } from './response-parser.js';
import type { Deadlines, Waiting } from '../../deadlines.js';

/** Who uses a connection. */
export interface ConnectionUser extends ResponseSink {
  /** The connection has come about. */
  onConnected(): void;
  /** All that came was read, and the answer is not whole. */
  onPause(): void;
  /** What was written has gone out. */
  onHostWritable(): void;
  /** The connection ended, or what came on it is no answer: nothing more comes. */
  onHostLost(loss: Loss): void;
  /** The connection's `deadlineMs` has passed. */
  onHostDeadline(): void;
}

/** How a connection was lost to its user. */
export type Loss = 'connect-failed' | 'reset' | 'bad-response';

/** Who has a connection whose protocol was switched: bytes pass as they are. */
export interface TunnelSide {
  /** @param bytes valid until the call returns */
  onHostBytes(bytes: Buffer): void;
  onHostWritable(): void;
  onHostEnd(): void;
  onHostClosed(): void;
  onHostDeadline(nowMs: number): void;
}

/** What connections of one host share. */
export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  /** The addresses that the host's name stands for; undefined when `host` is an address. */
  readonly addresses: HostAddresses | undefined;
  /** How long it may take to connect: each address has its share, and the last one all that is left. */
  readonly connectTimeoutMs: number;
  /** How to verify it; undefined for a plain connection. */
  readonly tls: { readonly servername: string; readonly ca: string | undefined; readonly rejectUnauthorized: boolean } | undefined;
}

/** What a connection tells the pool. */
export interface ConnectionOwner {
  readonly deadlines: Deadlines;
  readonly clock: Clock;
  /** Its answer is whole and the connection can be used again. */
  onIdle(connection: HostConnection): void;
  onClosed(connection: HostConnection): void;
  /** Bytes came that nobody asked for. */
  onExtraBytes(): void;
  /** Why a connection did not come about. */
  onConnectError(error: Error): void;
}

/** All plain connections read into the same memory: what is read is passed on or copied before the next read. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 << 10);

/** A connection to a host. */
export class HostConnection implements Waiting {
  deadlineMs = Number.POSITIVE_INFINITY;
  /** The host's address that it goes to, once connected; only where the host has a name. */
  peer = '';
  /** Since when it lies idle, when it does (process's clock). */
  idleSinceMs = 0;
  readonly socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #addresses: HostAddresses | undefined;
  readonly #parser = new ResponseParser();
  #user: ConnectionUser | undefined;
  #isConnected = false;
  #isClosed = false;
  /** Becomes false once the connection must not carry another attempt. */
  #isReusable = true;
  #tunnel: TunnelSide | undefined;
  #isExecuting = false;

  constructor(options: ConnectOptions, owner: ConnectionOwner) {
    this.#owner = owner;
    this.#addresses = options.addresses;
    this.socket = this.#open(options);
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

  #open({ host, port, tls, addresses, connectTimeoutMs }: ConnectOptions): Socket {
    const common = { host, port, noDelay: true, allowHalfOpen: false, ...(addresses !== undefined && tryEach(addresses, connectTimeoutMs)) };
    let socket: Socket;
    if (tls === undefined) {
      const onread = { buffer: READ_BUFFER, callback: (length: number) => this.#onBytes(READ_BUFFER.subarray(0, length)) };
      socket = connect({ ...common, onread });
      socket.once('connect', () => this.#onConnect());
    } else {
      const { servername, ca, rejectUnauthorized } = tls;
      socket = connectTls({ ...common, rejectUnauthorized, ALPNProtocols: ['http/1.1'], ...(servername !== '' && { servername }), ...(ca !== undefined && { ca }) });
      socket.once('secureConnect', () => this.#onConnect());
      socket.on('data', (bytes: Buffer) => void this.#onBytes(bytes));
    }
    addresses?.watch(socket);
    socket.on('drain', () => (this.#tunnel ?? this.#user)?.onHostWritable());
    // After an error comes `close`.
    socket.on('error', (error) => {
      if (!this.#isConnected) this.#owner.onConnectError(error);
    });
    socket.on('end', () => this.#onEnd());
    socket.on('close', () => this.#onClose());
    return socket;
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
    this.deadlineMs = Number.POSITIVE_INFINITY;
  }

  /** Sends text or bytes; false when the host must catch up first. */
  write(data: string | Buffer): boolean {
    return typeof data === 'string' ? this.socket.write(data, 'latin1') : this.socket.write(data);
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
    if (this.#tunnel !== undefined) this.#tunnel.onHostDeadline(nowMs);
    else if (this.#user === undefined) this.destroy();
    else this.#user.onHostDeadline();
  }

  #onBytes(bytes: Buffer): boolean {
    if (this.#isClosed) return true;
    if (this.#tunnel !== undefined) {
      this.#tunnel.onHostBytes(bytes);
      return true;
    }
    const user = this.#user;
    if (user === undefined || !this.#parser.isReading) {
      this.#owner.onExtraBytes();
      if (user === undefined) this.destroy();
      else this.#isReusable = false;
      return true;
    }
    this.#isExecuting = true;
    const taken = this.#parser.execute(bytes, user);
    this.#isExecuting = false;
    if (taken < 0) {
      this.#lose('bad-response');
      return true;
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
    return true;
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
    if (!isWhole) this.#lose('reset');
    else if (this.#user === undefined) this.destroy();
  }

  #onClose(): void {
    if (this.#tunnel !== undefined) {
      this.destroy();
      this.#tunnel.onHostClosed();
      return;
    }
    const wasConnected = this.#isConnected;
    this.#lose(wasConnected ? 'reset' : 'connect-failed');
  }

  #lose(loss: Loss): void {
    const user = this.#user;
    this.#user = undefined;
    this.destroy();
    user?.onHostLost(loss);
  }
}
