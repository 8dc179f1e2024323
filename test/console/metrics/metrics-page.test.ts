// The page that Prometheus scrapes, of a real balancer: what clients did is there, in both formats, each process counts its
// own, and promtool and the parser of Prometheus find nothing wrong with it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis, withServer } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { ask, withRaw } from '../../support/http-client.js';
import { askHttp2, withHttp2Client } from '../../support/http2-client.js';
import { answer, withHttp2Host } from '../../support/http2-host.js';
import { parseScrape } from '../../support/metrics-facts.js';
import { countOpenMetrics, lintMetrics, PROMTOOL } from '../../support/prometheus.js';

const test = suite('metrics page');

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';

test('requests of clients stand in /metrics, in both formats', () =>
  withServer(
    (_request, response) => response.end('hello'),
    ({ port: hostPort }) =>
      withBalancer({ statics: [{ name: 'h1', url: `http://127.0.0.1:${hostPort}` }] }, async ({ balancer, port }) => {
        for (let i = 0; i < 7; i++) await ask(port, { path: `/${i}` });
        const plain = await ask(balancer.consolePort, { path: '/metrics' });
        assert.is(plain.status, 200);
        assert.is(plain.headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
        const { values } = parseScrape(plain.body);
        assert.is(values.get('meercat_requests_total{pool="default",code="200",method="GET"}'), 7);
        assert.is(values.get('meercat_request_duration_seconds_count{pool="default"}'), 7);
        assert.is(values.get('meercat_host_response_seconds_count{pool="default",host="h1"}'), 7);
        assert.is(values.get('meercat_bytes_total{direction="out"}'), 35);
        assert.is(values.get('meercat_fleet_redis_up'), 0);
        const open = await ask(balancer.consolePort, { path: '/metrics', headers: { accept: OPEN_METRICS } });
        assert.match(String(open.headers['content-type']), /^application\/openmetrics-text/);
        assert.match(open.body, /\n# EOF\n$/);
        assert.is(parseScrape(open.body).values.get('meercat_requests_total{pool="default",code="200",method="GET"}'), 7);
      }),
  ));

test('connections and requests over HTTP/2 stand beside all of them', () =>
  withHttp2Host(
    (stream) => answer(stream, 'hello'),
    (host) =>
      withBalancer({ statics: [{ name: 'h1', url: host.url }], isH2cAccepted: true }, async ({ balancer, port }) => {
        const scrape = async (): Promise<ReadonlyMap<string, number>> =>
          parseScrape((await ask(balancer.consolePort, { path: '/metrics' })).body).values;
        const namesOf = ['meercat_connections', 'meercat_http2_connections'];
        const areOpen = (connections: number, http2: number): Promise<boolean> =>
          until(
            async () => {
              const values = await scrape();
              return namesOf.map((name) => values.get(name)).join() === `${connections},${http2}`;
            },
            { what: `${connections} connections, ${http2} of HTTP/2` },
          );
        await withHttp2Client({ port }, (one) =>
          withHttp2Client({ port }, async () => {
            for (let i = 0; i < 3; i++) assert.is((await askHttp2(one)).status, 200);
            await withRaw(port, async (raw) => {
              raw.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
              await raw.receives(/hello/);
              await areOpen(3, 2);
            });
          }),
        );
        await areOpen(0, 0);
        const values = await scrape();
        assert.is(values.get('meercat_requests_http2_total'), 3);
        assert.is(values.get('meercat_host_http2_requests_total'), 4);
      }),
  ));

test('when certificates expire is told of those in use, also after a reload', () =>
  withCertificates(({ certFile, keyFile }) =>
    withBalancer({ tlsCerts: [certFile], tlsKeys: [keyFile] }, async ({ balancer }) => {
      const expiry = async (): Promise<number[]> => {
        const { body } = await ask(balancer.consolePort, { path: '/metrics' });
        return [...parseScrape(body).values].filter(([name]) => name.startsWith('meercat_tls_cert_not_after')).map(([, value]) => value);
      };
      await until(async () => (await expiry()).length === 1);
      assert.ok(((await expiry())[0] as number) > Date.now() / 1000);
      balancer.reloadTls();
      await until(async () => (await expiry()).length === 1);
    }),
  ));

test('promtool finds nothing wrong with the page of a master, and Prometheus reads all of it', async () => {
  if (PROMTOOL === null) return;
  await withRedis(({ url: redis }) =>
    withServer(
      (request, response) => void response.writeHead(request.url === '/bad' ? 500 : 200).end('hello'),
      (host) =>
        withCertificates(({ certFile, keyFile }) =>
          withBalancer({ redis: [redis], statics: [{ name: 'h1', url: host.url }] }, (plain) =>
            withBalancer({ redis: [redis], tlsCerts: [certFile], tlsKeys: [keyFile] }, async (secure) => {
              await plain.becomes('master');
              for (const path of ['/', '/users/7', '/bad']) await ask(plain.port, { path });
              for (const { balancer } of [plain, secure]) {
                const read = (accept: string) => ask(balancer.consolePort, { path: '/metrics', headers: { accept } });
                assert.is(await lintMetrics((await read('text/plain')).body), '');
                const { body } = await read(OPEN_METRICS);
                assert.is(await countOpenMetrics(body), parseScrape(body).values.size);
              }
            }),
          ),
        ),
    ),
  );
});

test.run();
