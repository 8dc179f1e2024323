// A pool that speaks HTTP/2 in a whole fleet: agents whose URLs begin with http:// are asked and served over HTTP/2, and
// gRPC's health service takes a host out on every balancer, whatever its agent says.

import { writeFileSync } from 'node:fs';
import type { ServerHttp2Stream } from 'node:http2';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readFleet } from '../../lib/redis/fleet-view.js';
import { until, withRedis, withTempDir } from '../support/brackets.js';
import { KEYS, NO_REDIS, picksOnly, publishReport, SLOW_MS, withBalancer } from '../support/fleet.js';
import { answer, withHttp2Host } from '../support/http2-host.js';
import { withClients } from '../support/redis-client.js';

const test = suite('health checks over HTTP/2');

const SITE = `version: 1
pools:
  default: { protocol: h2, health: { grpc: shop.Orders, interval: 100ms } }
`;

/** A host that answers with its name, and to gRPC's health service with SERVING while it is well. */
interface GrpcHost {
  readonly name: string;
  readonly url: string;
  isWell: boolean;
  /** The services that it was asked about, as the messages came. */
  readonly asked: string[];
}

function withHosts(names: readonly string[], fn: (...hosts: GrpcHost[]) => Promise<void>, found: readonly GrpcHost[] = []): Promise<void> {
  const [name, ...rest] = names;
  if (name === undefined) return fn(...found);
  let host: GrpcHost | undefined;
  const check = (stream: ServerHttp2Stream): void => {
    let text = '';
    stream.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')));
    stream.on('end', () => {
      host?.asked.push(text);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, host?.isWell === true ? 1 : 2]));
    });
  };
  return withHttp2Host(
    (stream, headers) => (headers[':path'] === '/grpc.health.v1.Health/Check' ? check(stream) : answer(stream, name)),
    ({ url }) => withHosts(rest, fn, [...found, (host = { name, url, isWell: true, asked: [] })]),
  );
}

test('a host of an agent that is not SERVING is out on every balancer, and back when it is', () =>
  withTempDir((dir) =>
    withRedis((redis) =>
      withClients([redis.url], (client) =>
        withHosts(['a', 'b', 'c'], async (a, b, c) => {
          const siteFile = join(dir, 'site.yaml');
          writeFileSync(siteFile, SITE);
          const config = { redis: [redis.url], siteFile };
          await withBalancer({ ...config, name: 'first' }, (first) =>
            withBalancer({ ...config, name: 'second' }, async (second) => {
              const agents = setInterval(() => {
                for (const { name, url } of [a, b, c])
                  void publishReport(client, name, url.replace('h2:', 'http:'), { intervalMs: 250 }).catch(() => undefined);
              }, 250);
              try {
                for (const each of [first, second]) {
                  await each.knows(3);
                  await picksOnly(each, 'a', 'b', 'c');
                  assert.ok(each.counter('hosts_requests_http2') > 0);
                }
                b.isWell = false;
                for (const each of [first, second]) await picksOnly(each, 'a', 'c');
                const isDown = async (): Promise<boolean> =>
                  (await readFleet(client, KEYS)).hosts.some(({ name, state }) => name === 'b' && state === 'down');
                await until(isDown, { timeoutMs: SLOW_MS, what: 'the state in Redis' });
                b.isWell = true;
                for (const each of [first, second]) await picksOnly(each, 'a', 'b', 'c');
                assert.ok(
                  [a, b, c].every(({ asked }) => asked.every((text) => text === '\0\0\0\0\r\n\x0bshop.Orders') && asked.length > 0),
                );
              } finally {
                clearInterval(agents);
              }
            }),
          );
        }),
      ),
    ),
  ));

test('without Redis a balancer asks by itself; a flag does for hosts that no site names', () =>
  withHosts(['a', 'b', 'c'], async (a, b, c) => {
    const statics = [a, b, c].map(({ name, url }) => ({ name, url }));
    await withBalancer({ redis: [NO_REDIS], statics, healthGrpc: '', healthIntervalMs: 100 }, async (each) => {
      b.isWell = false;
      await picksOnly(each, 'a', 'c');
      b.isWell = true;
      await picksOnly(each, 'a', 'b', 'c');
      assert.is(b.asked[0], '\0\0\0\0\0', 'the whole server');
    });
  }));

test.run();
