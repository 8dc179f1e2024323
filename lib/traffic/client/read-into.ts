// Reads a client's socket into memory that is used again and again. Node gives sockets that it opens itself this
// way of reading (`onread` of net.connect) but not those that it accepts: each of their reads allocates 64 KiB,
// which is most of a small request's garbage and makes the memory of a long upload swing by tens of megabytes.

import { Socket } from 'node:net';

/** All sockets of the thread read into it, one after the other. */
const READ_BUFFER = Buffer.allocUnsafeSlow(64 << 10);

/** What `onread` sets on a socket; the names are Node's own, and looked for rather than relied on. */
interface UserBufferSocket {
  [key: symbol]: unknown;
  readonly _handle?: { useUserBuffer?(buffer: Buffer): void } | null;
}

const symbols = Object.getOwnPropertySymbols(new Socket({ onread: { buffer: READ_BUFFER, callback: () => true } } as object));
const BUFFER = symbols.find(({ description }) => description === 'kBuffer');
const CALLBACK = symbols.find(({ description }) => description === 'kBufferCb');

/**
 * Begins to read a socket that was accepted paused. Where Node has another way inside, it reads as usual.
 * @param onBytes gets what was read; the bytes are valid until it returns
 */
export function readInto(socket: Socket, onBytes: (bytes: Buffer) => void): void {
  const inner = socket as unknown as UserBufferSocket;
  // oxlint-disable-next-line no-underscore-dangle -- Node's name
  const handle = inner._handle;
  // What was put back to be read again must come first.
  if (BUFFER === undefined || CALLBACK === undefined || handle?.useUserBuffer === undefined || socket.readableLength > 0) {
    socket.on('data', onBytes);
    return;
  }
  inner[BUFFER] = READ_BUFFER;
  inner[CALLBACK] = (length: number): boolean => {
    onBytes(READ_BUFFER.subarray(0, length));
    return true;
  };
  handle.useUserBuffer(READ_BUFFER);
}
