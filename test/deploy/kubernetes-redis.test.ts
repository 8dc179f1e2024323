// The Redis of deploy/kubernetes: servers and Sentinels started by the scripts of the ConfigMap, on their own. What
// they know of each other, who may ask them, and that a pod which starts again is no new one.

import { mkdirSync, rmSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { until, withProcess, withTempDir } from '../support/brackets.js';
import { withSecrets } from '../support/compose-file.js';
import { redisPods, type RedisPod, withProcesses } from '../support/kube-pods.js';
import { loadKustomization } from '../support/kustomize.js';
import { withClients } from '../support/redis-client.js';

const test = suite('kubernetes redis');

const SLOW_MS = 30_000;

/** What a Sentinel says of the master: its fields. */
async function viewOf(sentinel: Commands): Promise<Record<string, string>> {
  const fields = (await sentinel.call('SENTINEL', 'MASTER', 'meercat')) as string[];
  return Object.fromEntries(Array.from({ length: fields.length / 2 }, (_, i) => [fields[2 * i], fields[2 * i + 1]]));
}

/** Whether it knows the whole group, and nobody else. */
async function knowsAll(sentinel: Commands): Promise<boolean> {
  const { 'num-other-sentinels': sentinels, 'num-slaves': replicas, flags } = await viewOf(sentinel);
  return sentinels === '2' && replicas === '2' && flags === 'master';
}

const sentinelUrl = ({ ip, sentinel }: RedisPod, user: string, password = ''): string =>
  `redis://${user}:${password}@${ip}:${sentinel.env?.['SENTINEL_PORT']}`;

test('three Sentinels watch three servers, and one that starts again is the same one', () =>
  withTempDir(async (dir) => {
    const folder = await withSecrets(dir, 'kubernetes', 'base/secrets');
    const { pods } = await redisPods(loadKustomization(`${folder}/base`), dir);
    const { SENTINEL_PASSWORD: password, SENTINEL_CLIENT_PASSWORD: clientPassword } = pods[0]?.sentinel.env ?? {};
    const urls = pods.map((pod) => sentinelUrl(pod, 'sentinel', password));
    const [, , last] = pods as [RedisPod, RedisPod, RedisPod];
    await withProcesses([...pods.map(({ redis }) => redis), ...pods.slice(0, 2).map(({ sentinel }) => sentinel)], async () => {
      const ids = new Set<string>();
      for (let start = 0; start < 2; start++) {
        // As a pod that was moved to another node: nothing is left of what it wrote.
        const data = last.sentinel.env?.['DATA'] as string;
        rmSync(data, { recursive: true });
        mkdirSync(data);
        await withProcess(last.sentinel, () =>
          withClients(urls, async (...sentinels) => {
            for (const sentinel of sentinels)
              await until(() => knowsAll(sentinel), { timeoutMs: SLOW_MS, what: 'a Sentinel to know the whole group' });
            ids.add(String(await sentinels[2]?.call('SENTINEL', 'MYID')));
            const masters = await Promise.all(sentinels.map(async (sentinel) => (await viewOf(sentinel))['ip']));
            assert.is(new Set(masters).size, 1, masters.join());
          }),
        );
      }
      assert.is(ids.size, 1);

      // What balancers and agents log in with may ask for the master, and steer nothing.
      await withClients([sentinelUrl(pods[0] as RedisPod, 'meercat', clientPassword)], async (client) => {
        assert.equal(await client.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'meercat'), [
          '127.0.0.2',
          pods[0]?.redis.env?.['REDIS_PORT'],
        ]);
        for (const words of [
          ['FAILOVER', 'meercat'],
          ['SET', 'meercat', 'quorum', '1'],
          ['MONITOR', 'other', '127.0.0.1', '1', '1'],
        ])
          assert.match(await client.call('SENTINEL', ...words).then(String, (error: Error) => error.message), /^NOPERM/, words[0]);
      });
    });
  }));

test.run();
