// Kept connections that the host has just closed, which is not a failure. If a request may be sent twice, it goes out on a
// new connection to the same host, outside the retry budget and without counting against the host; a request that may have
// been processed is never sent twice. Hosts that close at the worst moment, and unread sockets, produce the races.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Attempt } from '../../../lib/traffic/request/attempt.js';
import type { Host } from '../../../lib/traffic/host/host.js';
import { until } from '../../support/brackets.js';
import { CollectingClient } from '../../support/collecting-client.js';
import { ask, exchangeRaw } from '../../support/http-client.js';
import { hasHead, withRawProxy } from '../../support/proxy.js';
import { type RawConnection, type RawHost, withRawHost } from '../../support/raw-host.js';
import { buildTrafficStage, type TrafficStage } from '../../support/traffic-context.js';

const test = suite('stale connections');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const OK_HEAD = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n';

/** Answers the first request of each connection, and does `then` at the next one. */
function onceEach(then: (connection: RawConnection) => void, seen: string[] = []): (connection: RawConnection) => void {
  const answered = new Set<RawConnection>();
  return (connection) => {
    if (!hasHead(connection)) return;
    const method = connection.text.split(' ', 1)[0] as string;
    connection.text = '';
    seen.push(method);
    if (answered.has(connection)) then(connection);
    else connection.socket.write(method === 'HEAD' ? OK_HEAD : OK);
    answered.add(connection);
  };
}

const ENDS: readonly (readonly [string, (connection: RawConnection) => void])[] = [
  ['ends', ({ socket }) => void socket.end()],
  ['is reset', (connection) => connection.reset()],
];

for (const [how, end] of ENDS) {
  test(`a request that meets a kept connection which ${how} is sent once more, and no failure is counted`, () =>
    withRawProxy(
      onceEach(end),
      async ({ port, counter }, host) => {
        for (let round = 0; round < 10; round++) {
          for (const method of ['GET', 'HEAD', 'OPTIONS', 'DELETE'])
            assert.is((await ask(port, { method })).status, 200, `${method} in round ${round}`);
        }
        assert.is(host.connections.length, 40, 'each had a connection of its own in the end');
        assert.equal(
          ['retries_stale_connection', 'requests_retried', 'hosts_reset', 'requests_failed', 'ejections_reset'].map(counter),
          [39, 0, 0, 0, 0],
        );
      },
      { retryBudgetPercent: 0, ejectAfter: 1 },
    ));

  test(`a POST that meets a kept connection which ${how} is not sent twice, and counts as before`, () => {
    const seen: string[] = [];
    return withRawProxy(
      onceEach(end, seen),
      async ({ port, counter }) => {
        assert.is((await ask(port)).status, 200);
        assert.is((await ask(port, { method: 'POST', body: 'x' })).status, 502);
        assert.is((await ask(port, { method: 'POST' })).status, 200, 'on a new connection');
        assert.is((await ask(port, { method: 'PATCH' })).status, 502);
        assert.equal(seen, ['GET', 'POST', 'POST', 'PATCH']);
        assert.equal(['retries_stale_connection', 'hosts_reset'].map(counter), [0, 2]);
      },
      { ejectAfter: 1000 },
    );
  });

  test(`a PUT whose body was taken is not sent twice when its kept connection ${how}`, () => {
    const seen: string[] = [];
    return withRawProxy(
      onceEach(end, seen),
      async ({ port, counter }) => {
        assert.is((await ask(port)).status, 200);
        assert.is((await ask(port, { method: 'PUT', body: 'x' })).status, 502);
        assert.is((await ask(port, { method: 'PUT' })).status, 200);
        assert.is(
          (await ask(port, { method: 'PUT', headers: { 'Content-Length': '0' } })).status,
          200,
          'without a body it may go out again',
        );
        assert.is(counter('retries_stale_connection'), 1);
      },
      { ejectAfter: 1000 },
    );
  });
}

test("a kept connection that breaks after the first byte of an answer is the host's failure", () =>
  withRawProxy(
    onceEach((connection) => void connection.socket.write('H', () => connection.reset())),
    async ({ port, counter }) => {
      assert.is((await ask(port)).status, 200);
      assert.is((await ask(port)).status, 502);
      assert.equal(['retries_stale_connection', 'hosts_reset'].map(counter), [0, 1]);
    },
    { ejectAfter: 1000 },
  ));

test("a new connection that ends without an answer is the host's failure, and there is no third", () => {
  let isDead = false;
  let asked = 0;
  return withRawProxy(
    (connection) => {
      if (!hasHead(connection)) return;
      connection.text = '';
      asked++;
      if (isDead) connection.socket.end();
      else connection.socket.write(OK);
    },
    async ({ port, counter }) => {
      assert.is((await ask(port)).status, 200);
      isDead = true;
      assert.is((await ask(port)).status, 502);
      assert.is(asked, 3);
      assert.equal(['retries_stale_connection', 'hosts_reset'].map(counter), [1, 1]);
      assert.is((await ask(port)).status, 502);
      assert.is(asked, 4, 'the next one begins with a new connection');
      assert.equal(['retries_stale_connection', 'hosts_reset'].map(counter), [1, 2]);
    },
    { ejectAfter: 1000 },
  );
});

test('a request that may not be sent twice takes no connection that was idle for more than a second; others do', () =>
  withRawProxy(
    (connection) => void (hasHead(connection) && connection.socket.write(OK, () => (connection.text = ''))),
    async ({ port }, host) => {
      const connections = async (method: string, body?: string): Promise<number> => {
        assert.is((await ask(port, { method, ...(body !== undefined && { body }) })).status, 200);
        return host.connections.length;
      };
      const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1100));
      assert.is(await connections('GET'), 1);
      assert.is(await connections('POST', 'x'), 1, 'it is fresh');
      await pause();
      assert.is(await connections('DELETE'), 1);
      await pause();
      assert.is(await connections('POST'), 2);
      await pause();
      assert.is(await connections('PUT', 'x'), 3, "its body can't be had again");
      await pause();
      assert.is(await connections('GET'), 3);
    },
    { hostKeepAliveTimeoutMs: 60_000 },
  ));

test('the end of an empty body can be read only once too: such a request is not sent again', () =>
  withRawProxy(
    onceEach((connection) => connection.reset()),
    async ({ port, counter }) => {
      assert.is((await ask(port)).status, 200);
      assert.match(
        await exchangeRaw(port, 'PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n'),
        /^HTTP\/1\.1 502 /,
      );
      assert.is(counter('retries_stale_connection'), 0);
    },
    { ejectAfter: 1000 },
  ));

/** A table with one host that has one idle connection, at which the host's end is handed out. */
async function withIdle(
  fn: (stage: TrafficStage, kept: RawConnection, raw: RawHost, send: (client: CollectingClient) => Promise<string>) => Promise<void>,
): Promise<void> {
  await withRawHost(
    (connection) => {
      if (!hasHead(connection)) return;
      connection.text = '';
      connection.socket.write(OK);
    },
    async (raw) => {
      const stage = buildTrafficStage(() => performance.now());
      try {
        stage.hosts.add({ slot: 0, name: 'h', url: raw.url });
        const host = stage.hosts.get(0) as Host;
        const send = async (client: CollectingClient): Promise<string> => {
          const kind = await new Promise((resolve, reject) => {
            client.carry(
              new Attempt(stage.context, client, host, 0, 1, performance.now(), { onAttemptEnd: resolve, onAttemptFault: reject }),
            );
          });
          return `${kind} ${client.body}`;
        };
        assert.is(await send(new CollectingClient()), 'ok ok');
        await until(() => host.idle.length === 1);
        await fn(stage, raw.connections[0] as RawConnection, raw, send);
      } finally {
        stage.stop();
      }
    },
  );
}

test('a request that is written to a connection whose end has come and was not read yet is sent once more', () =>
  withIdle(async ({ counts }, kept, raw, send) => {
    kept.socket.destroy();
    // Nothing was read between these two lines.
    assert.is(await send(new CollectingClient()), 'ok ok');
    assert.is(raw.connections.length, 2);
    assert.equal(counts(), { retries_stale_connection: 1 });
  }));

for (const [method, body] of [
  ['POST', 'x'],
  ['POST', undefined],
  ['PUT', 'x'],
  ['GET', undefined],
] as const) {
  test(`a ${method} ${body === undefined ? 'without' : 'with'} a body of which the system took not a byte goes out on a new connection`, () =>
    withIdle(async ({ counts }, kept, raw, send) => {
      kept.reset();
      assert.is(await send(new CollectingClient({ method, ...(body !== undefined && { body }) })), 'ok ok');
      assert.is(raw.connections.length, 2);
      assert.equal(counts(), { retries_stale_connection: 1 });
    }));
}

test.run();
