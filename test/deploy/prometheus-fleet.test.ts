// A real Prometheus scrapes a real fleet, and the shipped alerts fire: the same expressions, with shorter windows and waits.
// What the page says passes the parsers of promtool in both formats.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, until, withRedis, withServer } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { SHORT_LEASE_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { parseScrape } from '../support/metrics-facts.js';
import {
  countOpenMetrics,
  lintMetrics,
  PROMETHEUS,
  PROMTOOL,
  readRules,
  type TestPrometheus,
  withPrometheus,
} from '../support/prometheus.js';

const test = suite('prometheus and a fleet');

/** What a busy machine may take until an alert fires. */
const FIRE_MS = 90_000;

const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0';

/** The shipped rules, with windows of 10 s and no alert that waits longer than a second. */
const quickRules = () => ({
  groups: readRules().groups.map(({ name, rules }) => ({
    name,
    rules: rules.map(({ for: wait, expr, ...rule }) => ({
      ...rule,
      expr: expr.replaceAll(/\[\d+m\]/g, '[10s]'),
      ...(wait !== undefined && { for: '1s' }),
    })),
  })),
});

/** A Prometheus that scrapes these balancers every second. */
const scraping = <T>(balancers: readonly TestBalancer[], fn: (prometheus: TestPrometheus) => Promise<T>): Promise<T> =>
  withPrometheus(
    {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yml'],
      scrape_configs: [
        {
          job_name: 'meercat',
          static_configs: [
            { targets: balancers.map(({ balancer }) => `127.0.0.1:${balancer.consolePort}`), labels: { namespace: 'shop' } },
          ],
        },
      ],
    },
    { 'rules.yml': JSON.stringify(quickRules()) },
    fn,
  );

/** Resolves when all these alerts fire; `meanwhile` is done again and again. */
async function fire(prometheus: TestPrometheus, names: readonly string[], meanwhile: () => Promise<unknown>): Promise<void> {
  let missing: readonly string[] = names;
  await until(
    async () => {
      const [alerts] = await Promise.all([prometheus.alerts(), meanwhile()]);
      const firing = new Set(alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname']));
      missing = names.filter((name) => !firing.has(name));
      return missing.length === 0;
    },
    { timeoutMs: FIRE_MS, everyMs: 200, what: () => `these alerts to fire: ${missing.join(', ')}` },
  );
}

test('what a balancer says passes the parsers of promtool, in both formats', () =>
  withServer(
    (_request, response) => void response.end('hello'),
    ({ url }) =>
      withBalancer({ statics: [{ name: 'h1', url }] }, async ({ balancer, port }) => {
        if (PROMTOOL === null) return;
        await ask(port);
        const { body } = await ask(balancer.consolePort, { path: '/metrics' });
        assert.is(await lintMetrics(body), '');
        assert.not.equal(await lintMetrics(body.replace('TYPE meercat_connections gauge', 'TYPE meercat_connections gouge')), '');
        const open = await ask(balancer.consolePort, { path: '/metrics', headers: { Accept: OPEN_METRICS } });
        assert.is(await countOpenMetrics(open.body), parseScrape(open.body).values.size);
      }),
  ));

test('the shipped alerts fire on a fleet whose hosts, certificate and Redis fail', () =>
  withCertificates(({ certFile, keyFile }) =>
    withRedis((redis) =>
      withServer(
        // Slower than a second, and broken.
        (_request, response) => void setTimeout(() => response.writeHead(500).end('broken'), 1200),
        async ({ url }) => {
          if (PROMETHEUS === null) return;
          const gone = [await freePort(), await freePort()].map((port, i) => ({ name: `gone${i}`, url: `http://127.0.0.1:${port}` }));
          const flags = {
            redis: [redis.url],
            leaseTtlMs: SHORT_LEASE_MS,
            healthIntervalMs: 500,
            statics: [{ name: 'slow', url }, ...gone],
          };
          await withBalancer({ ...flags, name: 'b1' }, (first) =>
            withBalancer({ ...flags, name: 'b2', tlsCerts: [certFile], tlsKeys: [keyFile] }, (second) =>
              scraping([first, second], async (prometheus) => {
                await until(
                  async () => (await prometheus.query('sum(meercat_fleet_is_master) == 1 and count(up == 1) == 2')).length === 1,
                  {
                    timeoutMs: FIRE_MS,
                    everyMs: 200,
                    what: 'two balancers that are scraped, and one master',
                  },
                );
                const send = () => Promise.all(Array.from({ length: 4 }, () => ask(first.port)));
                await fire(
                  prometheus,
                  ['MeercatHostDown', 'MeercatPanic', 'MeercatErrors', 'MeercatSlow', 'MeercatCertificateExpires'],
                  send,
                );
                const firing = (await prometheus.alerts()).filter(({ state }) => state === 'firing');
                const named = (name: string): string => firing.map(({ labels }) => labels[name] ?? '').join();
                assert.match(named('host'), 'gone0');
                assert.match(named('certificate'), /\.pem/);
                assert.not.match(firing.map(({ labels }) => labels['alertname']).join(), /NoMaster|TableOld|RedisAway/);

                await redis.kill();
                await fire(prometheus, ['MeercatNoMaster', 'MeercatTableOld', 'MeercatRedisAway'], () => Promise.resolve());
              }),
            ),
          );
        },
      ),
    ),
  ));

test.run();
