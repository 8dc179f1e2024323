// Calls of gRPC that fail: deadlines, hosts that fail before and within an answer, statuses that count against a host, and
// what logs, figures and traces say of them.

import { readFileSync } from 'node:fs';
import { constants, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Metadata } from '@grpc/grpc-js';
import type { BalancerConfig } from '../../../lib/config/config.js';
import { parseOtlpEndpoint } from '../../../lib/config/otlp.js';
import { GRPC_COUNTERS } from '../../../lib/table/counters.js';
import { totalOf } from '../../../lib/table/latency-buckets.js';
import { openTable } from '../../../lib/table/layout.js';
import { keepThread } from '../../../lib/threads.js';
import { until, withTempDir } from '../../support/brackets.js';
import { attributesOf, withCollector } from '../../support/collector.js';
import { SLOW_MS, type TestBalancer, withBalancer } from '../../support/fleet.js';
import { type GrpcClient, withGrpcClient } from '../../support/grpc-client.js';
import { withHttp2Host } from '../../support/http2-host.js';
import { withRawHost } from '../../support/raw-host.js';
import { echoMethods, type GrpcHost, type GrpcMethods, withGrpcHost } from '../../support/grpc-host.js';

const test = suite('failures of gRPC');

const PLAIN = { isH2cAccepted: true } as const;

/** A host, a balancer in plain before it, and a client. */
function withCalls(
  methods: GrpcMethods,
  fn: (client: GrpcClient, host: GrpcHost, balancer: TestBalancer) => Promise<void>,
  overrides: Partial<BalancerConfig> = {},
): Promise<void> {
  return withGrpcHost(methods, (host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }], ...PLAIN, ...overrides }, (balancer) =>
      withGrpcClient(balancer.port, (client) => fn(client, host, balancer)),
    ),
  );
}

const errorsOf = ({ balancer }: TestBalancer): number[] => {
  const { hostErrors, poolErrors, failing } = openTable(balancer.table);
  return [hostErrors[0] as number, poolErrors[0] as number, failing[0] as number];
};

/** A timeout that the client itself does not know of: only the balancer can keep it. */
const within = (timeout: string): { readonly metadata: Record<string, string> } => ({ metadata: { 'grpc-timeout': timeout } });

/** A host that knows nothing of deadlines: it sends `begin`, if that is not empty, and is silent then. */
async function withDeafHost(begin: Buffer, fn: (url: string, ended: () => number) => Promise<void>): Promise<void> {
  let ended = 0;
  const server = createServer();
  server.on('session', (session) => session.on('error', () => undefined));
  server.on('stream', (stream) => {
    stream.on('error', () => undefined);
    stream.on('close', () => ended++);
    stream.resume();
    if (begin.length === 0) return;
    stream.respond({ 'content-type': 'application/grpc' });
    stream.write(begin);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    await fn(`h2://127.0.0.1:${(server.address() as AddressInfo).port}`, () => ended);
  } finally {
    server.close();
  }
}

test('a deadline that passes on a silent host is DEADLINE_EXCEEDED, cancels its stream, and is not its failure', () =>
  withTempDir((dir) =>
    withDeafHost(Buffer.alloc(0), (url, ended) =>
      withBalancer({ ...PLAIN, statics: [{ name: 'h', url }], accessLog: 'json', accessLogFile: `${dir}/log` }, (each) =>
        withGrpcClient(each.port, async (client) => {
          const { code, details } = await client.unary('x', within('300m')).end;
          assert.equal([code, details], [4, 'MEERCAT_DEADLINE_EXCEEDED: the deadline of the call has passed']);
          await until(() => ended() === 1, { what: 'the host to learn of it' });
          assert.equal([each.counter('timeouts_deadline'), each.counter('timeouts_response')], [1, 0]);
          assert.equal(errorsOf(each), [0, 0, 0]);
          const line = await until(() => readFileSync(`${dir}/log`, 'utf8').split('\n')[0], { what: 'a line' });
          const said = JSON.parse(line) as Record<string, unknown>;
          assert.equal([said['outcome'], said['grpc_status'], said['status'], said['host']], ['deadline', 4, 200, 'h']);
        }),
      ),
    ),
  ));

test('a deadline that passes within a stream ends it with DEADLINE_EXCEEDED behind the messages', () =>
  withDeafHost(Buffer.from([0, 0, 0, 0, 1, 0x31]), (url, ended) =>
    withBalancer({ ...PLAIN, statics: [{ name: 'h', url }] }, (each) =>
      withGrpcClient(each.port, async (client) => {
        const { code, details, replies } = await client.serverStream('x', within('500m')).end;
        assert.equal([code, details, replies.map(String)], [4, 'MEERCAT_DEADLINE_EXCEEDED: the deadline of the call has passed', ['1']]);
        await until(() => ended() === 1, { what: 'the host to learn of it' });
        assert.equal(errorsOf(each), [0, 0, 0]);
      }),
    ),
  ));

test('a deadline that passes within a message ends the call all the same', () =>
  withDeafHost(Buffer.from([0, 0, 0, 0, 9, 0x31]), (url) =>
    withBalancer({ ...PLAIN, statics: [{ name: 'h', url }] }, (each) =>
      withGrpcClient(each.port, async (client) => {
        const { code, replies } = await client.serverStream('x', within('300m')).end;
        assert.equal([code, replies.length], [4, 0]);
      }),
    ),
  ));

test('a deadline also bounds a call whose messages have not all been sent', () =>
  withCalls({ clientStream: () => undefined }, async (client) => {
    const call = client.clientStream(within('300m'));
    call.send('x');
    assert.is((await call.end).code, 4);
  }));

test('a client that keeps its deadline itself is a client that goes away', () =>
  withCalls({ unary: () => undefined }, async (client, host, each) => {
    assert.is((await client.unary('x', { deadlineMs: 300 }).end).code, 4);
    await until(() => host.ended === 1, { what: 'the host to learn of it' });
    assert.equal(errorsOf(each), [0, 0, 0]);
  }));

test('a host that is silent for --response-timeout has failed, whatever the deadline is', () =>
  withCalls(
    { unary: () => undefined },
    async (client, _host, each) => {
      const { code, details } = await client.unary('x', within('1H')).end;
      assert.equal([code, details], [4, 'MEERCAT_HOST_TIMEOUT: the host did not answer in time']);
      assert.equal(errorsOf(each).slice(0, 2), [1, 1]);
    },
    { responseTimeoutMs: 200 },
  ));

test('a host that dies within an answer ends the call with UNAVAILABLE behind the messages', () =>
  withCalls({ serverStream: (call) => void call.write(Buffer.from('one')) }, async (client, host, each) => {
    const call = client.serverStream('x');
    await until(() => call.replies.length === 1, { what: 'the answer to begin' });
    host.crash();
    const { code, details, replies } = await call.end;
    assert.equal([code, details, replies.map(String)], [14, 'MEERCAT_HOST_UNREACHABLE: the host could not be reached', ['one']]);
    assert.equal(errorsOf(each).slice(0, 2), [1, 1]);
  }));

test('a host that dies before its answer is UNAVAILABLE, and the call is sent to no other', () =>
  withGrpcHost({ unary: () => undefined }, (one) =>
    withGrpcHost({ unary: () => undefined }, (other) =>
      withBalancer(
        {
          ...PLAIN,
          statics: [
            { name: 'one', url: one.url },
            { name: 'other', url: other.url },
          ],
          retryBudgetPercent: 100,
        },
        ({ port }) =>
          withGrpcClient(port, async (client) => {
            const call = client.unary('x');
            await until(() => one.calls + other.calls === 1, { what: 'the call' });
            (one.calls === 1 ? one : other).crash();
            const { code, details } = await call.end;
            assert.equal([code, details], [14, 'MEERCAT_HOST_UNREACHABLE: the host could not be reached']);
            assert.is(one.calls + other.calls, 1);
          }),
      ),
    ),
  ));

test('a host that refuses connections costs no call: another one is asked', () =>
  withGrpcHost(echoMethods('h'), (host) =>
    withBalancer(
      {
        statics: [
          { name: 'dead', url: 'h2://127.0.0.1:1' },
          { name: 'h', url: host.url },
        ],
        ...PLAIN,
        retryBudgetPercent: 100,
      },
      ({ port, counter }) =>
        withGrpcClient(port, async (client) => {
          for (let i = 0; i < 10; i++) assert.is((await client.unary('x').end).code, 0);
          assert.is(host.calls, 10);
          assert.ok(counter('retries_connect_failed') > 0);
        }),
    ),
  ));

/** A host that ends each call with the status that it is sent. */
const statusMethods: GrpcMethods = {
  unary: ({ request }, reply) => reply({ code: Number(String(request)), details: 'as you wish' }),
  // The same behind a message: in trailers.
  serverStream: (call) => {
    call.write(Buffer.from('one'));
    call.emit('error', { code: Number(String(call.request)), details: 'as you wish' });
  },
};

test('UNAVAILABLE, RESOURCE_EXHAUSTED and INTERNAL of a host count against it, in trailers and without a body; others do not', () =>
  withCalls(
    statusMethods,
    async (client, _host, each) => {
      for (const status of [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 15, 16]) {
        assert.is((await client.unary(String(status)).end).code, status);
        assert.is((await client.serverStream(String(status)).end).code, status);
      }
      assert.equal(errorsOf(each), [0, 0, 0]);
      for (const status of [8, 13, 14]) {
        assert.is((await client.unary(String(status)).end).code, status);
        assert.is((await client.serverStream(String(status)).end).code, status);
      }
      const [hostErrors, poolErrors, failing = 0] = errorsOf(each);
      assert.equal(
        GRPC_COUNTERS.map((name) => each.counter(name)),
        [0, ...Array.from({ length: 16 }, () => 2)],
      );
      assert.equal([hostErrors, poolErrors, each.counter('hosts_answered_grpc_failure')], [6, 6, 6]);
      assert.ok(failing > 0);
    },
    { ejectAfter: 100 },
  ));

test('a host that answers UNAVAILABLE several times in a row is ejected', () =>
  withCalls(
    statusMethods,
    async (client, _host, each) => {
      for (let i = 0; i < 3; i++) assert.is((await client.unary('14').end).code, 14);
      await until(() => each.counter('ejections_grpc_status') === 1, { what: 'the ejection' });
    },
    { ejectAfter: 3 },
  ));

test('spans say the status, and which statuses are errors', () =>
  withCollector((collector) =>
    withGrpcHost(statusMethods, (host) =>
      withBalancer(
        {
          statics: [{ name: 'h', url: host.url }],
          ...PLAIN,
          traceSamplePercent: 100,
          otlpEndpoint: parseOtlpEndpoint('', collector.url),
        },
        ({ port }) =>
          withGrpcClient(port, async (client) => {
            await client.unary('14').end;
            await client.unary('5').end;
            const spans = await until(() => collector.spans().length === 4 && collector.spans(), { timeoutMs: SLOW_MS, what: 'the spans' });
            const seen = spans.map(({ attributes, kind, status }) => {
              const { 'rpc.system': system, 'rpc.grpc.status_code': code, 'error.type': error } = attributesOf(attributes);
              return [kind, system, code, error, status.code];
            });
            assert.equal(seen, [
              [2, 'grpc', 14, 'UNAVAILABLE', 2],
              [3, 'grpc', 14, 'UNAVAILABLE', 2],
              [2, 'grpc', 5, undefined, undefined],
              [3, 'grpc', 5, 'NOT_FOUND', 2],
            ]);
          }),
        keepThread,
      ),
    ),
  ));

test('a body above --max-body-size is RESOURCE_EXHAUSTED', () =>
  withCalls(
    echoMethods('h'),
    async (client) => {
      const { code, details } = await client.unary(Buffer.alloc(100_000)).end;
      assert.equal([code, details.split(':')[0]], [8, 'MEERCAT_BODY_TOO_LARGE']);
    },
    { maxBodySize: 50_000 },
  ));

test('a load report in the trailers of a call is read, and does not reach the client', () => {
  // cpu_utilization 0.5 as protobuf: field 1, a double.
  const report = Buffer.concat([Buffer.from([0x09]), Buffer.alloc(8)]);
  report.writeDoubleLE(0.5, 1);
  const said = new Metadata();
  said.set('endpoint-load-metrics-bin', report);
  said.set('x-other', 'kept');
  return withCalls(
    {
      unary: ({ request }, reply) => {
        if (String(request) === 'trailers') reply(null, Buffer.from('ok'), said);
        else reply({ code: 5, details: 'none', metadata: said });
      },
    },
    async (client, _host, { counter }) => {
      for (const kind of ['trailers', 'trailers-only']) {
        const before = counter('inband_read');
        // Reports are sampled, so that not each one is read.
        await until(async () => {
          const { trailers } = await client.unary(kind).end;
          assert.equal([trailers.get('x-other'), trailers.get('endpoint-load-metrics-bin')], [['kept'], []], kind);
          return counter('inband_read') > before;
        });
      }
      assert.is(counter('inband_dropped_malformed'), 0);
    },
  );
});

test('an answer of several messages is a stream: its duration is no evidence, and its method becomes long-lived', () =>
  withCalls(echoMethods('h'), async (client, _host, { balancer }) => {
    const { hostLatency, poolLatency } = openTable(balancer.table);
    const counted = (): number[] => [totalOf(hostLatency), totalOf(poolLatency)];
    assert.is((await client.serverStream('3').end).code, 0);
    assert.equal(counted(), [0, 0]);
    assert.is((await client.serverStream('1').end).code, 0);
    assert.is((await client.unary('x').end).code, 0);
    assert.equal(counted(), [2, 2]);
  }));

test('a call whose messages come seldom goes on for longer than --client-timeout, and ends when both sides are silent for --tunnel-timeout', () =>
  withCalls(
    { bidi: (call) => call.on('data', (part: Buffer) => void call.write(part)) },
    async (client, _host, { counter }) => {
      const call = client.bidi();
      for (let i = 0; i < 3; i++) {
        call.send('x');
        await until(() => call.replies.length === i + 1, { what: `reply ${i}` });
        // Longer than the client timeout, with the tenth of a second that deadlines may be late.
        if (i < 2) await sleep(500);
      }
      const { code } = await call.end;
      assert.is.not(code, 0);
      assert.equal([counter('timeouts_tunnel'), counter('timeouts_client_body'), counter('timeouts_client_rate')], [1, 0, 0]);
    },
    { clientTimeoutMs: 200, tunnelTimeoutMs: 3000 },
  ));

test('a deadline that passes before a connection is there is no failure of the host', () =>
  withRawHost(
    () => undefined,
    ({ url }) =>
      withBalancer({ ...PLAIN, statics: [{ name: 'h', url: url.replace('http:', 'h2:') }] }, (each) =>
        withGrpcClient(each.port, async (client) => {
          const { code, details } = await client.unary('x', within('300m')).end;
          assert.equal([code, details], [4, 'MEERCAT_DEADLINE_EXCEEDED: the deadline of the call has passed']);
          assert.equal(errorsOf(each), [0, 0, 0]);
        }),
      ),
  ));

test('a host gets the timeout as it came, and what is left of it after another host was asked', () => {
  const seen: string[] = [];
  return withHttp2Host(
    (stream, headers) => {
      seen.push(String(headers['grpc-timeout'] ?? ''));
      // It takes its time to refuse.
      stream.on('data', () => void setTimeout(() => stream.close(constants.NGHTTP2_REFUSED_STREAM), 50));
    },
    (one) =>
      withHttp2Host(
        (stream, headers) => {
          seen.push(String(headers['grpc-timeout'] ?? ''));
          stream.resume();
          stream.respond({ 'content-type': 'application/grpc', 'grpc-status': '0' }, { endStream: true });
        },
        (other) =>
          withBalancer(
            {
              ...PLAIN,
              statics: [
                { name: 'one', url: one.url },
                { name: 'other', url: other.url },
              ],
              retryBudgetPercent: 100,
            },
            ({ port }) =>
              withGrpcClient(port, async (client) => {
                // Of two calls one at least comes to the host that refuses, and then to the other.
                for (let i = 0; i < 2 && seen.length < 2; i++) {
                  seen.length = 0;
                  assert.is((await client.unary('x', within('1M')).end).code, 0);
                }
                const [first, left = ''] = seen;
                assert.is(first, '1M');
                assert.match(left, /^\d+m$/);
                assert.ok(Number.parseInt(left, 10) < 60_000 && Number.parseInt(left, 10) > 0, left);
              }),
          ),
      ),
  );
});

test.run();
