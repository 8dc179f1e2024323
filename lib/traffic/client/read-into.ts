// Reads a client's socket into memory that is used again and again. Node gives sockets that it opens itself this
// way of reading (`onread` of net.connect) but not those that it accepts: each of their reads allocates 64 KiB,
// which is most of a small request's garbage and makes the memory of a long upload swing by tens of megabytes.

import { Socket } from 'node:net';
import { Reads } from '../wire/buffers.js';

/** What `onread` sets on a socket; the names are Node's own, and looked for rather than relied on. */
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
 * Begins to read a socket that was accepted paused. Where Node has another way inside, it reads as usual.
 * @param onBytes gets what was read; the bytes are valid until it returns; gives whether more of the same is expected
 */
export function readInto(socket: Socket, onBytes: (bytes: Buffer) => boolean): void {
  const inner = socket as unknown as UserBufferSocket;
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const handle = inner._handle;
  // What was put back to be read again must come first.
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
