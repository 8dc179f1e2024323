// A link on real sockets: each state lets pass what it says, in order, and a healed link is as before.

import { connect, createServer, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { SILENT, startTcpLink, type TcpLink } from '../../lib/lab/tcp-link.js';
import { until } from '../support/until.js';

const test = suite('tcp link');

interface Ends {
  readonly link: TcpLink;
  /** What the echoing server received, over all connections. */
  readonly received: () => string;
  /** Connections the server has now. */
  readonly served: () => number;
}

/** A server that echoes, behind a link. */
async function withLink(fn: (ends: Ends) => Promise<void>): Promise<void> {
  let received = '';
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      received += bytes.toString();
      socket.write(bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const link = await startTcpLink((server.address() as { port: number }).port);
  try {
    await fn({ link, received: () => received, served: () => sockets.size });
  } finally {
    await link.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

class Client {
  readonly socket: Socket;
  text = '';
  isClosed = false;
  error = '';

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.on('data', (bytes) => (this.text += bytes.toString()));
    this.socket.on('error', (error: NodeJS.ErrnoException) => (this.error = error.code ?? error.message));
    this.socket.on('close', () => (this.isClosed = true));
  }

  reads(text: string): Promise<unknown> {
    return until(() => this.text === text, { what: () => `${JSON.stringify(text)}; there is ${JSON.stringify(this.text)}` });
  }
}

test('a sound link passes bytes and the ends of both sides', () =>
  withLink(async ({ link, served }) => {
    const client = new Client(link.port);
    client.socket.write('one');
    await client.reads('one');
    client.socket.end('two');
    await client.reads('onetwo');
    await until(() => client.isClosed && served() === 0 && link.connections === 0, { what: 'the end of all connections' });
    assert.is(client.error, '');
  }));

test('a delayed link with jitter keeps the order of bytes, and delivers all of them when it is sound again', () =>
  withLink(async ({ link }) => {
    link.become({ delayMs: 40, jitterMs: 80 });
    const client = new Client(link.port);
    const startMs = performance.now();
    let sent = '';
    for (let i = 0; i < 20; i++) {
      sent += `${i},`;
      client.socket.write(`${i},`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    await client.reads(sent);
    assert.ok(performance.now() - startMs >= 80, 'both ways are delayed');
    client.socket.write('a');
    link.become({});
    client.socket.write('b');
    await client.reads(`${sent}ab`);
  }));

test('a dripping link passes everything a few bytes at a time', () =>
  withLink(async ({ link }) => {
    link.become({ dripBytes: 10 });
    const client = new Client(link.port);
    const startMs = performance.now();
    const text = 'x'.repeat(100);
    client.socket.write(text);
    await client.reads(text);
    assert.ok(performance.now() - startMs >= 150, 'at least nine pauses');
    link.become({ dripBytes: 1 });
    client.socket.write('y'.repeat(1_000_000));
    await until(() => client.text.length > 100, { what: 'a first byte' });
    link.become({});
    await until(() => client.text.length === 1_000_100, { what: 'the rest at once' });
  }));

test('a link that loses replies delivers requests; one that loses requests delivers nothing; healed, both cut their connections', () =>
  withLink(async ({ link, received }) => {
    const client = new Client(link.port);
    client.socket.write('a');
    await client.reads('a');
    link.become({ repliesArrive: false });
    client.socket.write('b');
    await until(() => received() === 'ab', { what: 'the request' });
    link.become({ commandsArrive: false });
    client.socket.write('c');
    const other = new Client(link.port);
    other.socket.write('d');
    await until(() => link.connections === 2, { what: 'a connection that is accepted' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.is(client.text, 'a');
    assert.is(received(), 'ab');
    assert.is(client.isClosed, false);
    link.become({});
    await until(() => client.isClosed && other.isClosed, { what: 'the cut' });
    const next = new Client(link.port);
    next.socket.write('e');
    await next.reads('e');
    assert.is(received(), 'abe');
    next.socket.destroy();
  }));

test('the server does not hear that a client closed while the link was silent, until it heals', () =>
  withLink(async ({ link, served }) => {
    const client = new Client(link.port);
    client.socket.write('a');
    await client.reads('a');
    link.become(SILENT);
    client.socket.destroy();
    await until(() => client.isClosed, { what: 'the close' });
    await new Promise((resolve) => setTimeout(resolve, 60));
    assert.is(served(), 1);
    link.become({});
    await until(() => served() === 0, { what: 'the cut' });
  }));

test('a refusing link cuts its connections and refuses new ones, and listens on the same port again', () =>
  withLink(async ({ link }) => {
    const client = new Client(link.port);
    client.socket.write('a');
    await client.reads('a');
    link.become({ isRefusing: true });
    await until(() => client.isClosed, { what: 'the cut' });
    await until(
      async () => {
        const refused = new Client(link.port);
        await until(() => refused.isClosed || refused.text !== '', { what: 'an answer' });
        return refused.error === 'ECONNREFUSED';
      },
      { what: 'a refusal' },
    );
    link.become({});
    await until(
      async () => {
        const next = new Client(link.port);
        next.socket.write('b');
        await until(() => next.isClosed || next.text === 'b', { what: 'an answer' });
        next.socket.destroy();
        return next.text === 'b';
      },
      { what: 'a link that listens again' },
    );
  }));

test.run();
