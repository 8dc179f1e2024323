// One socket to a host, plain or TLS. Node destroys a socket at the first failed write and discards what was received,
// for example a 413 after which the host took no more of the request. Here a write failure can be deferred, so that
// everything the system has received is read first.

import { connect, type Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { tryEach } from '../../health/host-addresses.js';
import { Reads } from '../wire/buffers.js';
import type { ConnectOptions } from './connection-user.js';

/** The user of a socket to a host. */
export interface SocketUser {
  isConnected(): boolean;
  onConnect(): void;
  /**
   * @param bytes valid until the call returns
   * @returns whether more of the same is expected
   */
  onBytes(bytes: Buffer): boolean;
  onDrain(): void;
  onEnd(): void;
  onError(error: Error): void;
  /** Also follows an error. */
  onClose(): void;
  /**
   * A write has failed. If it returns true, the failure is deferred: nothing more can be written, and received bytes can
   * be read, up to `onEnd` or `onClose`.
   */
  onWriteFailed(): boolean;
}

/** Connects. */
export function openSocket({ host, port, tls, addresses, connectTimeoutMs }: ConnectOptions, user: SocketUser): Socket {
  const common = {
    host,
    port,
    noDelay: true,
    allowHalfOpen: false,
    ...(addresses !== undefined && tryEach(addresses, connectTimeoutMs)),
  };
  let socket: Socket;
  if (tls === undefined) {
    const reads = new Reads((bytes) => user.onBytes(bytes), true);
    const onread = {
      // Node asks for each address that it tries, and after each read; undefined then means the same buffer again.
      buffer: () => (user.isConnected() ? reads.takeMoved() : reads.memory) as Buffer,
      callback(length: number) {
        reads.onRead(length);
        return true;
      },
    };
    socket = connect({ ...common, onread });
    socket.once('connect', () => user.onConnect());
    socket.once('close', () => reads.end());
  } else {
    socket = connectTls({ ...common, ...tlsOptions(tls), ALPNProtocols: ['http/1.1'] });
    socket.once('secureConnect', () => user.onConnect());
    socket.on('data', (bytes: Buffer) => void user.onBytes(bytes));
  }
  addresses?.watch(socket);
  keepFailedWrites(socket, user);
  socket.on('drain', () => user.onDrain());
  socket.on('error', (error) => user.onError(error));
  socket.on('end', () => user.onEnd());
  socket.on('close', () => user.onClose());
  return socket;
}

/** The user of a socket that carries HTTP/2. */
export interface Http2SocketUser {
  /** @param reason why it can't be used; empty if it can */
  onConnect(reason: string): void;
  onError(error: Error): void;
  onClose(): void;
}

/** Connects for HTTP/2: by ALPN over TLS, by prior knowledge without. Nothing is read: node:http2 does that. */
export function openHttp2Socket({ host, port, tls, addresses, connectTimeoutMs }: ConnectOptions, user: Http2SocketUser): Socket {
  const common = {
    host,
    port,
    noDelay: true,
    allowHalfOpen: false,
    ...(addresses !== undefined && tryEach(addresses, connectTimeoutMs)),
  };
  let socket: Socket;
  if (tls === undefined) {
    socket = connect(common);
    socket.once('connect', () => user.onConnect(''));
  } else {
    const secure = connectTls({ ...common, ...tlsOptions(tls), ALPNProtocols: ['h2'] });
    secure.once('secureConnect', () => user.onConnect(whyNotHttp2(secure)));
    socket = secure;
  }
  addresses?.watch(socket);
  socket.on('error', (error) => user.onError(error));
  socket.on('close', () => user.onClose());
  return socket;
}

function whyNotHttp2({ alpnProtocol }: TLSSocket): string {
  if (alpnProtocol === 'h2') return '';
  return `the host chooses ${typeof alpnProtocol === 'string' ? alpnProtocol : 'nothing'} in ALPN, not h2: does it speak HTTP/2?`;
}

function tlsOptions({ servername, ca, rejectUnauthorized }: NonNullable<ConnectOptions['tls']>): ConnectionOptions {
  return { rejectUnauthorized, ...(servername !== '' && { servername }), ...(ca !== undefined && { ca }) };
}

/** The callback of `_write`: the bytes were taken, or an error. */
type WriteEnd = (error?: Error | null) => void;

/**
 * Asks the user before the stream learns that a write has failed. Until it does, the stream waits for that write: it
 * writes nothing else, and goes on reading. `_write` and `_writev` are Node's documented API for implementing streams.
 */
function keepFailedWrites(socket: Socket, user: SocketUser): void {
  let known: WriteEnd | undefined;
  let asking: WriteEnd = () => undefined;
  // A stream passes the same callback each time, so a write costs only one more call.
  const asked = (end: WriteEnd): WriteEnd => {
    if (end === known) return asking;
    known = end;
    asking = (error) => {
      const hasFailed = error !== undefined && error !== null;
      // The write's callback still runs in the end, since it releases the buffer.
      if (hasFailed && user.onWriteFailed()) socket.once('close', () => end(error));
      else end(error);
    };
    return asking;
  };
  const { _write: write, _writev: writev } = socket;
  // oxlint-disable no-underscore-dangle -- Node's names
  socket._write = (chunk, encoding, end) => write.call(socket, chunk, encoding, asked(end));
  if (writev !== undefined) socket._writev = (chunks, end) => writev.call(socket, chunks, asked(end));
}
