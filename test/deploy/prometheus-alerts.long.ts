// The shipped alerts by a real Prometheus, which scrapes real balancers: each fires when its cause is made, and ends with it.
// The expressions are those of the file; only the times that they take are shortened.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type TestRedis, type TestServer, until, withRedis, withServer } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { KEYS, SHORT_LEASE_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { type FiringAlert, PROMETHEUS, RULES_FILE, type TestPrometheus, withPrometheus } from '../support/prometheus.js';
import { withClients } from '../support/redis-client.js';

const test = suite('prometheus alerts');

/** How long an alert may take on a busy machine. */
const PATIENCE_MS = 90_000;

/** What operators are promised alerts of. */
const PROMISED = [
  'MeercatNoMaster',
  'MeercatHostDown',
  'MeercatPanic',
  'MeercatTableOld',
  'MeercatRedisAway',
  'MeercatErrors',
  'MeercatSlow',
  'MeercatCertificateExpires',
] as const;

type Promised = (typeof PROMISED)[number];

/** The shipped rules, but each alert waits 1 s, and rates are those of the last 10 s. */
const SHORT_RULES = readFileSync(RULES_FILE, 'utf8')
  .replaceAll(/\[\d+m\]/g, '[10s]')
  .replaceAll(/^( +for:) .*$/gm, (_line, key: string) => `${key} 1s`);

/** A Prometheus that watches balancers. */
interface Watch {
  /** Resolves when the alert fires, to all its instances. */
  fires(alert: Promised): Promise<FiringAlert[]>;
  /** Resolves when it neither fires nor is about to. */
  ends(alert: Promised): Promise<void>;
  /** The promised alerts that fire now. */
  firing(): Promise<string[]>;
}

function watchBy(prometheus: TestPrometheus): Watch {
  const alertsOf = async (alert: Promised): Promise<FiringAlert[]> =>
    (await prometheus.alerts()).filter(({ labels }) => labels['alertname'] === alert);
  const patience = (what: string) => ({
    timeoutMs: PATIENCE_MS,
    everyMs: 200,
    what: () => `${what}; Prometheus says:\n${prometheus.server.lines.join('\n')}`,
  });
  return {
    fires: (alert) =>
      until(
        async () => {
          const found = (await alertsOf(alert)).filter(({ state }) => state === 'firing');
          return found.length > 0 && found;
        },
        patience(`${alert} to fire`),
      ),
    async ends(alert) {
      await until(async () => (await alertsOf(alert)).length === 0, patience(`${alert} to end`));
    },
    async firing() {
      const names = (await prometheus.alerts()).filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname'] ?? '');
      return [...new Set(names)].filter((name) => PROMISED.some((each) => each === name)).toSorted();
    },
  };
}

/** Watches these balancers, and hands the watch out when it has scraped each of them. */
function withWatch<T>(balancers: readonly TestBalancer[], fn: (watch: Watch) => Promise<T>): Promise<T> {
  const config = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    rule_files: ['rules.yml'],
    scrape_configs: balancers.map(({ name, balancer }) => ({
      job_name: `meercat-${name}`,
      static_configs: [{ targets: [`127.0.0.1:${balancer.consolePort}`], labels: { namespace: 'test', instance: name } }],
    })),
  };
  return withPrometheus(config, { 'rules.yml': SHORT_RULES }, async (prometheus) => {
    await until(async () => (await prometheus.query('meercat_build_info')).length === balancers.length, {
      timeoutMs: PATIENCE_MS,
      what: 'a scrape of each balancer',
    });
    return fn(watchBy(prometheus));
  });
}

interface Stage {
  readonly redis: TestRedis;
  readonly master: TestBalancer;
  readonly slave: TestBalancer;
  readonly hosts: readonly TestServer[];
  readonly watch: Watch;
}

/** How long a host takes for `/slow`: more than the limit of the alert, 1 s. */
const SLOW_ANSWER_MS = 1500;

/** Hosts: `/bad` is answered 500, `/slow` late, all else at once. */
function withHosts<T>(count: number, fn: (hosts: readonly TestServer[]) => Promise<T>, found: readonly TestServer[] = []): Promise<T> {
  if (count === 0) return fn(found);
  return withServer(
    ({ url }, response) => {
      response.statusCode = url === '/bad' ? 500 : 200;
      setTimeout(() => response.end('hello'), url === '/slow' ? SLOW_ANSWER_MS : 0);
    },
    (host) => withHosts(count - 1, fn, [...found, host]),
  );
}

/** A master and a slave with three hosts that they check, a Redis, and a Prometheus by which all is well. */
async function withStage(fn: (stage: Stage) => Promise<void>): Promise<void> {
  if (PROMETHEUS === null) return;
  await withRedis((redis) =>
    withHosts(3, async (hosts) => {
      const statics = hosts.map(({ url }, index) => ({ name: `h${index + 1}`, url }));
      const config = { redis: [redis.url], statics, leaseTtlMs: SHORT_LEASE_MS, healthIntervalMs: 200 };
      await withBalancer({ ...config, name: 'b1' }, async (master) => {
        await master.becomes('master');
        await withBalancer({ ...config, name: 'b2' }, (slave) =>
          withWatch([master, slave], async (watch) => {
            // What happened while the fleet started is over.
            for (const alert of PROMISED) await watch.ends(alert);
            await fn({ redis, master, slave, hosts, watch });
          }),
        );
      });
    }),
  );
}

/** The values of a label of alerts. */
const labelOf = (alerts: readonly FiringAlert[], label: string): string[] => alerts.map(({ labels }) => labels[label] ?? '').toSorted();

/** Sends requests to a balancer meanwhile, one after the other. */
async function withRequests<T>({ port }: TestBalancer, paths: readonly string[], fn: () => Promise<T>): Promise<T> {
  const over = new AbortController();
  const client = async (): Promise<void> => {
    while (!over.signal.aborted) for (const path of paths) await ask(port, { path });
  };
  const running = client();
  try {
    return await fn();
  } finally {
    over.abort();
    await running;
  }
}

const close = ({ server }: TestServer): void => {
  server.close();
  server.closeAllConnections();
};

const open = ({ server, port }: TestServer): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));

test('a host that is down fires, most hosts down is panic, and both end when the hosts are back', () =>
  withStage(async ({ hosts: [, second, third], watch }) => {
    close(second as TestServer);
    const down = await watch.fires('MeercatHostDown');
    assert.equal(labelOf(down, 'host'), ['h2']);
    assert.equal(await watch.firing(), ['MeercatHostDown']);
    close(third as TestServer);
    const panic = await watch.fires('MeercatPanic');
    assert.equal(labelOf(panic, 'pool'), ['default']);
    for (const host of [second, third]) await open(host as TestServer);
    await watch.ends('MeercatPanic');
    await watch.ends('MeercatHostDown');
  }));

test('a lease that no balancer can have fires: no master and an old table, but Redis is there', () =>
  withStage(async ({ redis, watch }) => {
    await withClients([redis.url], async (client) => {
      await client.set(KEYS.lease, 'of somebody else', 'PX', 60_000);
      const [alert] = await watch.fires('MeercatNoMaster');
      assert.is(alert?.labels['namespace'], 'test');
      await watch.fires('MeercatTableOld');
      assert.equal(await watch.firing(), ['MeercatNoMaster', 'MeercatTableOld']);
      await client.del(KEYS.lease);
      await watch.ends('MeercatNoMaster');
      await watch.ends('MeercatTableOld');
    });
  }));

test('a Redis that is away fires for each balancer, and ends when it is back', () =>
  withStage(async ({ redis, watch }) => {
    await redis.kill();
    await watch.fires('MeercatRedisAway');
    await watch.fires('MeercatNoMaster');
    await watch.fires('MeercatTableOld');
    await until(async () => labelOf(await watch.fires('MeercatRedisAway'), 'instance').join() === 'b1,b2', { timeoutMs: PATIENCE_MS });
    await redis.restart();
    await watch.ends('MeercatRedisAway');
    await watch.ends('MeercatNoMaster');
    await watch.ends('MeercatTableOld');
  }));

test('a share of errors fires, and ends when requests are answered again', () =>
  withStage(async ({ slave, watch }) => {
    await withRequests(slave, ['/', '/', '/bad'], async () => {
      const errors = await watch.fires('MeercatErrors');
      assert.equal(labelOf(errors, 'pool'), ['default']);
    });
    await withRequests(slave, ['/'], () => watch.ends('MeercatErrors'));
  }));

test('a slow p99 fires, and ends when answers are quick again', () =>
  withStage(async ({ slave, watch }) => {
    await withRequests(slave, ['/', '/slow'], async () => {
      const slow = await watch.fires('MeercatSlow');
      assert.equal(labelOf(slow, 'pool'), ['default']);
      assert.equal(await watch.firing(), ['MeercatSlow']);
    });
    await withRequests(slave, ['/'], () => watch.ends('MeercatSlow'));
  }));

test('a certificate that expires in less than two weeks fires, and one of a month does not', async () => {
  if (PROMETHEUS === null) return;
  await withCertificates(async ({ issue }) => {
    const old = issue('old', { names: ['old.example'], validMs: 86_400_000 });
    const fresh = issue('fresh', { names: ['fresh.example'], validMs: 30 * 86_400_000 });
    const files = { tlsCerts: [old.certFile, fresh.certFile], tlsKeys: [old.keyFile, fresh.keyFile] };
    await withBalancer({ ...files, name: 'b1' }, (secure) =>
      withWatch([secure], async (watch) => {
        const alerts = await watch.fires('MeercatCertificateExpires');
        assert.equal(labelOf(alerts, 'certificate'), ['old.pem']);
      }),
    );
  });
});

test.run();
