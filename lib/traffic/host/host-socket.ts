// One socket to a host, plain or TLS, as its connection uses it. Node closes a socket with the first write that fails, and
// forgets what has come on it: an answer such as 413, after which the host took no more of the request. Here the failure
// of a write can be kept back, so that what the system has received is read first.

import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { tryEach } from '../../health/host-addresses.js';
import { Reads } from '../wire/buffers.js';
import type { ConnectOptions } from './connection-user.js';

/** Who uses a socket to a host. */
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
  /** Comes after an error, too. */
  onClose(): void;
  /**
   * A write has failed. When it gives true the socket stays as it is: nothing more can be written, and what came can be
   * read, up to `onEnd` or `onClose`.
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
      // Node asks for each address that it tries, and after each read: then anything but memory leaves it as it is.
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
    const { servername, ca, rejectUnauthorized } = tls;
    socket = connectTls({
      ...common,
      rejectUnauthorized,
      ALPNProtocols: ['http/1.1'],
      ...(servername !== '' && { servername }),
      ...(ca !== undefined && { ca }),
    });
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

/** Called by `_write` once its bytes were taken, or with what went wrong. */
type WriteEnd = (error?: Error | null) => void;

/**
 * Asks the user before a stream learns that a write has failed. As long as it has not, a stream waits for that write: it
 * writes nothing else, and reads on. `_write` and `_writev` are what Node documents for those who make streams.
 */
function keepFailedWrites(socket: Socket, user: SocketUser): void {
  let known: WriteEnd | undefined;
  let asking: WriteEnd = () => undefined;
  // A stream hands over the same function each time: writes cost nothing more than a call.
  const asked = (end: WriteEnd): WriteEnd => {
    if (end === known) return asking;
    known = end;
    asking = (error) => {
      const hasFailed = error !== undefined && error !== null;
      // Whoever waits for that write still hears how it ended: its memory is used again.
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
