// A balancer in front of a failing host and a good one: which failures eject a host, that its share goes to the other
// one, and that it returns once it is healthy.

import { createServer, type Server } from 'node:http';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withServer } from '../../support/brackets.js';
import { type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, withRaw } from '../../support/http-client.js';
import { answerWith, hasHead } from '../../support/proxy.js';
import { type RawConnection, type RawHost, withRawHost } from '../../support/raw-host.js';

const test = suite('ejecting');

/** Never to be probed within a test. */
const LONG = { ejectTimeMs: 25_000 } as const;

/** A balancer with a bad raw host and one that answers `good`, used in turn. */
function withPair(
  bad: (connection: RawConnection) => void,
  fn: (each: TestBalancer, bad: RawHost) => Promise<void>,
  overrides: Parameters<typeof withBalancer>[0] = {},
): Promise<void> {
  return withServer(
    (request, response) => void request.resume().on('end', () => response.end('good')),
    (good) =>
      withRawHost(bad, (host) =>
        withBalancer(
          {
            statics: [
              { name: 'bad', url: host.url },
              { name: 'good', url: good.url },
            ],
            ...LONG,
            ...overrides,
          },
          (each) => fn(each, host),
        ),
      ),
  );
}

for (const [counter, bad, isRetried] of [
  ['ejections_reset', ({ socket }) => void socket.resetAndDestroy(), true],
  ['ejections_bad_response', answerWith('SSH-2.0-x\r\n'), true],
  ['ejections_5xx', answerWith('HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno'), false],
] as const satisfies readonly (readonly [string, (connection: RawConnection) => void, boolean])[]) {
  test(`a host is out after five failures in a row (${counter}), and the other one has all of its share`, () =>
    withPair(bad, async (each) => {
      const statuses: number[] = [];
      await until(async () => {
        statuses.push((await ask(each.port)).status);
        return each.counter(counter) === 1;
      });
      assert.is(statuses.filter((status) => status !== 200).length, isRetried ? 0 : 5);
      await until(() => each.lines.some((line) => /host ejected.*"host":"bad"/.test(line)), { what: 'the log to say so' });
      // The candidates' list is rebuilt by another thread.
      await until(async () => (await Promise.all(Array.from({ length: 4 }, () => ask(each.port)))).every(({ status }) => status === 200));
      const failedBefore = each.counter('hosts_reset') + each.counter('hosts_bad_response') + each.counter('hosts_answered_5xx');
      for (let i = 0; i < 20; i++) assert.is((await ask(each.port)).body, 'good');
      assert.is(each.counter('hosts_reset') + each.counter('hosts_bad_response') + each.counter('hosts_answered_5xx'), failedBefore);
    }));
}

test('a host that does not answer in time is ejected after the configured number of failures', () =>
  withPair(
    () => undefined,
    async (each) => {
      await until(async () => {
        await ask(each.port);
        return each.counter('ejections_timeout') === 1;
      });
      assert.is(each.counter('timeouts_response'), 2);
    },
    // Within this time the other host always answers, on a slow machine too.
    { ejectAfter: 2, responseTimeoutMs: 1000 },
  ));

test('one good answer between failures keeps a host in', () => {
  let count = 0;
  return withPair(
    (connection) =>
      answerWith(count++ % 3 === 2 ? 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok' : 'HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno')(
        connection,
      ),
    async (each) => {
      for (let i = 0; i < 30; i++) await ask(each.port);
      assert.equal([each.counter('ejections_5xx'), each.counter('hosts_answered_5xx')], [0, 10]);
    },
    { ejectAfter: 3 },
  );
});

test('clients that go away do not eject a host', () =>
  withPair(
    () => undefined,
    async (each, host) => {
      for (let i = 1; i <= 5; i++) {
        await withRaw(each.port, async (raw) => {
          // One of the two meets the host that does not answer.
          raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n');
          await until(() => host.connections.filter(hasHead).length === i);
          raw.socket.resetAndDestroy();
          await until(() => host.connections[i - 1]?.isClosed);
        });
      }
      await until(() => each.counter('requests_client_gone') === 5);
      assert.equal([each.counter('ejections_reset'), each.counter('ejections_timeout')], [0, 0]);
    },
    { ejectAfter: 1 },
  ));

test('when all hosts are out they are still used', () =>
  withRawHost(answerWith('HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno'), ({ url }) =>
    withBalancer({ statics: [{ name: 'only', url }], ejectAfter: 1, ...LONG }, async (each) => {
      for (let i = 0; i < 5; i++) assert.is((await ask(each.port)).status, 500);
      assert.is(each.counter('ejections_5xx'), 1);
    }),
  ));

test('a host that refuses connections is ejected at once, fails no request, and returns when a probe succeeds', async () => {
  const port = await freePort();
  let late: Server | undefined;
  try {
    await withServer(
      (_request, response) => void response.end('good'),
      (good) =>
        withBalancer(
          {
            statics: [
              { name: 'late', url: `http://127.0.0.1:${port}` },
              { name: 'good', url: good.url },
            ],
            ejectTimeMs: 100,
            ejectMaxTimeMs: 400,
            healthIntervalMs: 100,
          },
          async (each) => {
            for (let i = 0; i < 6; i++) assert.is((await ask(each.port, { method: 'POST', body: 'x' })).body, 'good');
            assert.is(each.counter('ejections_connect_failed'), 1);
            assert.is(each.counter('requests_failed'), 0);
            late = createServer((_request, response) => void response.end('late')).listen(port, '127.0.0.1');
            await until(() => each.counter('ejections_ended') >= 1, { timeoutMs: 10_000 });
            await until(async () => (await ask(each.port)).body === 'late');
            assert.ok(each.lines.some((line) => /host back.*"host":"late"/.test(line)));
          },
        ),
    );
  } finally {
    late?.closeAllConnections();
    late?.close();
  }
});

test('the retry budget limits retries: dying hosts do not get every request twice', () =>
  withRawHost(
    ({ socket }) => void socket.resetAndDestroy(),
    (first) =>
      withRawHost(
        ({ socket }) => void socket.resetAndDestroy(),
        (second) =>
          withBalancer(
            {
              statics: [
                { name: 'h1', url: first.url },
                { name: 'h2', url: second.url },
              ],
              ejectAfter: 1_000_000,
            },
            async (each) => {
              for (let i = 0; i < 30; i++) assert.is((await ask(each.port)).status, 502);
              // Ten within ten seconds are always allowed; on a slow machine the window may have moved on once.
              const retried = each.counter('requests_retried');
              assert.ok(retried >= 10 && retried <= 20, `${retried} retries`);
              assert.is(each.counter('retries_denied_budget'), 30 - retried);
              assert.is(first.connections.length + second.connections.length, 30 + retried);
            },
          ),
      ),
  ));

test.run();
