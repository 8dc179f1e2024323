// WebSockets beside short requests: many idle ones on a host do not move short requests away, and new ones go where the
// fewest are. With real balancers and hosts, each of which says its name.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Algorithm } from '../../../lib/model.js';
import { openTable } from '../../../lib/table/layout.js';
import { type TestServer, until, withServer } from '../../support/brackets.js';
import { answersOf, type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, RawClient } from '../../support/http-client.js';
import { countedOf } from '../../support/turn-stage.js';

const test = suite('long-lived requests');

const HANDSHAKE = 'GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

/** Serves its name, holds `/held` until it is let go, and accepts WebSockets. */
interface NamedHost extends TestServer {
  readonly name: string;
  readonly held: ServerResponse[];
  readonly sockets: Duplex[];
}

function withHosts<T>(
  names: readonly string[],
  fn: (hosts: readonly NamedHost[]) => Promise<T>,
  started: readonly NamedHost[] = [],
): Promise<T> {
  const [name, ...others] = names;
  if (name === undefined) return fn(started);
  const held: ServerResponse[] = [];
  return withServer(
    (incoming, response) => {
      if (incoming.url === '/held') held.push(response);
      else response.end(name);
    },
    (server) => {
      const host: NamedHost = { ...server, name, held, sockets: [] };
      server.server.on('upgrade', (_incoming: IncomingMessage, socket: Duplex) => {
        host.sockets.push(socket);
        socket
          .resume()
          .on('error', () => undefined)
          .on('end', () => socket.end());
        socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Host: ${name}\r\n\r\n`);
      });
      return withHosts(others, fn, [...started, host]);
    },
  );
}

/** Clients with WebSockets, all closed in the end. */
async function withClients<T>({ port }: TestBalancer, fn: (connect: () => Promise<string>) => Promise<T>): Promise<T> {
  const clients: RawClient[] = [];
  try {
    return await fn(async () => {
      const client = new RawClient(port);
      clients.push(client);
      const [, host = ''] = await client.send(HANDSHAKE).receives(/^HTTP\/1\.1 101 [^]*X-Host: (\w+)\r\n[^]*\r\n\r\n/);
      return host;
    });
  } finally {
    for (const { socket } of clients) socket.destroy();
  }
}

function withFleetOf<T>(
  algorithm: Algorithm,
  names: readonly string[],
  fn: (hosts: readonly NamedHost[], each: TestBalancer, connect: () => Promise<string>) => Promise<T>,
): Promise<T> {
  return withHosts(names, (hosts) =>
    withBalancer({ algorithm, statics: hosts.map(({ name, url }) => ({ name, url })) }, (each) =>
      withClients(each, (connect) => fn(hosts, each, connect)),
    ),
  );
}

for (const algorithm of ['adaptive', 'least-request'] as const) {
  test(`200 idle WebSockets on one host do not move short requests away (${algorithm})`, () =>
    withFleetOf(algorithm, ['a', 'b'], async (hosts, each, connect) => {
      const columns = openTable(each.balancer.table);
      const longLived = (): number => columns.longLived.reduce((sum, one) => sum + one, 0);
      for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 20 }, connect));
      await until(() => longLived() === 400);
      assert.equal(
        hosts.map(({ sockets }) => sockets.length),
        [200, 200],
        'they are spread evenly, though 20 come at once',
      );
      for (const socket of (hosts[1] as NamedHost).sockets) socket.destroy();
      await until(() => longLived() === 200);
      const bodies = await answersOf(each, 400);
      const onA = bodies.filter((body) => body === 'a').length;
      // Picks among idle equal hosts are random; five standard deviations of a fair coin are 50.
      assert.ok(Math.abs(onA - 200) <= 50, `${onA} of 400 on the host with the WebSockets`);
    }));

  test(`a new WebSocket goes to the host with the fewest, whatever short requests are there (${algorithm})`, () =>
    withFleetOf(algorithm, ['a', 'b', 'c'], async (hosts, each, connect) => {
      const count = (name: string): number =>
        (hosts.find((host) => host.name === name) as NamedHost).sockets.filter(({ destroyed }) => !destroyed).length;
      const columns = openTable(each.balancer.table);
      const longLived = (): number => columns.longLived.reduce((sum, one) => sum + one, 0);
      for (let i = 0; i < 9; i++) await connect();
      assert.equal(['a', 'b', 'c'].map(count), [3, 3, 3], 'they are spread evenly');
      await until(() => longLived() === 9);
      // Host b loses its WebSockets, and gets as many short requests as others have, and more.
      const b = hosts[1] as NamedHost;
      for (const socket of b.sockets) socket.destroy();
      await until(() => longLived() === 6);
      const asked: Promise<unknown>[] = [];
      while (b.held.length < 5) {
        asked.push(ask(each.port, { path: '/held' }).catch(() => undefined));
        const sent = asked.length;
        await until(() => hosts.reduce((sum, { held }) => sum + held.length, 0) === sent);
      }
      assert.equal([await connect(), await connect(), await connect()], ['b', 'b', 'b']);
      for (const { held } of hosts) for (const response of held) response.end();
      await Promise.all(asked);
    }));
}

test('a WebSocket is awaited for no time once it is open, and leaves no count behind', () =>
  withFleetOf('adaptive', ['a'], async ([a], each, connect) => {
    assert.is(await connect(), 'a');
    const columns = openTable(each.balancer.table);
    const slot = columns.known.indexOf(1);
    await until(() => JSON.stringify(countedOf(columns, slot)) === '{"inflight":1,"awaited":0,"longLived":1}');
    for (const socket of (a as NamedHost).sockets) socket.destroy();
    await until(() => JSON.stringify(countedOf(columns, slot)) === '{"inflight":0,"awaited":0,"longLived":0}');
    assert.is(columns.busyMs[slot], 0);
  }));

test.run();
