// The clients of the fault rounds, against real servers: when they move on to the next balancer, and how each request ends.

import { createServer, type Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type FaultEnding, FaultClient } from '../../../lib/lab/proof/faults-client.js';
import { answerOf, type HostRequest, listen, portOf, readRequests } from '../../../lib/lab/virtual-host-http.js';
import { freePort, until } from '../../support/brackets.js';

const test = suite('clients of faults');

/** A server that does this with each request. */
async function withHost<T>(onAsked: (asked: HostRequest) => void, fn: (port: number, sockets: Set<Socket>) => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  const server = await listen((socket) => {
    sockets.add(socket);
    readRequests(socket, onAsked);
  });
  try {
    return await fn(portOf(server), sockets);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

const answerRightly = ({ socket, id }: HostRequest): void => void socket.write(answerOf(`h1 ${id}\n`));

/** Asks one request after the other, each when the one before has ended; returns how they ended. */
async function askAll(ports: readonly number[], count: number, between: (id: number) => void = () => undefined): Promise<FaultEnding[]> {
  const endings: FaultEnding[] = [];
  const client = new FaultClient(ports, 0, (_, ending) => endings.push(ending));
  try {
    for (let id = 0; id < count; id++) {
      client.ask(id);
      await until(() => endings.length === id + 1);
      between(id);
    }
    return endings;
  } finally {
    client.close();
  }
}

test('requests that are due at once are sent one after the other on one connection', () =>
  withHost(answerRightly, async (port, sockets) => {
    const endings: string[] = [];
    const client = new FaultClient([port], 0, (id, ending) => endings.push(`${id} ${ending}`));
    for (const id of [7, 8, 9]) client.ask(id);
    await until(() => endings.length === 3);
    client.close();
    assert.equal(endings, ['7 right', '8 right', '9 right']);
    assert.is(sockets.size, 1);
  }));

test('a request that is refused goes to the next balancer, and fails only where all refuse', async () => {
  const dead = await freePort();
  await withHost(answerRightly, async (port) => assert.equal(await askAll([dead, port], 2), ['right', 'right']));
  assert.equal(await askAll([dead, dead], 2), ['refused', 'refused']);
});

test('a request whose connection is closed is lost, and the next one goes to another balancer', () =>
  withHost(
    ({ socket }) => socket.destroy(),
    (closing) => withHost(answerRightly, async (port) => assert.equal(await askAll([closing, port], 3), ['closed', 'right', 'right'])),
  ));

test('an idle connection that is closed costs no request', () =>
  withHost(answerRightly, (first, sockets) =>
    withHost(answerRightly, async (second, others) => {
      const endings: FaultEnding[] = [];
      const client = new FaultClient([first, second], 0, (_, ending) => endings.push(ending));
      client.ask(0);
      await until(() => endings.length === 1);
      const [socket] = sockets;
      const gone = new Promise((resolve) => socket?.once('close', resolve));
      socket?.end();
      // Its client has closed it as well.
      await gone;
      client.ask(1);
      await until(() => endings.length === 2);
      client.close();
      assert.equal([endings, others.size], [['right', 'right'], 1]);
    }),
  ));

test('a balancer that accepts and says nothing loses the request; those that wait go to the next one', async () => {
  const frozen = createServer();
  await new Promise<void>((resolve) => frozen.listen(0, '127.0.0.1', resolve));
  try {
    await withHost(answerRightly, async (port) => {
      const endings: string[] = [];
      const client = new FaultClient([portOf(frozen), port], 0, (id, ending) => endings.push(`${id} ${ending}`));
      for (const id of [0, 1, 2]) client.ask(id);
      await until(() => endings.length === 3);
      client.close();
      assert.equal(endings, ['0 silent', '1 right', '2 right']);
    });
  } finally {
    frozen.close();
  }
});

test('an answer with another status is no right one, nor is one to another request', () =>
  withHost(
    ({ socket, id }) => {
      if (id === '0') socket.write('HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n');
      else if (id === '1') socket.write(answerOf('h1 0\n'));
      else answerRightly({ socket, id, atMs: 0, path: '/' });
    },
    async (port, sockets) => {
      assert.equal(await askAll([port], 3), ['status', 'wrong', 'right']);
      assert.is(sockets.size, 1);
    },
  ));

test('after an answer that says close, a request that waits goes to the next balancer', () =>
  withHost(
    ({ socket, id }) => socket.end(answerOf(`h1 ${id}\n`).replace('\r\n', '\r\nConnection: close\r\n')),
    (first) =>
      withHost(answerRightly, async (second, sockets) => {
        const endings: FaultEnding[] = [];
        const client = new FaultClient([first, second], 0, (_, ending) => endings.push(ending));
        for (const id of [0, 1, 2]) client.ask(id);
        await until(() => endings.length === 3);
        client.close();
        assert.equal([endings, sockets.size], [['right', 'right', 'right'], 1]);
      }),
  ));

test.run();
