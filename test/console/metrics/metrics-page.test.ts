// The page that Prometheus scrapes, of a real balancer: what clients did is there, in both formats, and each process counts
// its own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withServer } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { ask } from '../../support/http-client.js';
import { parseScrape } from '../../support/metrics-facts.js';

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

test.run();
