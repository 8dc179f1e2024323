// Where the secret of sticky cookies comes from: the fleet key, and its change; a file where Redis is away; nowhere, and then
// there are no cookies. Also the answers that carry a cookie over a retry and a switch of protocols.

import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { newFleetKey } from '../../lib/redis/fleet-key.js';
import { until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { KEYS, SLOW_MS, withBalancer } from '../support/fleet.js';
import { ask, RawClient } from '../support/http-client.js';
import { withClients } from '../support/redis-client.js';
import { applyTo, askWith, COOKIE, cookieIn, firstCookie, hostsOf, stays, withHosts } from '../support/sticky-fleet.js';

const test = suite('secrets of sticky cookies');

const siteOf = (urls: ReadonlyMap<string, string>): string =>
  `version: 1\npools: { web: { hosts: ${hostsOf(urls)}, affinity: { cookie: ${COOKIE} } } }\nroutes: [{ to: web }]\n`;

const NAMES = ['a', 'b', 'c'];

const SLOW = { timeoutMs: SLOW_MS, everyMs: 20 };

test('with a fleet key the secret is derived from it, nothing stands in Redis, and cookies outlive the change of the key', () =>
  withTempDir((folder) =>
    withHosts(NAMES, (urls) =>
      withRedis((redis) =>
        withClients([redis.url], async (client) => {
          const [old, next] = [newFleetKey(), newFleetKey()];
          const fleetKeyFile = join(folder, 'key');
          const siteFile = join(folder, 'site.yaml');
          await writeFile(fleetKeyFile, old, { mode: 0o600 });
          await writeFile(siteFile, siteOf(urls));
          const flags = { redis: [redis.url], fleetKeyFile, siteFile };
          await withBalancer({ ...flags, name: 'b1' }, (first) =>
            withBalancer({ ...flags, name: 'b2' }, async (second) => {
              const all = [first, second];
              const giveKeys = async (...keys: string[]): Promise<void> => {
                await writeFile(`${fleetKeyFile}.new`, keys.join('\n'), { mode: 0o600 });
                await rename(`${fleetKeyFile}.new`, fleetKeyFile);
                for (const { balancer } of all) balancer.reloadFleetKey();
              };
              const { cookie, body } = await firstCookie(first);
              await firstCookie(second);
              await stays(all, cookie, body);
              assert.is(await client.exists(KEYS.secret), 0);
              await giveKeys(next, old);
              const renewed = await until(async () => {
                const answer = await askWith(second.port, cookie);
                assert.is(answer.body, body);
                return cookieIn(answer);
              }, SLOW);
              await giveKeys(next);
              await until(async () => cookieIn(await askWith(second.port, cookie)) !== undefined || undefined, SLOW);
              await stays(all, renewed, body);
              assert.ok(second.counter('sticky_forged') > 0, 'the old one is forged now');
            }),
          );
        }),
      ),
    ),
  ));

test('while a fleet key is introduced, balancers with and without it honour each other’s cookies', () =>
  withTempDir((folder) =>
    withHosts(NAMES, (urls) =>
      withRedis((redis) =>
        withClients([redis.url], async (client) => {
          const fleetKeyFile = join(folder, 'key');
          await writeFile(fleetKeyFile, `${newFleetKey()}\naccept-unsigned\n`, { mode: 0o600 });
          await withBalancer({ redis: [redis.url], name: 'b1' }, (first) =>
            withBalancer({ redis: [redis.url], name: 'b2', fleetKeyFile }, async (second) => {
              await applyTo(client, [first, second], siteOf(urls));
              await firstCookie(first);
              // Until it has read the shared secret, it signs with the key that it has.
              const { cookie, body } = await until(async () => {
                const made = await firstCookie(second);
                return cookieIn(await askWith(first.port, made.cookie)) === undefined ? made : undefined;
              }, SLOW);
              await stays([first, second], cookie, body);
            }),
          );
        }),
      ),
    ),
  ));

test('a balancer that starts without Redis honours cookies by the file in --state-dir; without one it sets none', () =>
  withTempDir((stateDir) =>
    withHosts(NAMES, (urls) =>
      withRedis(async (redis) => {
        const siteFile = join(stateDir, 'site.yaml');
        const secretFile = join(stateDir, `${KEYS.namespace}.secret`);
        await writeFile(siteFile, siteOf(urls));
        const known = await withBalancer({ redis: [redis.url], name: 'b1', siteFile, stateDir }, async (each) => {
          const first = await firstCookie(each);
          await until(() => stat(secretFile).catch(() => undefined), SLOW);
          return first;
        });
        // oxlint-disable-next-line no-bitwise -- the permissions are bits
        assert.is((await stat(secretFile)).mode & 0o777, 0o600);
        assert.match(await readFile(secretFile, 'latin1'), /^[0-9a-f]{64}\n$/);
        await withBalancer({ name: 'b1', siteFile, stateDir }, (each) => stays([each], known.cookie, known.body));
        await writeFile(secretFile, 'no secret');
        for (const folder of ['', stateDir])
          await withBalancer({ name: 'b1', siteFile, stateDir: folder }, async (each) => {
            const bodies = new Set<string>();
            for (let i = 0; i < 6; i++) {
              const answer = await askWith(each.port, known.cookie);
              assert.is(cookieIn(answer), undefined);
              bodies.add(answer.body);
            }
            assert.is(bodies.size, NAMES.length, 'each request is picked a host');
            assert.is(
              each.lines.some((line) => line.includes('it holds no secret')),
              folder !== '',
            );
          });
      }),
    ),
  ));

/** A balancer by itself, with a site and a secret. */
async function withAlone(urls: ReadonlyMap<string, string>, fn: (port: number) => Promise<void>): Promise<void> {
  await withTempDir(async (folder) => {
    const [fleetKeyFile, siteFile] = [join(folder, 'key'), join(folder, 'site.yaml')];
    await writeFile(fleetKeyFile, newFleetKey(), { mode: 0o600 });
    await writeFile(siteFile, siteOf(urls));
    await withBalancer({ fleetKeyFile, siteFile }, async (each) => {
      await firstCookie(each);
      await fn(each.port);
    });
  });
}

test('a client whose host refuses connections is answered by another one, with its cookie', () =>
  withHosts(['a'], async (urls) => {
    await withServer(
      (_request, response) => void response.end('b'),
      async (doomed) => {
        await withAlone(new Map([...urls, ['b', doomed.url]]), async (balancer) => {
          const cookie = await until(async () => {
            const answer = await ask(balancer);
            return answer.body === 'b' ? cookieIn(answer) : undefined;
          });
          assert.is((await askWith(balancer, cookie)).body, 'b');
          await new Promise((resolve) => {
            doomed.server.close(resolve);
            doomed.server.closeAllConnections();
          });
          const answer = await askWith(balancer, cookie);
          assert.is(answer.body, 'a');
          assert.is((await askWith(balancer, cookieIn(answer) as string)).body, 'a');
        });
      },
    );
  }));

test('the answer that switches protocols sets the cookie, and later requests come to that host', () =>
  withHosts(['a', 'b'], async (urls) => {
    await withServer(
      (_request, response) => void response.end('ws'),
      async ({ url, server }) => {
        server.on('upgrade', (_request, socket) => void socket.end('HTTP/1.1 101 OK\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello'));
        await withAlone(new Map([...urls, ['ws', url]]), async (port) => {
          const offer = (cookie: string): RawClient =>
            new RawClient(port).send(`GET / HTTP/1.1\r\nHost: x\r\n${cookie}Connection: Upgrade\r\nUpgrade: echo\r\n\r\n`);
          const cookie = await until(async () => {
            const client = offer('');
            await until(() => client.isClosed || client.hasEnded || client.text.includes('\r\n\r\n'), SLOW);
            client.socket.destroy();
            return client.text.startsWith('HTTP/1.1 101')
              ? (/\r\nSet-Cookie: (MEERCATID=[^;]+);/.exec(client.text)?.[1] ?? 'none')
              : undefined;
          }, SLOW);
          assert.is((await askWith(port, cookie)).body, 'ws');
          const again = offer(`Cookie: ${cookie}\r\n`);
          await until(() => again.text.includes('hello'), SLOW);
          assert.is(again.text.includes('Set-Cookie'), false);
          again.socket.destroy();
        });
      },
    );
  }));

test.run();
