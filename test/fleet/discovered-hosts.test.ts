// Hosts behind DNS names, in real balancers with a real DNS server: found, shared with the fleet, drained when their address
// goes, kept when DNS fails, and for a service by priority.

import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseStaticHost } from '../../lib/config/config.js';
import { freePort, until, withRedis } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { type DnsRecord, type DnsServerStage, withDnsServer } from '../support/dns-server.js';
import { applySite } from '../../lib/redis/site-store.js';
import { KEYS, NO_REDIS, SLOW_MS, type TestBalancer, withBalancer } from '../support/fleet.js';
import { ask } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';

const test = suite('discovered hosts');

/** A host that can be stopped; it answers with its address, and a path /slow when the test says so. */
interface LoopbackHost {
  readonly address: string;
  readonly slow: ServerResponse[];
  stop(): Promise<void>;
}

async function startHost(address: string, port: number): Promise<LoopbackHost> {
  const slow: ServerResponse[] = [];
  const handler: RequestListener = (request, response) => {
    if (request.url === '/slow') slow.push(response);
    else response.end(address);
  };
  const server = createServer(handler);
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
  return {
    address,
    slow,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** Hosts on 127.0.1.1 and so on, all on one port, as machines have it. */
async function withHosts(count: number, fn: (port: number, hosts: readonly LoopbackHost[]) => Promise<void>): Promise<void> {
  const port = await freePort();
  const hosts = await Promise.all(Array.from({ length: count }, (_, i) => startHost(`127.0.1.${i + 1}`, port)));
  try {
    await fn(port, hosts);
  } finally {
    await Promise.all(hosts.map((host) => host.stop()));
  }
}

const addresses = (...numbers: readonly number[]): DnsRecord[] => numbers.map((i) => ['A', `127.0.1.${i}`, 1]);

/** The hosts that answer, each asked at least once. */
async function answering({ port }: TestBalancer): Promise<string[]> {
  const seen = new Set<string>();
  for (let i = 0; i < 12; i++) {
    const { status, body } = await ask(port);
    seen.add(status === 200 ? body : String(status));
  }
  return [...seen].toSorted();
}

const flags = (dns: DnsServerStage, host: string) => ({ statics: [parseStaticHost(host)], dnsServers: [dns.address] });

test('a balancer alone finds all addresses of a name, follows them, and cuts nothing off', () =>
  withDnsServer((dns) =>
    withHosts(3, (port, hosts) => {
      dns.set('api.test A', addresses(1, 2));
      return withBalancer({ redis: [NO_REDIS], ...flags(dns, `dns+http://api.test:${port},name=api`) }, async (balancer) => {
        await balancer.knows(2);
        assert.equal(await answering(balancer), ['127.0.1.1', '127.0.1.2']);
        const slow = [ask(balancer.port, { path: '/slow' }), ask(balancer.port, { path: '/slow' })];
        await until(() => hosts.every(({ slow: held, address }) => held.length === 1 || address === '127.0.1.3'), {
          what: 'both requests',
        });
        dns.set('api.test A', addresses(2, 3));
        await until(async () => (await answering(balancer)).join() === '127.0.1.2,127.0.1.3', {
          timeoutMs: SLOW_MS,
          what: 'the new addresses',
        });
        for (const { slow: held, address } of hosts) for (const response of held) response.end(`late ${address}`);
        assert.equal((await Promise.all(slow)).map(({ body }) => body).toSorted(), ['late 127.0.1.1', 'late 127.0.1.2']);
      });
    }),
  ));

test('a pool of the site follows a name, at every balancer and under the ids of the pool', () =>
  withDnsServer((dns) =>
    withHosts(3, (port) =>
      withRedis((redis) =>
        withClients([redis.url], (client) => {
          dns.set('api.test A', addresses(1, 2));
          const options = { redis: [redis.url], dnsServers: [dns.address] };
          return withBalancer({ ...options, name: 'b1' }, (first) =>
            withBalancer({ ...options, name: 'b2' }, async (second) => {
              const document = `{ version: 1, pools: { api: { hosts: ['dns+http://api.test:${port}'] } }, routes: [{ to: api }] }`;
              const by = { expectedVersion: 'any', highestVersion: 0, by: 'ada', at: new Date() } as const;
              await applySite(client, KEYS, { document, ...by });
              for (const wanted of ['127.0.1.1,127.0.1.2', '127.0.1.2,127.0.1.3']) {
                for (const balancer of [first, second])
                  await until(async () => (await answering(balancer)).join() === wanted, { timeoutMs: SLOW_MS, what: wanted });
                dns.set('api.test A', addresses(2, 3));
              }
              let names: string[] = [];
              await until(
                async () => {
                  names = await client.zrange(KEYS.hosts, '0', '-1');
                  return names.length === 2 || undefined;
                },
                { timeoutMs: SLOW_MS, what: () => `two hosts, not ${names.join()}` },
              );
              assert.ok(
                names.every((name) => /^api\/api\.test-.*127\.0\.1\.[23]/.test(name)),
                names.join(),
              );
            }),
          );
        }),
      ),
    ),
  ));

test('a failing DNS changes nothing, is counted, and is said once', () =>
  withDnsServer((dns) =>
    withHosts(2, (port) => {
      dns.set('api.test A', addresses(1, 2));
      return withBalancer({ redis: [NO_REDIS], ...flags(dns, `dns+http://api.test:${port}`) }, async (balancer) => {
        await balancer.knows(2);
        for (const reply of ['nxdomain', 'servfail', []] as const) {
          dns.set('api.test A', reply);
          const before = balancer.counter('dns_lookups_failed');
          await until(() => balancer.counter('dns_lookups_failed') >= before + 2, { timeoutMs: SLOW_MS, what: 'two failures' });
          assert.equal(await answering(balancer), ['127.0.1.1', '127.0.1.2']);
        }
        assert.is(balancer.lines.filter((line) => line.includes('could not be resolved')).length, 1);
      });
    }),
  ));

test('a balancer whose DNS does not answer at first has its hosts when it does', () =>
  withDnsServer((dns) =>
    withHosts(1, async (port) => {
      dns.set('api.test A', 'silent');
      dns.set('api.test AAAA', 'silent');
      const { statics, dnsServers } = flags(dns, `dns+http://api.test:${port}`);
      const answered = until(() => dns.questions.length > 0, { what: 'the first question' }).then(() =>
        dns.set('api.test A', addresses(1)),
      );
      // The bracket waits for the host.
      await withBalancer({ redis: [NO_REDIS], statics, dnsServers }, async (balancer) => {
        await answered;
        assert.equal(await answering(balancer), ['127.0.1.1']);
      });
    }),
  ));

test('the whole fleet has the hosts that one balancer finds, and loses those whose address goes', () =>
  withRedis(({ url }) =>
    withDnsServer((dns) =>
      withHosts(3, (port) => {
        dns.set('api.test A', addresses(1, 2));
        return withBalancer({ redis: [url], name: 'b1' }, async (first) => {
          await first.becomes('master');
          await withBalancer({ redis: [url], name: 'b2', ...flags(dns, `dns+http://api.test:${port},name=api`) }, async (second) => {
            for (const each of [first, second]) {
              await each.knows(2);
              await until(async () => (await answering(each)).join() === '127.0.1.1,127.0.1.2', { timeoutMs: SLOW_MS, what: 'both hosts' });
            }
            await withClients([url], async (client) => {
              const [name, agent] = await client.hmget('test:host:api-127.0.1.1', 'url', 'agent');
              assert.equal([name, agent], [`http://127.0.1.1:${port}`, 'no']);
            });
            dns.set('api.test A', addresses(2, 3));
            for (const each of [first, second])
              await until(async () => (await answering(each)).join() === '127.0.1.2,127.0.1.3', {
                timeoutMs: SLOW_MS,
                what: 'the new addresses',
              });
          });
        });
      }),
    ),
  ));

test('a master that finds hosts itself names them before any other balancer is heard', () =>
  withRedis(({ url }) =>
    withDnsServer((dns) =>
      withHosts(1, (port) => {
        dns.set('api.test A', addresses(1));
        return withBalancer({ redis: [url], ...flags(dns, `dns+http://api.test:${port},name=api`) }, async (balancer) => {
          await balancer.becomes('master');
          await withClients([url], (client) =>
            until(() => client.exists('test:host:api-127.0.1.1').then((count) => count === 1), {
              timeoutMs: SLOW_MS,
              what: 'the host in Redis',
            }),
          );
          assert.equal(await answering(balancer), ['127.0.1.1']);
        });
      }),
    ),
  ));

test('over TLS a host is verified under its DNS name, by every balancer and by checks', () =>
  withRedis(({ url }) =>
    withDnsServer((dns) =>
      withCertificates(async (certificates) => {
        const { cert, key } = certificates.issue('api', { names: ['api.test'] });
        const names = new Set<string>();
        const server = createTlsServer({ cert, key }, (request, response) => {
          const { servername } = request.socket as TLSSocket;
          names.add(`${request.url} ${String(servername)} ${request.url === '/check' ? request.headers.host : ''}`.trim());
          response.end('secure');
        });
        server.on('tlsClientError', () => undefined);
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const { port } = server.address() as AddressInfo;
        dns.set('api.test A', [['A', '127.0.0.1', 1]]);
        const config = { redis: [url], hostCa: certificates.caFile, healthPath: '/check', healthIntervalMs: 100 };
        try {
          await withBalancer({ ...config, name: 'b1' }, async (first) => {
            await first.becomes('master');
            await withBalancer({ ...config, name: 'b2', ...flags(dns, `dns+https://api.test:${port}`) }, async (second) => {
              for (const each of [first, second]) {
                await each.knows(1);
                await until(async () => (await answering(each)).join() === 'secure', { timeoutMs: SLOW_MS, what: 'answers' });
              }
              await until(() => names.size === 2, { timeoutMs: SLOW_MS, what: 'a check' });
              assert.equal([...names].toSorted(), ['/ api.test', `/check api.test api.test:${port}`]);
            });
          });
        } finally {
          server.closeAllConnections();
          server.close();
        }
      }),
    ),
  ));

/** Runs with a Redis, or with an address where none is. */
const withMaybeRedis = (isThere: boolean, fn: (url: string) => Promise<void>): Promise<void> =>
  isThere ? withRedis(({ url }) => fn(url)) : fn(NO_REDIS);

for (const hasMaster of [true, false]) {
  test(`of a service the first priority serves; when it is dead the next one does, until it is back (${hasMaster ? 'checked by a master' : 'without Redis'})`, () =>
    withMaybeRedis(hasMaster, (url) =>
      withDnsServer((dns) =>
        withHosts(2, (port, hosts) => {
          dns.set('_api._tcp.test SRV', [
            ['SRV', [1, 1, port, 'main.test'], 1],
            ['SRV', [2, 1, port, 'spare.test'], 1],
          ]);
          dns.set('main.test A', addresses(1));
          dns.set('spare.test A', addresses(2));
          const config = {
            redis: [url],
            healthIntervalMs: 200,
            healthTimeoutMs: 1000,
            ...flags(dns, 'srv+http://_api._tcp.test,name=api'),
          };
          return withBalancer(config, async (balancer) => {
            if (hasMaster) await balancer.becomes('master');
            assert.equal(await answering(balancer), ['127.0.1.1']);
            await hosts[0]?.stop();
            await until(async () => (await answering(balancer)).join() === '127.0.1.2', { timeoutMs: SLOW_MS, what: 'the spare host' });
            const back = await startHost('127.0.1.1', port);
            try {
              await until(async () => (await answering(balancer)).join() === '127.0.1.1', { timeoutMs: SLOW_MS, what: 'the first one' });
            } finally {
              await back.stop();
            }
          });
        }),
      ),
    ));
}

test.run();
