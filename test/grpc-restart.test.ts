// A rolling restart under calls of gRPC, by real clients: of the balancers (`meercat restart`), and of the hosts behind
// one. No call fails.

import { writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { until, withRedis, withTempDir } from './support/brackets.js';
import { withBalancer } from './support/fleet.js';
import { freePortsInRow, withFleet } from './support/fleet-process.js';
import { withGrpcClient } from './support/grpc-client.js';
import { type GrpcCallLoad, startGrpcLoad } from './support/grpc-load.js';
import { echoMethods, type GrpcHost, startGrpcHost, withGrpcHost } from './support/grpc-host.js';
import { ended, withMeercat } from './support/meercat.js';

const test = suite('gRPC through restarts');

/** Two drains, two starts, on a busy machine. */
const BUSY_MS = 90_000;

const goesOn = async (load: GrpcCallLoad): Promise<void> => {
  const soFar = load.ended();
  const failed = (): string => load.failures.slice(0, 5).join('; ');
  await until(
    () => load.failures.length > 0 || Object.entries(load.ended()).every(([kind, count]) => count > (soFar[kind] as number) + 20),
    {
      timeoutMs: BUSY_MS,
      what: () => `calls to go on: ${JSON.stringify(load.ended())}`,
    },
  );
  assert.is(failed(), '');
};

/** Waits until a balancer knows the hosts of the site. */
const serves = (port: number): Promise<unknown> =>
  withGrpcClient(port, (client) =>
    until(async () => (await client.unary('x').end).code === 0, { timeoutMs: BUSY_MS, what: `port ${port} to serve` }),
  );

/** The pool's hosts are named by http: its protocol says that they speak HTTP/2. */
const siteOf = (...hosts: readonly GrpcHost[]): string => `version: 1
pools:
  echo:
    protocol: h2
    hosts: [${hosts.map(({ port }) => `http://127.0.0.1:${port}`).join(', ')}]
routes:
  - match: { path: /test.Echo }
    to: echo
`;

test('while the balancers are restarted one after the other, no call fails, unary or streaming', () =>
  withTempDir((dir) =>
    withRedis(({ url: redis }) =>
      withGrpcHost(echoMethods('a'), (a) =>
        withGrpcHost(echoMethods('b'), async (b) => {
          writeFileSync(`${dir}/site.yaml`, siteOf(a, b));
          const port = await freePortsInRow(2);
          await withFleet(
            ['--balancers', '2', '--port', String(port), '--redis', redis, '--site', `${dir}/site.yaml`],
            async (fleet) => {
              await fleet.ready();
              await serves(port);
              await serves(port + 1);
              const load = startGrpcLoad([port, port + 1], 4);
              try {
                await goesOn(load);
                await withMeercat(['restart', '--redis', redis], async (command) => {
                  assert.equal(await ended(command, BUSY_MS), { code: 0, signal: null }, command.lines.join('\n'));
                });
                await goesOn(load);
              } finally {
                await load.stop();
              }
              assert.equal(load.failures.slice(0, 5), [], `of ${JSON.stringify(load.ended())}`);
              assert.ok(a.calls > 0 && b.calls > 0);
            },
            { env: { MEERCAT_H2C: 'true' } },
          );
        }),
      ),
    ),
  ));

test('hosts that are restarted gracefully, one after the other, lose no call', async () => {
  const names = ['a', 'b'];
  const hosts: GrpcHost[] = [];
  for (const name of names) hosts.push(await startGrpcHost(echoMethods(name)));
  try {
    const statics = hosts.map(({ url }, i) => ({ name: names[i] as string, url }));
    await withBalancer({ statics, isH2cAccepted: true, healthIntervalMs: 200, ejectTimeMs: 200 }, async ({ port }) => {
      const load = startGrpcLoad([port], 4);
      try {
        for (const [i, name] of names.entries()) {
          await goesOn(load);
          const { port: same } = hosts[i] as GrpcHost;
          await (hosts[i] as GrpcHost).leave();
          hosts[i] = await startGrpcHost(echoMethods(name), { port: same });
          await until(() => (hosts[i] as GrpcHost).calls > 20, { timeoutMs: BUSY_MS, what: `calls to ${name} after its restart` });
        }
        await goesOn(load);
      } finally {
        await load.stop();
      }
      assert.equal(load.failures.slice(0, 5), [], `of ${JSON.stringify(load.ended())}`);
    });
  } finally {
    for (const host of hosts) host.crash();
  }
});

test.run();
