// Prometheus and Grafana of deploy/compose: each balancer is scraped with the console's token, and Grafana finds its data
// source and its dashboard. Debian's Prometheus runs with the shipped configuration; only names and ports are replaced.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { freePort, until, withProcess, withTempDir } from '../support/brackets.js';
import { COMPOSE_DIR, COMPOSE_TEXT, type ComposeService, parseCompose, variablesOf, withSecrets } from '../support/compose-file.js';
import { containerProcess, imageCommand, replaceAll } from '../support/container.js';
import { ask } from '../support/http-client.js';
import { PROMETHEUS, PROMTOOL, RULES_FILE, runPromtool, withPrometheus } from '../support/prometheus.js';

const test = suite('compose watch');

const { services, networks, secrets, configs } = parseCompose(COMPOSE_TEXT);
const serviceOf = (name: string): ComposeService => services[name] as ComposeService;
const SCRAPES = readFileSync(join(COMPOSE_DIR, 'prometheus.yml'), 'utf8');

/** Where a file of the repository is in a container; undefined when it is not there. */
const mountOf = (name: string, file: string): string | undefined =>
  serviceOf(name).configs?.find(({ source }) => configs[source]?.file === file)?.target;

/** What a file of the folder says. */
const read = (file: string): unknown => parse(readFileSync(join(COMPOSE_DIR, file), 'utf8'));

test('Prometheus scrapes the console of every balancer, over a network that leads nowhere', () => {
  const balancers = Object.keys(services).filter((name) => name.startsWith('balancer'));
  const [scrape] = (parse(SCRAPES) as { scrape_configs: { static_configs: { targets: string[] }[] }[] }).scrape_configs;
  assert.equal(
    scrape?.static_configs.flatMap(({ targets }) => targets),
    balancers.map((name) => `${name}:9080`),
  );
  assert.is(networks['watch']?.internal, true);
  for (const name of [...balancers, 'prometheus', 'grafana']) assert.ok(serviceOf(name).networks?.includes('watch'), name);
  for (const name of ['prometheus', 'grafana']) assert.equal(serviceOf(name).profiles, ['watch'], name);
});

test('Grafana finds its data source, its dashboard and its password where they are mounted', () => {
  const { datasources } = read('grafana-datasource.yaml') as { datasources: Record<string, unknown>[] };
  assert.equal(
    datasources.map(({ type, url }) => [type, url]),
    [['prometheus', 'http://prometheus:9090']],
  );
  const { providers } = read('grafana-dashboards.yaml') as { providers: { options: { path: string } }[] };
  assert.equal(
    providers.map(({ options }) => `${options.path}/meercat.json`),
    [mountOf('grafana', '../grafana/meercat.json')],
  );
  assert.match(mountOf('grafana', 'grafana-datasource.yaml') ?? '', /^\/etc\/grafana\/provisioning\/datasources\//);
  assert.match(mountOf('grafana', 'grafana-dashboards.yaml') ?? '', /^\/etc\/grafana\/provisioning\/dashboards\//);
  assert.equal(
    serviceOf('grafana').secrets?.map((name) => `/run/secrets/${name}`),
    [serviceOf('grafana').environment?.['GF_SECURITY_ADMIN_PASSWORD__FILE']],
  );
});

test('promtool accepts the configuration beside the shipped rules', () =>
  withTempDir(async (dir) => {
    if (PROMTOOL === null) return;
    const folder = await withSecrets(dir, 'compose', 'secrets');
    const text = replaceAll(SCRAPES, { '/run/secrets/console-token': join(folder, 'secrets/console-token') });
    const files = { 'prometheus.yml': text, 'meercat.rules.yml': readFileSync(RULES_FILE, 'utf8') };
    const { code, output } = await runPromtool(['check', 'config', '--lint=all', 'prometheus.yml'], files);
    assert.is(code, 0, output);
    assert.is(mountOf('prometheus', '../prometheus/meercat.rules.yml'), '/etc/prometheus/meercat.rules.yml');
  }));

test('a balancer of the file shows its metrics to the Prometheus of the file, and to nobody without the token', () =>
  withTempDir(async (dir) => {
    if (PROMETHEUS === null) return;
    const folder = await withSecrets(dir, 'compose', 'secrets');
    const tokenFile = join(folder, secrets['console-token']?.file ?? '');
    const [port, consolePort, nobody] = [await freePort(), await freePort(), await freePort()];
    const service = serviceOf('balancer1');
    const replacements = {
      '/run/secrets/console-token': tokenFile,
      '/run/secrets/fleet-key': join(folder, secrets['fleet-key']?.file ?? ''),
      '@redis:6379': `@127.0.0.1:${nobody}`,
      'balancer1:9080': `127.0.0.1:${consolePort}`,
      'balancer2:9080': `127.0.0.1:${nobody}`,
    };
    const places = { MEERCAT_BIND: '127.0.0.1', MEERCAT_PORT: String(port), MEERCAT_CONSOLE_PORT: String(consolePort) };
    const balancer = containerProcess(imageCommand(service.command), { ...variablesOf(service, folder), ...places }, replacements);
    await withProcess(balancer, async (child) => {
      const statusOf = async (headers: Record<string, string> = {}): Promise<number> =>
        (await ask(consolePort, { path: '/metrics', headers })).status;
      await until(() => statusOf(), { timeoutMs: 60_000, what: () => `the console to answer\n${child.lines.join('\n')}` });
      assert.is(await statusOf(), 401);
      const authorization = `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`;
      await until(async () => (await statusOf({ authorization })) === 200, { timeoutMs: 60_000, what: 'metrics for who has the token' });
      const config = parse(replaceAll(SCRAPES, replacements)) as Record<string, unknown>;
      await withPrometheus(config, { 'meercat.rules.yml': readFileSync(RULES_FILE, 'utf8') }, (prometheus) =>
        until(
          async () =>
            (await prometheus.query('up * on (instance) meercat_build_info{namespace="meercat",balancer="balancer1"}')).length === 1,
          {
            timeoutMs: 60_000,
            everyMs: 200,
            what: () => `a scrape; Prometheus says:\n${prometheus.server.lines.join('\n')}`,
          },
        ),
      );
    });
  }));

test.run();
