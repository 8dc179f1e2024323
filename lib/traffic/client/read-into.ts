// Reads a client's socket into a reused buffer. Node offers this for sockets that it opens (`onread` of net.connect) but
// not for those that it accepts: each of their reads allocates 64 KiB, which is most of a small request's garbage and
// makes memory swing by tens of megabytes during a long upload.

import { Socket } from 'node:net';
import { Reads } from '../wire/buffers.js';

/** What `onread` sets on a socket. The names are private to Node, so they are looked up and may be missing. */
interface UserBufferSocket {
  [key: symbol]: unknown;
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null;
}

const symbols = Object.getOwnPropertySymbols(new Socket({ onread: { buffer: Buffer.alloc(1), callback: () => true } } as object));
const symbolOf = (name: string): symbol | undefined => symbols.find(({ description }) => description === name);
const BUFFER = symbolOf('kBuffer');
const CALLBACK = symbolOf('kBufferCb');
const GENERATOR = symbolOf('kBufferGen');

/**
 * Begins to read a socket that was accepted paused. If Node's internals differ, it reads as usual.
 * @param onBytes receives the bytes read, valid until it returns; returns whether more of the same is expected
 */
export function readInto(socket: Socket, onBytes: (bytes: Buffer) => boolean): void {
  const inner = socket as unknown as UserBufferSocket;
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const handle = inner._handle;
  // Bytes that were put back (`unshift`) must be read first, which only the usual way does.
  if (BUFFER === undefined || CALLBACK === undefined || handle?.useUserBuffer === undefined || socket.readableLength > 0) {
    socket.on('data', onBytes);
    return;
  }
  const reads = new Reads(onBytes, GENERATOR !== undefined);
  inner[BUFFER] = reads.memory;
  inner[CALLBACK] = (length: number): boolean => {
    reads.onRead(length);
    return true;
  };
  if (GENERATOR !== undefined) inner[GENERATOR] = () => reads.takeMoved();
  socket.once('close', () => reads.end());
  handle.useUserBuffer(reads.memory);
}
