// Long bodies in both directions arrive byte for byte, however slowly either side reads, and no more of them is buffered
// than the buffers on the way hold.

import { request } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { until } from '../../support/brackets.js';
import { withRaw } from '../../support/http-client.js';
import { withProxy, withRawProxy } from '../../support/proxy.js';
import { scaled } from '../../support/scale.js';

const test = suite('streaming');

const MIB = 1 << 20;
const SIZE = scaled(12, 64) * MIB;

/** Pseudo-random bytes that repeat nowhere at a power of two. */
const random = new Random(1);
const BYTES = Buffer.alloc(SIZE, Buffer.from(Array.from({ length: 65_521 }, () => random.below(256))));

/** Sends all of BYTES to a stream, as fast as it takes them. */
async function pourInto(stream: NodeJS.WritableStream): Promise<void> {
  for (let sent = 0; sent < SIZE; sent += MIB) {
    if (!stream.write(BYTES.subarray(sent, sent + MIB))) await new Promise((resolve) => stream.once('drain', resolve));
  }
  stream.end();
}

/** What a reader got: bytes, and where they first differ from BYTES (-1: nowhere). */
type Got = readonly [size: number, differsAt: number];

/** Reads a whole stream. Optionally pauses eight times on the way. */
function drain(stream: NodeJS.ReadableStream, isSlow: boolean): Promise<Got> {
  let size = 0;
  let differsAt = -1;
  let pauses = 0;
  stream.on('data', (bytes: Buffer) => {
    if (differsAt < 0 && !bytes.equals(BYTES.subarray(size, size + bytes.length))) differsAt = size;
    size += bytes.length;
    if (!isSlow || size / (SIZE / 8) < pauses + 1) return;
    pauses++;
    stream.pause();
    setTimeout(() => stream.resume(), 20);
  });
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('end', () => resolve([size, differsAt]));
  });
}

for (const framing of ['a length', 'chunks'] as const) {
  const headers = framing === 'a length' ? { 'Content-Length': String(SIZE) } : { 'Transfer-Encoding': 'chunked' };
  for (const isSlow of [false, true]) {
    const who = isSlow ? ', to one who reads slowly' : '';

    test(`${SIZE / MIB} MiB with ${framing} come down as they were sent${who}`, () =>
      withProxy(
        (_request, response) => {
          response.writeHead(200, headers);
          void pourInto(response);
        },
        async ({ port }) => {
          const got = await new Promise<Got>((resolve, reject) => {
            request({ port, host: '127.0.0.1', agent: false }, (response) => void drain(response, isSlow).then(resolve, reject))
              .on('error', reject)
              .end();
          });
          assert.equal(got, [SIZE, -1]);
        },
      ));

    test(`${SIZE / MIB} MiB with ${framing} go up as they were sent${who}`, () =>
      withProxy(
        (incoming, response) => void drain(incoming, isSlow).then((got) => response.end(JSON.stringify(got))),
        async ({ port }) => {
          const answer = await new Promise<string>((resolve, reject) => {
            const outgoing = request({ port, host: '127.0.0.1', agent: false, method: 'POST', headers }, (response) => {
              let text = '';
              response.on('data', (bytes: Buffer) => (text += bytes.toString())).on('end', () => resolve(text));
            }).on('error', reject);
            void pourInto(outgoing);
          });
          assert.equal(JSON.parse(answer), [SIZE, -1]);
        },
      ));
  }
}

test('an answer that its client does not read is not read from the host', () => {
  const most = 64 * MIB;
  const piece = BYTES.subarray(0, MIB);
  let sent = 0;
  const pour = async (stream: NodeJS.WritableStream): Promise<void> => {
    for (; sent < most; sent += MIB) if (!stream.write(piece)) await new Promise((resolve) => stream.once('drain', resolve));
  };
  return withProxy(
    (_request, response) => void pour(response),
    async ({ port }) => {
      const outgoing = request({ port, host: '127.0.0.1', agent: false }, (response) => void response.pause()).on('error', () => undefined);
      outgoing.end();
      let before = -1;
      // Nothing more is taken once every buffer is full.
      await until(
        () => {
          const isStill = sent === before && sent > 0;
          before = sent;
          return isStill;
        },
        { timeoutMs: 15_000, everyMs: 300, what: 'the buffers to be full' },
      );
      assert.ok(sent < most / 2, `${sent} bytes`);
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
