// Traces through a real balancer with a real host and a collector that is well, slow, refusing or gone.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { BalancerConfig } from '../../../lib/config/config.js';
import { parseOtlpEndpoint } from '../../../lib/config/otlp.js';
import type { OtlpSpan } from '../../../lib/otlp/spans.js';
import { keepThread } from '../../../lib/threads.js';
import { until } from '../../support/brackets.js';
import { attributesOf, withCollector } from '../../support/collector.js';
import { SLOW_MS, type TestBalancer, withBalancer } from '../../support/fleet.js';
import { ask, exchangeRaw } from '../../support/http-client.js';
import { answer, withHttp2Host } from '../../support/http2-host.js';
import { answerWith } from '../../support/proxy.js';
import { type RawHost, withRawHost } from '../../support/raw-host.js';

const test = suite('tracing');

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const SAMPLED = `00-${TRACE}-${SPAN}-01`;
const ALL = { traceSamplePercent: 100 };

/** A balancer before one raw host that exports to a URL. */
function withTraced<T>(url: string, overrides: Partial<BalancerConfig>, fn: (each: TestBalancer, host: RawHost) => Promise<T>): Promise<T> {
  return withRawHost(answerWith(OK), (host) =>
    withBalancer(
      { statics: [{ name: 'h', url: host.url }], otlpEndpoint: parseOtlpEndpoint('', url), ...overrides },
      (each) => fn(each, host),
      keepThread,
    ),
  );
}

const waitFor = <T>(what: string, look: () => T): ReturnType<typeof until<T>> => until(look, { timeoutMs: SLOW_MS, what });

const parentsIn = (host: RawHost): string[] =>
  host.connections.flatMap(({ text }) => [...text.matchAll(/^traceparent: (.+)\r$/gm)].map(([, value = '']) => value));

test('a sampled request has a span for itself and one for its attempt, whose id the host gets', () =>
  withCollector((collector) =>
    withTraced(
      `${collector.url}/otlp?x=1`,
      { ...ALL, otlpHeaders: 'Authorization=Bearer%20secret, x-a=b', name: 'b1' },
      async ({ port }, host) => {
        await ask(port, { path: '/a/b?secret=1', headers: { 'User-Agent': 'test/1', Host: 'shop.example:8443' } });
        const [server, client] = (await waitFor('two spans', () => collector.spans().length === 2 && collector.spans())) as [
          OtlpSpan,
          OtlpSpan,
        ];
        assert.equal([server.kind, client.kind, server.name, client.name], [2, 3, 'GET', 'GET']);
        assert.match(server.traceId, /^[0-9a-f]{32}$/);
        assert.equal([client.traceId, client.parentSpanId, server.parentSpanId], [server.traceId, server.spanId, undefined]);
        assert.equal(parentsIn(host), [`00-${server.traceId}-${client.spanId}-03`]);
        const { 'meercat.request_id': id, ...attributes } = attributesOf(server.attributes);
        assert.match(id as string, /^[0-9a-f]{8}-1$/);
        assert.equal(attributes, {
          'http.request.method': 'GET',
          'url.path': '/a/b',
          'url.scheme': 'http',
          'http.response.status_code': 200,
          'server.address': 'shop.example',
          'server.port': 8443,
          'client.address': '127.0.0.1',
          'network.peer.address': '127.0.0.1',
          'network.protocol.version': '1.1',
          'user_agent.original': 'test/1',
          'meercat.pool': 'default',
          'meercat.outcome': 'ok',
          'meercat.attempts': 1,
        });
        assert.equal(attributesOf(client.attributes), {
          'http.request.method': 'GET',
          'url.full': `${host.url}/a/b`,
          'http.response.status_code': 200,
          'server.address': '127.0.0.1',
          'server.port': Number(new URL(host.url).port),
          'network.protocol.version': '1.1',
          'meercat.pool': 'default',
          'meercat.host': 'h',
          'meercat.attempt': 1,
        });
        assert.equal(
          client.events.map(({ name }) => name),
          ['meercat.connected', 'meercat.first_byte'],
        );
        const times = [server.startTimeUnixNano, client.startTimeUnixNano, client.endTimeUnixNano, server.endTimeUnixNano].map(BigInt);
        assert.equal(
          times,
          times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
        );
        assert.ok(Math.abs(Number(BigInt(Date.now()) - (times[3] as bigint) / 1_000_000n)) < SLOW_MS);
        const [{ path, headers, resource }] = collector.exports as [(typeof collector.exports)[0]];
        assert.equal(
          [path, headers['content-type'], headers.authorization, headers['x-a']],
          ['/otlp?x=1', 'application/json', 'Bearer secret', 'b'],
        );
        assert.equal([resource['service.name'], resource['service.namespace'], resource['service.instance.id']], ['meercat', 'test', 'b1']);
      },
    ),
  ));

test('the span of an attempt over HTTP/2 says so, under a URL that everybody knows', () =>
  withCollector((collector) =>
    withHttp2Host(
      (stream) => answer(stream, 'ok'),
      (host) =>
        withTraced(collector.url, { ...ALL, statics: [{ name: 'h', url: host.url }] }, async ({ port }) => {
          assert.is((await ask(port, { path: '/a' })).status, 200);
          const [, client] = (await waitFor('two spans', () => collector.spans().length === 2 && collector.spans())) as OtlpSpan[];
          const attributes = attributesOf(client?.attributes ?? []);
          assert.equal(
            [attributes['url.full'], attributes['server.port'], attributes['network.protocol.version']],
            [`http://127.0.0.1:${host.port}/a`, host.port, '2'],
          );
        }),
    ),
  ));

test('a retry is a span of its own, and the span of what failed says why', () =>
  withCollector((collector) =>
    withTraced(
      collector.url,
      { ...ALL, statics: [{ name: 'dead', url: 'http://127.0.0.1:1' }], retryBudgetPercent: 100 },
      async ({ port }) => {
        assert.is((await ask(port, { path: '/' })).status, 502);
        const spans = await waitFor('the spans', () => collector.spans().length > 1 && collector.spans());
        const [server, ...attempts] = spans;
        assert.equal(
          attempts.map((span) => [
            attributesOf(span.attributes)['error.type'],
            attributesOf(span.attributes)['meercat.attempt'],
            span.status.code,
          ]),
          attempts.map((_, index) => ['connect-failed', index + 1, 2]),
        );
        const { 'error.type': error, 'meercat.code': code, 'meercat.attempts': count } = attributesOf((server as OtlpSpan).attributes);
        assert.equal([error, code, count], ['502', 'MEERCAT_HOST_UNREACHABLE', attempts.length]);
        assert.is(collector.exports[0]?.path, '/v1/traces');
      },
    ),
  ));

test('a sampled parent is continued, without a share too; one that is not sampled, or malformed, starts no trace', () =>
  withCollector((collector) =>
    withTraced(collector.url, {}, async ({ port }, host) => {
      const unsampled = `00-${TRACE}-${SPAN}-00`;
      await ask(port, { headers: { traceparent: unsampled, tracestate: 'a=1' } });
      await ask(port, { headers: { traceparent: `${SAMPLED}-more`, tracestate: 'a=1' } });
      await ask(port, {});
      await ask(port, { headers: { traceparent: SAMPLED, tracestate: 'a=1' } });
      const [server, client] = (await waitFor('two spans', () => collector.spans().length === 2 && collector.spans())) as [
        OtlpSpan,
        OtlpSpan,
      ];
      assert.equal([server.traceId, server.parentSpanId, server.traceState, client.traceState], [TRACE, SPAN, 'a=1', 'a=1']);
      assert.equal(parentsIn(host), [unsampled, `00-${TRACE}-${client.spanId}-01`]);
      assert.is(
        host.connections
          .map(({ text }) => text)
          .join('')
          .match(/^tracestate: a=1\r$/gm)?.length,
        2,
      );
    }),
  ));

test('without an endpoint a sampled traceparent passes as it came', () =>
  withRawHost(answerWith(OK), (host) =>
    withBalancer({ statics: [{ name: 'h', url: host.url }] }, async ({ port, counter }) => {
      await ask(port, { headers: { traceparent: SAMPLED } });
      assert.equal([parentsIn(host), counter('spans_exported')], [[SAMPLED], 0]);
    }),
  ));

test('a collector that is overloaded is asked again when it says; requests do not wait for it', () =>
  withCollector(
    (collector) =>
      withTraced(collector.url, ALL, async ({ port, counter, lines }) => {
        await ask(port, {});
        await waitFor('the first export', () => collector.exports.length > 0);
        for (let i = 0; i < 3; i++) assert.is((await ask(port, {})).status, 200);
        await waitFor('all spans', () => counter('spans_exported') === 8);
        assert.equal([collector.exports[0]?.spans, counter('spans_dropped')], [collector.exports[1]?.spans, 0]);
        assert.is(lines.filter((line) => /warn spans cannot be exported.*status 503/.test(line)).length, 1);
        await waitFor('the good news', () => lines.some((line) => /info spans are exported again/.test(line)));
      }),
    (response, number) => void response.writeHead(number === 1 ? 503 : 200, { 'Retry-After': '0' }).end(),
  ));

test('what a collector refuses is counted and not sent again, in part or as a whole', () =>
  withCollector(
    (collector) =>
      withTraced(collector.url, ALL, async ({ port, counter }) => {
        await ask(port, {});
        await waitFor('the first refusal', () => counter('spans_refused') === 2);
        await ask(port, {});
        await waitFor('the second one', () => counter('spans_refused') === 3);
        assert.equal([counter('spans_exported'), collector.exports.length], [1, 2]);
      }),
    (response, number) =>
      number === 1 ? void response.writeHead(400).end() : void response.end('{"partialSuccess":{"rejectedSpans":"1","errorMessage":"no"}}'),
  ));

test('a collector that is silent holds nothing up: what finds no room is dropped, and a stop ends soon', () => {
  let each: TestBalancer | undefined;
  return withCollector(
    async (collector) => {
      await withTraced(collector.url, ALL, async (balancer) => {
        each = balancer;
        await ask(balancer.port, {});
        await waitFor('the export', () => collector.exports.length === 1);
        const { status } = await ask(balancer.port, {});
        assert.is(status, 200);
      });
      // What was being sent, and what waited, is counted when the balancer stops.
      assert.is(each?.counter('spans_dropped'), 4);
    },
    () => undefined,
  );
});

test('a stop sends what is left', () =>
  withCollector(async (collector) => {
    await withTraced(collector.url, ALL, async ({ port }) => void (await ask(port, {})));
    assert.is(collector.spans().length, 2);
  }));

test('without a collector requests are served, and a stop drops their spans', () =>
  withTraced('http://127.0.0.1:1', ALL, async ({ port, lines }) => {
    assert.is((await ask(port, {})).status, 200);
    await waitFor('the warning', () =>
      lines.some((line) => /warn spans cannot be exported.*"collector":"http:\/\/127\.0\.0\.1:1\/v1\/traces"/.test(line)),
    );
  }));

test('Server-Timing says where the time went, beside what the host says; without the flag it says nothing', () =>
  withRawHost(answerWith('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer-Timing: db;dur=53\r\n\r\nok'), async (host) => {
    const timings = async (overrides: Partial<BalancerConfig>): Promise<string[]> =>
      withBalancer(overrides, async ({ port }) => {
        const text = await exchangeRaw(port, 'GET / HTTP/1.0\r\n\r\n');
        return [...text.matchAll(/^Server-Timing: (.+)\r$/gm)].map(([, value = '']) => value);
      });
    const statics = [{ name: 'h', url: host.url }];
    assert.equal(await timings({ statics }), ['db;dur=53']);
    const [theirs, ours] = await timings({ statics, isServerTimingSent: true });
    assert.is(theirs, 'db;dur=53');
    assert.match(ours ?? '', /^queue;dur=0, connect;dur=[\d.]+, host;dur=[\d.]+, meercat;dur=[\d.]+$/);
    assert.match((await timings({ isServerTimingSent: true }))[0] ?? '', /^queue;dur=[\d.]+, meercat;dur=[\d.]+$/);
  }));

test.run();
