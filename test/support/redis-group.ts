// Several real Redis that belong together: a master with a replica under a Sentinel, or a Cluster.
// All on loopback and free ports; whatever the test does with them, they are gone afterwards.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseRedisAddress } from '../../lib/redis/address.js';
import { type Commands, openCommands } from '../../lib/redis/connect.js';
import { freePort, type TestRedis, until, withProcess, withRedis, withTempDir } from './brackets.js';
import { areReady } from './redis-client.js';
import { findRedis } from './redis-server.js';

/** A Redis with a replica, and the Sentinel that watches both. */
export interface SentinelGroup {
  /** `redis+sentinel://…`, as users write it. */
  readonly url: string;
  /** The two servers; the first is master at the start. */
  readonly servers: readonly [TestRedis, TestRedis];
  readonly sentinel: Commands;
  /** The port of the master, as the Sentinel knows it now. */
  masterPort(): Promise<number>;
}

/** Starts a master, a replica that is in step, and one Sentinel that fails over within a few seconds. */
export function withSentinel<T>(fn: (group: SentinelGroup) => T | Promise<T>): Promise<T> {
  return withRedis({ args: ['--repl-diskless-sync-delay', '0'] }, (master) =>
    withRedis({ args: ['--replicaof', '127.0.0.1', String(master.port), '--repl-diskless-sync-delay', '0'] }, (replica) =>
      withTempDir(async (dir) => {
        await inStep(replica);
        const port = await freePort();
        const file = join(dir, 'sentinel.conf');
        const lines = [
          ...[`port ${port}`, 'bind 127.0.0.1', `dir ${dir}`, `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`],
          ...['sentinel down-after-milliseconds mymaster 400', 'sentinel failover-timeout mymaster 3000'],
        ];
        await writeFile(file, `${lines.join('\n')}\n`);
        return withProcess({ command: findRedis(), args: [file, '--sentinel'] }, () =>
          withCommands(`redis://127.0.0.1:${port}`, async (sentinel) => {
            const masterPort = async (): Promise<number> => Number(((await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')) as string[])[1]);
            const replicas = async (): Promise<unknown[]> => (await sentinel.call('SENTINEL', 'REPLICAS', 'mymaster')) as unknown[];
            await until(async () => (await replicas()).length === 1, { what: 'the Sentinel to know the replica' });
            return fn({ url: `redis+sentinel://127.0.0.1:${port}/mymaster`, servers: [master, replica], sentinel, masterPort });
          }));
      })));
}

async function inStep(replica: TestRedis): Promise<void> {
  await withCommands(replica.url, (client) =>
    until(async () => /master_link_status:up/.test(String(await client.info('replication'))), { timeoutMs: 10_000, what: 'the replica to be in step' }));
}

/** A Redis Cluster. */
export interface ClusterGroup {
  /** `redis+cluster://…` with every server. */
  readonly url: string;
  readonly servers: readonly TestRedis[];
  /** The server that holds a key. */
  ownerOf(key: string): Promise<TestRedis>;
}

const SLOTS = 16_384;

/** Starts a Cluster of `count` masters that share the slots evenly; a majority works on without the others. */
export async function withCluster<T>(count: number, fn: (group: ClusterGroup) => T | Promise<T>): Promise<T> {
  const open = async (servers: readonly TestRedis[]): Promise<T> => {
    // A server that never met another does not know its own address.
    const args = ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1', '--cluster-node-timeout', '1000', '--cluster-require-full-coverage', 'no'];
    if (servers.length < count) return withRedis({ args }, (server) => open([...servers, server]));
    await joinAll(servers);
    const url = `redis+cluster://${servers.map(({ port }) => `127.0.0.1:${port}`).join(',')}`;
    const [first] = servers as [TestRedis];
    const ownerOf = (key: string): Promise<TestRedis> =>
      withCommands(first.url, async (client) => servers[Math.floor((Number(await client.call('CLUSTER', 'KEYSLOT', key)) * count) / SLOTS)] as TestRedis);
    return fn({ url, servers, ownerOf });
  };
  return open([]);
}

async function joinAll(servers: readonly TestRedis[]): Promise<void> {
  const [first] = servers as [TestRedis];
  const count = servers.length;
  for (const [index, { url }] of servers.entries()) {
    await withCommands(url, async (client) => {
      const from = Math.ceil((index * SLOTS) / count);
      const to = Math.ceil(((index + 1) * SLOTS) / count) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      if (index > 0) await client.call('CLUSTER', 'MEET', '127.0.0.1', String(first.port));
    });
  }
  for (const { url } of servers) {
    await withCommands(url, (client) =>
      until(async () => {
        const info = String(await client.call('CLUSTER', 'INFO'));
        return info.includes('cluster_state:ok') && info.includes(`cluster_known_nodes:${count}\r`) && info.includes(`cluster_slots_assigned:${SLOTS}`);
      }, { timeoutMs: 15_000, what: `the Cluster to be whole at ${url}` }));
  }
}

/** Opens a connection to one server, hands it out when it is ready, and closes it. */
async function withCommands<T>(url: string, fn: (client: Commands) => T | Promise<T>): Promise<T> {
  const client = openCommands(parseRedisAddress(url));
  try {
    await areReady(client);
    return await fn(client);
  } finally {
    client.disconnect();
  }
}
