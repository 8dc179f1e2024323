// What requests add to the figures: each one once, under its method and status, whoever answered it, and nothing is open
// afterwards.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { bucketOf, LATENCY_BUCKETS, totalOf } from '../../../lib/table/latency-buckets.js';
import { openTable, type TableColumns, TRAFFIC_TOTAL } from '../../../lib/table/layout.js';
import { answersCell, CODE_LABELS, METHOD_LABELS, NO_POOL_INDEX } from '../../../lib/table/traffic-cells.js';
import { until, withServer } from '../../support/brackets.js';
import { withBalancer } from '../../support/fleet.js';
import { ask, exchangeRaw, withRaw } from '../../support/http-client.js';
import { withRawHost } from '../../support/raw-host.js';

const test = suite('request counts');

const HOST = { name: 'h1' } as const;

/** All answers of a pool, such as `GET 200`, and how many. */
function answersOf({ answers }: TableColumns, pool: number): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [m, method] of METHOD_LABELS.entries())
    for (const [c, code] of CODE_LABELS.entries()) {
      const count = answers[answersCell(pool, m, c)] as number;
      if (count > 0) found[`${method} ${code}`] = count;
    }
  return found;
}

test('answers of a host are counted by method and status, with their bytes and durations', () =>
  withServer(
    (request, response) => {
      request.resume();
      request.on('end', () => response.writeHead(Number(request.url?.slice(1))).end('0123456789'));
    },
    ({ port: hostPort }) =>
      withBalancer({ statics: [{ ...HOST, url: `http://127.0.0.1:${hostPort}` }] }, async ({ balancer, port }) => {
        const columns = openTable(balancer.table);
        for (let i = 0; i < 5; i++) await ask(port, { path: '/200' });
        await ask(port, { method: 'POST', path: '/201', body: 'four' });
        await ask(port, { path: '/404' });
        await ask(port, { path: '/503' });
        assert.equal(answersOf(columns, 0), { 'GET 200': 5, 'GET 404': 1, 'GET 503': 1, 'POST 201': 1 });
        assert.equal(answersOf(columns, NO_POOL_INDEX), {});
        assert.is(totalOf(columns.poolLatency), 8);
        assert.is(columns.poolErrors[0], 1);
        assert.equal([columns.attempts[0], columns.hostErrors[0], totalOf(columns.hostLatency)], [8, 1, 8]);
        assert.equal([columns.trafficTotals[TRAFFIC_TOTAL.bytesIn], columns.trafficTotals[TRAFFIC_TOTAL.bytesOut]], [4, 80]);
        assert.is(totalOf(columns.openRequests), 0);
      }),
  ));

test('a slow answer stands in the bucket of its duration, for its pool and its host', () =>
  withServer(
    (_request, response) => void setTimeout(() => response.end('late'), 120),
    ({ port: hostPort }) =>
      withBalancer({ statics: [{ ...HOST, url: `http://127.0.0.1:${hostPort}` }] }, async ({ balancer, port }) => {
        const { poolLatency, hostLatency, poolLatencySumMs } = openTable(balancer.table);
        await ask(port);
        // Of whole milliseconds that a timer waits, the first may have begun before.
        const early = poolLatency.subarray(0, bucketOf(118));
        assert.is(totalOf(early), 0, 'shorter than the host took');
        assert.is(totalOf(hostLatency.subarray(0, bucketOf(118))), 0);
        assert.is(totalOf(poolLatency.subarray(0, LATENCY_BUCKETS)), 1);
        assert.ok((poolLatencySumMs[0] as number) >= 118);
      }),
  ));

test('a host that fails is counted with its attempt, and the request with its one answer', () =>
  withRawHost(
    (connection) => connection.reset(),
    (host) =>
      withBalancer({ statics: [{ ...HOST, url: host.url }], ejectAfter: 100 }, async ({ balancer, port }) => {
        const columns = openTable(balancer.table);
        const { status } = await ask(port);
        assert.is(status, 502);
        assert.equal(answersOf(columns, 0), { 'GET 502': 1 });
        assert.is(columns.poolErrors[0], 1);
        assert.equal([columns.attempts[0], columns.hostErrors[0]], [1, 1]);
        assert.is(totalOf(columns.hostLatency), 0);
      }),
  ));

test('a client that leaves is no error, and has no status', () =>
  withServer(
    () => undefined,
    ({ port: hostPort }) =>
      withBalancer({ statics: [{ ...HOST, url: `http://127.0.0.1:${hostPort}` }] }, async ({ balancer, port, inflight }) => {
        const columns = openTable(balancer.table);
        await withRaw(port, async (raw) => {
          raw.send('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
          await until(() => inflight().balancer === 1);
          assert.is(columns.openRequests[0], 1);
        });
        await until(() => columns.openRequests[0] === 0);
        assert.equal(answersOf(columns, 0), { 'GET none': 1 });
        assert.equal([columns.poolErrors[0], columns.hostErrors[0]], [0, 0]);
      }),
  ));

test('input that is refused before it is a request is counted apart from the pools', () =>
  withBalancer({}, async ({ balancer, port }) => {
    const columns = openTable(balancer.table);
    assert.match(await exchangeRaw(port, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'), /^HTTP\/1.1 400/);
    assert.match(await exchangeRaw(port, '\x16\x03\x01\r\n\r\n'), /^HTTP\/1.1 400/);
    assert.equal(answersOf(columns, NO_POOL_INDEX), { 'GET 400': 1, '_other 400': 1 });
    assert.is(columns.poolErrors[NO_POOL_INDEX], 0);
    assert.equal(answersOf(columns, 0), {});
  }));

test.run();
