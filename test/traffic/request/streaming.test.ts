// Long bodies in both directions arrive byte for byte, however slowly either side reads, and no more of them is buffered
// than the buffers on the way hold.

import { createHash, type Hash } from 'node:crypto';
import { request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { until } from '../../support/brackets.js';
import { withRaw } from '../../support/http-client.js';
import { withProxy, withRawProxy } from '../../support/proxy.js';

const test = suite('streaming');

const SIZE = 64 << 20;
const PIECE = 1 << 20;

/** An endless source of pseudo-random bytes, the same for the same seed. */
class Source {
  readonly hash: Hash = createHash('sha256');
  sent = 0;
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Sends all of it to a stream, as fast as it takes them. */
  async pourInto(stream: NodeJS.WritableStream): Promise<void> {
    while (this.sent < SIZE) {
      const piece = Buffer.alloc(PIECE, Buffer.from(Array.from({ length: 61 }, () => this.#random.below(256))));
      this.hash.update(piece);
      this.sent += piece.length;
      if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
    }
    stream.end();
  }
}

/** Reads a whole stream; returns its size and hash. Optionally pauses now and then. */
function drain(stream: NodeJS.ReadableStream, isSlow: boolean): Promise<readonly [number, string]> {
  const hash = createHash('sha256');
  let size = 0;
  let pauses = 0;
  stream.on('data', (bytes: Buffer) => {
    size += bytes.length;
    hash.update(bytes);
    if (!isSlow || size / (8 << 20) < pauses + 1) return;
    pauses++;
    stream.pause();
    setTimeout(() => stream.resume(), 20);
  });
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('end', () => resolve([size, hash.digest('hex')]));
  });
}

for (const framing of ['a length', 'chunks'] as const) {
  const headers = framing === 'a length' ? { 'Content-Length': String(SIZE) } : { 'Transfer-Encoding': 'chunked' };
  for (const isSlow of [false, true]) {
    const who = isSlow ? ', to one who reads slowly' : '';

    test(`64 MiB with ${framing} come down as they were sent${who}`, () => {
      const source = new Source(1);
      return withProxy(
        (_request, response) => {
          response.writeHead(200, headers);
          void source.pourInto(response);
        },
        async ({ port }) => {
          const got = await new Promise<readonly [number, string]>((resolve, reject) => {
            request({ port, host: '127.0.0.1', agent: false }, (response) => void drain(response, isSlow).then(resolve, reject))
              .on('error', reject)
              .end();
          });
          assert.equal(got, [SIZE, source.hash.digest('hex')]);
        },
      );
    });

    test(`64 MiB with ${framing} go up as they were sent${who}`, () => {
      const source = new Source(2);
      return withProxy(
        (incoming, response) => void drain(incoming, isSlow).then((got) => response.end(JSON.stringify(got))),
        async ({ port }) => {
          const answer = await new Promise<string>((resolve, reject) => {
            const outgoing = request({ port, host: '127.0.0.1', agent: false, method: 'POST', headers }, (response) => {
              let text = '';
              response.on('data', (bytes: Buffer) => (text += bytes.toString())).on('end', () => resolve(text));
            }).on('error', reject);
            void source.pourInto(outgoing);
          });
          assert.equal(JSON.parse(answer), [SIZE, source.hash.digest('hex')]);
        },
      );
    });
  }
}

test('an answer that its client does not read is not read from the host', () => {
  const source = new Source(3);
  return withProxy(
    (_request, response) => void source.pourInto(response),
    async ({ port }) => {
      const outgoing = request({ port, host: '127.0.0.1', agent: false }, (response) => void response.pause()).on('error', () => undefined);
      outgoing.end();
      let before = -1;
      // Nothing more is taken once every buffer is full.
      await until(
        async () => {
          const isStill = source.sent === before && source.sent > 0;
          before = source.sent;
          await new Promise((resolve) => setTimeout(resolve, 200));
          return isStill && source.sent === before;
        },
        { timeoutMs: 15_000 },
      );
      assert.ok(source.sent < SIZE / 2, `${source.sent} bytes`);
      outgoing.destroy();
    },
  );
});

for (const framing of ['Content-Length: 4', 'Transfer-Encoding: chunked']) {
  test(`a head whose body is late reaches the client at once: ${framing}`, () =>
    withRawProxy(
      ({ socket, text }) => {
        if (text.endsWith('\r\n\r\n')) socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`);
      },
      ({ port }, host) =>
        withRaw(port, async (raw) => {
          await raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n').receives(/^HTTP\/1\.1 200 OK\r\n[^]*\r\n\r\n$/);
          host.connections[0]?.socket.write(framing.startsWith('C') ? 'body' : '4\r\nbody\r\n0\r\n\r\n');
          await raw.receives(/body/);
        }),
    ));
}

test.run();
