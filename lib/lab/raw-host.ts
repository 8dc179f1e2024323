// A host with minimal cost, so that the proxy is what is measured: the same 100 bytes for any GET, 1 MiB for `/down`, a
// receipt for an uploaded body, echoed WebSocket frames. It trusts its input: a body has a Content-Length.

import { createHash, type Hash } from 'node:crypto';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { bodyOf, buildBlob, receiptOf } from './lab-bodies.js';
import { acceptOf, echoFrames, FrameReader } from './websocket.js';

/** The path of the large response. */
export const DOWN_PATH = '/down';

/** A body posted to this path is answered with its SHA-256, to any other path with its length. */
export const HASH_PATH = '/up/hash';

const CRLF2 = Buffer.from('\r\n\r\n');
const EMPTY = Buffer.alloc(0);
const [LETTER_G, SPACE] = [71, 32];

/** Runs the role `host NAME [PORT]` on loopback; without a port, on any free one. */
export async function runRawHost([name = 'host', port = '0']: readonly string[]): Promise<() => void> {
  const answers = { small: answerOf(Buffer.from(bodyOf(name))), large: answerOf(buildBlob()) };
  const server = createServer({ noDelay: true }, (socket) => {
    const connection = new Connection(socket, answers);
    socket.on('error', () => socket.destroy());
    socket.on('data', (chunk) => connection.take(chunk));
  });
  await new Promise<void>((resolve) => {
    server.listen({ port: Number(port), host: '127.0.0.1', backlog: 1024 }, resolve);
  });
  process.send?.({ type: 'ready', port: (server.address() as AddressInfo).port });
  return () => void server.close();
}

function answerOf(body: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: ${body.length}\r\n\r\n`),
    body,
  ]);
}

/** One connection: heads, bodies, and frames after an upgrade. */
class Connection {
  readonly #socket: Socket;
  readonly #answers: { readonly small: Buffer; readonly large: Buffer };
  /** An incomplete head. */
  #pending: Buffer = EMPTY;
  #bodyBytes = 0;
  #bodyLeft = 0;
  #hash: Hash | undefined;
  #frames: FrameReader | undefined;

  constructor(socket: Socket, answers: { readonly small: Buffer; readonly large: Buffer }) {
    this.#socket = socket;
    this.#answers = answers;
  }

  take(chunk: Buffer): void {
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#frames !== undefined) rest = this.#takeFrames(this.#frames, rest);
      else if (this.#bodyLeft > 0) rest = this.#takeBody(rest);
      else rest = this.#takeHead(rest);
    }
  }

  #takeHead(chunk: Buffer): Buffer {
    const bytes = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    const end = bytes.indexOf(CRLF2);
    this.#pending = end < 0 ? bytes : EMPTY;
    if (end < 0) return EMPTY;
    // `GET / `: no need to parse it.
    if (bytes[0] === LETTER_G && bytes[5] === SPACE) this.#socket.write(this.#answers.small);
    else this.#answer(bytes.toString('latin1', 0, end + 2));
    return bytes.subarray(end + CRLF2.length);
  }

  #answer(head: string): void {
    const [, key] = /\r\nsec-websocket-key: *(\S+)/i.exec(head) ?? [];
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    const path = head.split(' ', 2)[1] ?? '/';
    if (key !== undefined) {
      this.#frames = new FrameReader();
      this.#socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${acceptOf(key)}\r\n\r\n`,
      );
    } else if (length !== undefined && length !== '0') {
      this.#bodyBytes = Number(length);
      this.#bodyLeft = this.#bodyBytes;
      this.#hash = path === HASH_PATH ? createHash('sha256') : undefined;
    } else this.#socket.write(path === DOWN_PATH ? this.#answers.large : this.#answers.small);
  }

  #takeBody(chunk: Buffer): Buffer {
    const part = chunk.subarray(0, this.#bodyLeft);
    this.#hash?.update(part);
    this.#bodyLeft -= part.length;
    if (this.#bodyLeft === 0) this.#socket.write(answerOf(Buffer.from(this.#hash?.digest('hex') ?? receiptOf(this.#bodyBytes))));
    return chunk.subarray(part.length);
  }

  #takeFrames(frames: FrameReader, chunk: Buffer): Buffer {
    const { bytes, isLast } = echoFrames(frames.push(chunk));
    if (isLast) this.#socket.end(bytes);
    else if (bytes.length > 0) this.#socket.write(bytes);
    return EMPTY;
  }
}
