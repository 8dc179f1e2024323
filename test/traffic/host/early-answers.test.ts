// Hosts that answer before they have the whole body, and then take no more of it: 413 and the end, as most servers do.
// The next write fails, and the answer has come by then: it must reach the client, every time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openSocket } from '../../../lib/traffic/host/host-socket.js';
import { until } from '../../support/brackets.js';
import { type TestCertificates, withCertificates } from '../../support/certificates.js';
import { CollectingClient } from '../../support/collecting-client.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, type RawClient, withRaw } from '../../support/http-client.js';
import { hasHead } from '../../support/proxy.js';
import { type RawConnection, type RawHost, withRawHost } from '../../support/raw-host.js';
import { runAttempt } from '../../support/traffic-context.js';

const test = suite('early answers');

const ROUNDS = 5;
const PART = 'y'.repeat(64 << 10);
const PARTS = 64;

const TOO_LARGE = 'HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 9\r\n\r\ntoo large';

/** Reads the head alone, says something and then ends in this way; a request for `/good` is answered well. */
function refuse(answer: string, end: (connection: RawConnection) => void): (connection: RawConnection) => void {
  const refused = new Set<RawConnection>();
  return (connection) => {
    const { socket, text } = connection;
    if (refused.has(connection) || !hasHead(connection)) return;
    if (text.startsWith('GET /good ')) {
      connection.text = '';
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood');
      return;
    }
    refused.add(connection);
    // What comes from here on stays with the system, unread.
    socket.pause();
    if (answer === '') end(connection);
    else socket.write(answer, () => end(connection));
  };
}

/** With bytes unread, the system sends a reset in any case: at once, or when more of the body comes. */
const ENDS: readonly (readonly [string, (connection: RawConnection) => void])[] = [
  ['resets', (connection) => connection.reset()],
  ['closes', ({ socket }) => void socket.destroy()],
  ['ends its half, and then closes', ({ socket }) => void socket.end(() => socket.destroy())],
];

/** How a body is announced, and how a part of it is written. */
interface Framing {
  readonly name: string;
  readonly line: string;
  readonly write: (part: string) => string;
}

const LENGTH: Framing = { name: 'a length', line: `Content-Length: ${PARTS * PART.length}`, write: (part) => part };
const CHUNKS: Framing = {
  name: 'chunks',
  line: 'Transfer-Encoding: chunked',
  write: (part) => `${part.length.toString(16)}\r\n${part}\r\n`,
};

/** Uploads as long as nothing comes back; gives all that did. */
async function upload(raw: RawClient, { line, write }: Framing): Promise<string> {
  raw.send(`POST / HTTP/1.1\r\nHost: x\r\n${line}\r\n\r\n`);
  for (let i = 0; i < PARTS && raw.text === '' && !raw.isClosed; i++) {
    raw.send(write(PART));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return raw.ends();
}

/** Each framing and each end, a few times over: the client gets the host's own answer, and others are served. */
async function expectRefusals(each: TestBalancer, framing: Framing): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) {
    const text = await withRaw(each.port, (raw) => upload(raw, framing));
    assert.match(text, /^HTTP\/1\.1 413 Content Too Large\r\n[^]*\r\nConnection: close\r\n\r\ntoo large$/, `round ${round}`);
  }
  assert.is((await ask(each.port, { path: '/good' })).body, 'good');
  assert.equal(
    ['requests_failed', 'hosts_reset', 'hosts_bad_response', 'timeouts_response', 'internal_errors'].map(each.counter),
    [0, 0, 0, 0, 0],
  );
  assert.is(each.inflight().balancer, 0);
}

const withHosts = <T>(
  onData: (connection: RawConnection) => void,
  fn: (each: TestBalancer, host: RawHost) => Promise<T>,
  certificates?: TestCertificates,
): Promise<T> =>
  withRawHost(
    onData,
    (host) =>
      withBalancer(
        { statics: [{ name: 'h', url: host.url }], ejectAfter: 1_000_000, ...(certificates && { hostCa: certificates.caFile }) },
        (each) => fn(each, host),
      ),
    certificates,
  );

for (const [how, end] of ENDS) {
  for (const framing of [LENGTH, CHUNKS]) {
    test(`the 413 of a host that ${how} without reading the body reaches every client, with ${framing.name}`, () =>
      withHosts(refuse(TOO_LARGE, end), (each) => expectRefusals(each, framing)));
  }
}

test('the same over TLS to the host', () =>
  withCertificates((certificates) =>
    withHosts(
      refuse(TOO_LARGE, ({ socket }) => void socket.destroy()),
      (each) => expectRefusals(each, LENGTH),
      certificates,
    ),
  ));

for (const [how, end] of ENDS) {
  test(`a host that ${how} in the middle of a body without a word has failed, and nobody waits`, () =>
    withHosts(refuse('', end), async ({ port, counter }) => {
      for (let round = 1; round <= 3; round++) {
        const text = await withRaw(port, (raw) => upload(raw, LENGTH));
        assert.match(text, /^HTTP\/1\.1 502 Bad Gateway\r\n[^]*"MEERCAT_HOST_UNREACHABLE"/);
        assert.is(counter('hosts_reset'), round);
      }
    }));

  test(`an early answer that breaks off when its host ${how} does not look whole`, () =>
    withHosts(refuse(TOO_LARGE.slice(0, -3), end), async ({ port, counter }) => {
      const text = await withRaw(port, (raw) => upload(raw, LENGTH));
      // It may have met the end of its connection before it read anything.
      assert.match(text, /^(?:HTTP\/1\.1 413 [^]*\r\n\r\ntoo la)?$/);
      assert.is(counter('hosts_reset'), 1);
    }));
}

test('a write that fails is kept back while what came is read, and ends with its connection', () =>
  withRawHost(
    refuse(TOO_LARGE, (connection) => connection.reset()),
    async ({ port, connections }) => {
      const seen = { isConnected: false, text: '', failed: 0, taken: 0, hasEnded: false, isClosed: false };
      const socket = openSocket(
        { host: '127.0.0.1', port, addresses: undefined, connectTimeoutMs: 1000, tls: undefined },
        {
          isConnected: () => seen.isConnected,
          onConnect: () => (seen.isConnected = true),
          onBytes(bytes) {
            seen.text += bytes.toString('latin1');
            return false;
          },
          onDrain: () => undefined,
          onEnd: () => (seen.hasEnded = true),
          onError: () => undefined,
          onClose: () => (seen.isClosed = true),
          onWriteFailed: () => ++seen.failed === 1,
        },
      );
      try {
        await until(() => seen.isConnected, { what: 'the connection' });
        socket.pause();
        socket.write('POST / HTTP/1.1\r\n\r\n');
        await until(() => connections[0]?.isClosed, { what: 'the reset' });
        for (let i = 0; i < 2; i++) socket.write(PART, () => seen.taken++);
        await until(() => seen.failed === 1, { what: 'the write to fail' });
        assert.equal([seen.text, seen.taken, socket.destroyed], ['', 0, false]);
        socket.resume();
        await until(() => seen.hasEnded, { what: 'the end of what came' });
        assert.is(seen.text, TOO_LARGE);
        socket.destroy();
        await until(() => seen.isClosed && seen.taken === 2, { what: 'the end of both writes' });
        assert.is(seen.failed, 1);
      } finally {
        socket.destroy();
      }
    },
  ));

test('a connection whose body was refused carries no other request', () =>
  withRawHost(
    refuse('HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n', (connection) => connection.reset()),
    async ({ url }) => {
      const client = new CollectingClient({ method: 'POST', body: 'x'.repeat(32 << 20) });
      const { kind, idle } = await runAttempt(url, client);
      assert.equal([kind, client.status, idle], ['ok', 413, 0]);
    },
  ));

test.run();
