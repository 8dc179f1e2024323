// Hosts that are known by a DNS name: which of its addresses connections go to, and that they follow the name under
// steady traffic. The lookups are the test's own; the addresses are all of loopback.

import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { monotonicClock, SECOND } from '../../../lib/clock.js';
import { type Address, HostAddresses, type Lookup } from '../../../lib/health/host-addresses.js';
import { startHostChecks } from '../../../lib/health/host-checks.js';
import { probeHost } from '../../../lib/health/probe-host.js';
import { healthByPool } from '../../../lib/config/pool-rules.js';
import { TRAFFIC_DEFAULTS, type TrafficConfig } from '../../../lib/config/traffic-config.js';
import { TableWriter } from '../../../lib/table/writer.js';
import { startTraffic } from '../../../lib/traffic/server.js';
import { until } from '../../support/brackets.js';
import { withCertificates } from '../../support/certificates.js';
import { withBalancer } from '../../support/fleet.js';
import { ask } from '../../support/http-client.js';
import { buildTrafficStage } from '../../support/traffic-context.js';

const test = suite('named hosts');

/** Servers that answer with their own address, on one port of several loopback addresses. */
async function withAddresses(
  addresses: readonly string[],
  fn: (port: number) => Promise<void>,
  make: (address: string) => Server = plain,
): Promise<void> {
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  let port = 0;
  try {
    for (const address of addresses) {
      const server = make(address).on('connection', (socket: Socket) => void sockets.add(socket));
      servers.push(server);
      await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
      ({ port } = server.address() as AddressInfo);
    }
    await fn(port);
  } finally {
    for (const socket of sockets) socket.destroy();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }
}

const plain = (address: string): Server => createServer((_request, response) => void response.end(address));

/** A lookup that gives what `names` has at that moment. */
const lookupIn =
  (names: { found: readonly string[] }): Lookup =>
  async () =>
    names.found.map((address): Address => ({ address, family: 4 }));

/** Traffic to one host, `http://app.internal`; `later` moves the clock on. */
async function withNamedHost(
  port: number,
  names: { found: readonly string[] },
  fn: (stage: { port: number; later: (ms: number) => void; said: readonly string[]; count: (name: string) => number }) => Promise<void>,
  overrides: Partial<TrafficConfig> = {},
): Promise<void> {
  const real = monotonicClock();
  let aheadMs = 0;
  const clock = (): number => real() + aheadMs;
  const stage = buildTrafficStage(clock, { hostKeepAliveTimeoutMs: 10 * 60 * SECOND, ...overrides }, undefined, lookupIn(names));
  const { columns, hosts, deadlines, context, config } = stage;
  const writer = new TableWriter(columns, () => undefined);
  for (const added of writer.setStatics([{ name: 'app', url: `http://app.internal:${port}` }]).added) hosts.add(added);
  writer.rebuildCandidates(clock());
  const traffic = await startTraffic({ port: 0, bind: '127.0.0.1', config, context, deadlines, tls: undefined, log: () => undefined });
  traffic.open();
  try {
    await fn({
      port: traffic.port,
      later: (ms) => void (aheadMs += ms),
      said: stage.said,
      count: (name) => (stage.counts() as Record<string, number>)[name] ?? 0,
    });
  } finally {
    await traffic.drain(0);
    stage.stop();
  }
}

/** The addresses that answered this many requests, one after the other. */
async function answers(port: number, requests: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (let i = 0; i < requests; i++) {
    const { status, body } = await ask(port);
    const key = status === 200 ? body : `${status} ${body.trim()}`;
    counts[key] = (counts[key] ?? 0) + 1;
  }
  return counts;
}

test('under steady traffic on kept connections, a name that changes is followed within 30 s, and its old address is left', () =>
  withAddresses(['127.0.0.2', '127.0.0.3'], async (hostPort) => {
    const names = { found: ['127.0.0.2'] };
    await withNamedHost(hostPort, names, async ({ port, later, said }) => {
      assert.equal(await answers(port, 10), { '127.0.0.2': 10 });
      names.found = ['127.0.0.3'];
      later(30 * SECOND);
      await until(() => said.length > 0, { what: 'the new address' });
      assert.equal(await answers(port, 20), { '127.0.0.3': 20 });
      assert.equal(said, ['app is at 127.0.0.3']);
      // Back again, while all lookups fail: nothing changes.
      names.found = [];
      later(30 * SECOND);
      await new Promise((resolve) => setTimeout(resolve, 600));
      assert.equal(await answers(port, 5), { '127.0.0.3': 5 });
    });
  }));

test('a request in flight on an address that the name has left is finished, and its connection not used again', async () => {
  let finish: (() => void) | undefined;
  const slow = (address: string): Server =>
    createServer((request, response) => {
      if (request.url === '/slow') finish = () => void response.end(`slow ${address}`);
      else response.end(address);
    });
  await withAddresses(
    ['127.0.0.2', '127.0.0.3'],
    async (hostPort) => {
      const names = { found: ['127.0.0.2'] };
      await withNamedHost(
        hostPort,
        names,
        async ({ port, later, said }) => {
          const inFlight = ask(port, { path: '/slow' });
          await until(() => finish !== undefined);
          names.found = ['127.0.0.3'];
          later(30 * SECOND);
          await until(() => said.length > 0);
          finish?.();
          assert.is((await inFlight).body, 'slow 127.0.0.2');
          assert.equal(await answers(port, 5), { '127.0.0.3': 5 });
        },
        { responseTimeoutMs: 10 * 60 * SECOND },
      );
    },
    slow,
  );
});

test('new connections are spread over all addresses of a name', () =>
  withAddresses(['127.0.0.2', '127.0.0.3', '127.0.0.4'], async (hostPort) => {
    const names = { found: ['127.0.0.2', '127.0.0.3', '127.0.0.4'] };
    // No connection is kept.
    await withNamedHost(
      hostPort,
      names,
      async ({ port }) => {
        assert.equal(await answers(port, 30), { '127.0.0.2': 10, '127.0.0.3': 10, '127.0.0.4': 10 });
      },
      { hostKeepAliveTimeoutMs: 0 },
    );
  }));

test('an address that refuses fails no request and does not count against the host while another one answers', () =>
  withAddresses(['127.0.0.3'], async (hostPort) => {
    const names = { found: ['127.0.0.2', '127.0.0.3', '127.0.0.4'] };
    await withNamedHost(
      hostPort,
      names,
      async ({ port, count }) => {
        assert.equal(await answers(port, 30), { '127.0.0.3': 30 });
        assert.equal(['requests_retried', 'hosts_connect_failed', 'ejections_connect_failed'].map(count), [0, 0, 0]);
      },
      { hostKeepAliveTimeoutMs: 0 },
    );
  }));

test('a host with no answering address has failed, and is found again once its name resolves elsewhere', () =>
  withAddresses(['127.0.0.4'], async (hostPort) => {
    const names = { found: ['127.0.0.2', '127.0.0.3'] };
    await withNamedHost(hostPort, names, async ({ port, count }) => {
      assert.is((await ask(port)).status, 502);
      assert.is(count('hosts_connect_failed'), 1);
      names.found = ['127.0.0.4'];
      // No clock is moved: that no address answered is reason enough to look again.
      await until(async () => (await ask(port)).body === '127.0.0.4', { timeoutMs: 10_000, what: 'the new address' });
    });
  }));

test('a host with TLS is reached at another address of its name, and verified by its name', () =>
  withCertificates(async ({ issue, caFile }) => {
    const { cert, key } = issue('app', { names: ['app.internal'] });
    const secure = (address: string): Server =>
      createTlsServer({ cert, key }, (_request, response) => void response.end(address)) as unknown as Server;
    await withAddresses(
      ['127.0.0.3'],
      async (port) => {
        const lookup = lookupIn({ found: ['127.0.0.2', '127.0.0.3'] });
        await withBalancer(
          { statics: [{ name: 'app', url: `https://app.internal:${port}` }], hostCa: caFile },
          async (balancer) => {
            for (let i = 0; i < 3; i++) assert.is((await ask(balancer.port)).body, '127.0.0.3');
          },
          undefined,
          lookup,
        );
      },
      secure,
    );
  }));

test('a check finds a host well when one of its addresses is, with a path or without', () =>
  withAddresses(['127.0.0.3'], async (port) => {
    const addresses = (...found: readonly string[]) =>
      HostAddresses.of(new URL('http://app.internal'), lookupIn({ found }), monotonicClock());
    const tls = { ca: undefined, isInsecure: false };
    for (const path of ['', '/']) {
      assert.is(
        await probeHost(
          `http://app.internal:${port}`,
          { ...TRAFFIC_DEFAULTS, healthPath: path, healthTimeoutMs: 5000 },
          tls,
          addresses('127.0.0.2', '127.0.0.3'),
        ),
        true,
        path,
      );
      assert.is(
        await probeHost(
          `http://app.internal:${port}`,
          { ...TRAFFIC_DEFAULTS, healthPath: path, healthTimeoutMs: 5000 },
          tls,
          addresses('127.0.0.2', '127.0.0.4'),
        ),
        false,
        path,
      );
      assert.is(
        await probeHost(`http://app.internal:${port}`, { ...TRAFFIC_DEFAULTS, healthPath: path, healthTimeoutMs: 5000 }, tls, addresses()),
        false,
        path,
      );
    }
  }));

test('checks follow a host that has moved as soon as its old address fails', () =>
  withAddresses(['127.0.0.3'], async (port) => {
    const names = { found: ['127.0.0.2'] };
    const failed: string[] = [];
    let isWell = false;
    const checks = startHostChecks({
      rules: () => healthByPool(null, { ...TRAFFIC_DEFAULTS, healthIntervalMs: 100, healthPath: '/' }),
      tls: { ca: undefined, isInsecure: false },
      clock: monotonicClock(),
      lookup: lookupIn(names),
      hosts: () => [{ name: 'app', url: `http://app.internal:${port}` }],
      onChecked: ({ name }, isGood) => void (isGood ? (isWell = true) : failed.push(name)),
    });
    try {
      await until(() => failed.length > 0, { what: 'a check that fails' });
      names.found = ['127.0.0.3'];
      await until(() => isWell, { timeoutMs: 10_000, what: 'a check that passes' });
    } finally {
      checks.stop();
    }
  }));

test.run();
