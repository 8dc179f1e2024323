// Several real Redis that belong together: a master with a replica under a Sentinel, or a Cluster.
// All on loopback and free ports; whatever the test does with them, they are gone afterwards.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Commands } from '../../lib/redis/connect.js';
import { freePort, type TestRedis, until, withProcess, withRedis, withTempDir } from './brackets.js';
import type { CertificatePair } from './certificates.js';
import { withClients } from './redis-client.js';
import { findRedis } from './redis-server.js';

/** How the servers of a group are guarded. */
export interface GroupOptions {
  /** They speak TLS with this certificate, among themselves too; the plain ports stay open for the test itself. */
  readonly tls?: CertificatePair & { readonly caFile: string };
  /** The password of the default user on the servers with the data. */
  readonly password?: string;
  /** The password of the default user on the Sentinel. */
  readonly sentinelPassword?: string;
}

const tlsArgs = ({ certFile, keyFile, caFile }: NonNullable<GroupOptions['tls']>, tlsPort: number): string[] => [
  '--tls-port',
  String(tlsPort),
  '--tls-cert-file',
  certFile,
  '--tls-key-file',
  keyFile,
  '--tls-ca-cert-file',
  caFile,
  '--tls-auth-clients',
  'no',
];

const withPassword = (url: string, password: string | undefined): string =>
  password === undefined ? url : url.replace('//', `//:${password}@`);

/** A failover may take this long: a Sentinel that stood still for two seconds does nothing for the next thirty (its TILT mode). */
export const FAILOVER_MS = 90_000;

/** A Redis with a replica, and the Sentinel that watches both. */
export interface SentinelGroup {
  /** `redis+sentinel://…`, as users write it, without passwords; `rediss+sentinel://…` with TLS. */
  readonly url: string;
  /** The two servers; the first is master at the start. Their URLs are plain and without passwords. */
  readonly servers: readonly [TestRedis, TestRedis];
  readonly sentinel: Commands;
  /** The port of the master, as the Sentinel knows it now: with TLS, one that only TLS goes to. */
  masterPort(): Promise<number>;
  /** The server that is master now, as the Sentinel knows it. */
  master(): Promise<TestRedis>;
  /** Has the Sentinel make the other server master, in good order; resolves when it is. */
  failover(): Promise<void>;
}

/** Starts a master, a replica that is in step, and one Sentinel that fails over within a few seconds. */
export async function withSentinel<T>(fn: (group: SentinelGroup) => T | Promise<T>, options: GroupOptions = {}): Promise<T> {
  const { tls, password, sentinelPassword } = options;
  const ports = tls === undefined ? undefined : ([await freePort(), await freePort(), await freePort()] as const);
  const argsOf = (index: 0 | 1): string[] => [
    ...['--repl-diskless-sync-delay', '0'],
    ...(tls === undefined || ports === undefined ? [] : [...tlsArgs(tls, ports[index]), '--tls-replication', 'yes']),
    ...(password === undefined ? [] : ['--requirepass', password, '--masterauth', password]),
  ];
  return withRedis({ args: argsOf(0) }, (master) =>
    withRedis({ args: [...argsOf(1), '--replicaof', '127.0.0.1', String(ports?.[0] ?? master.port)] }, (replica) =>
      withTempDir(async (dir) => {
        await inStep(withPassword(replica.url, password));
        const port = await freePort();
        const file = join(dir, 'sentinel.conf');
        const lines = [
          ...[`port ${port}`, 'bind 127.0.0.1', `dir ${dir}`, `sentinel monitor mymaster 127.0.0.1 ${ports?.[0] ?? master.port} 1`],
          ...['sentinel down-after-milliseconds mymaster 2000', 'sentinel failover-timeout mymaster 3000'],
          ...(password === undefined ? [] : [`sentinel auth-pass mymaster ${password}`]),
          ...(sentinelPassword === undefined ? [] : [`requirepass ${sentinelPassword}`]),
        ];
        await writeFile(file, `${lines.join('\n')}\n`);
        const tlsOptions = tls === undefined || ports === undefined ? [] : [...tlsArgs(tls, ports[2]), '--tls-replication', 'yes'];
        return withProcess({ command: findRedis(), args: [file, '--sentinel', ...tlsOptions] }, () =>
          withClients([withPassword(`redis://127.0.0.1:${port}`, sentinelPassword)], async (sentinel) => {
            const masterPort = async (): Promise<number> =>
              Number(((await sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', 'mymaster')) as string[])[1]);
            await until(() => hasHeir(sentinel), { what: 'the Sentinel to know the replica as in step' });
            const url =
              ports === undefined ? `redis+sentinel://127.0.0.1:${port}/mymaster` : `rediss+sentinel://127.0.0.1:${ports[2]}/mymaster`;
            const masterNow = async (): Promise<TestRedis> => ((await masterPort()) === (ports?.[0] ?? master.port) ? master : replica);
            const failover = async (): Promise<void> => {
              const before = await masterPort();
              let refusal = '';
              await until(
                async () => {
                  // Refused while one is under way, or while the Sentinel has not heard from the replica for a moment.
                  refusal = await sentinel.call('SENTINEL', 'FAILOVER', 'mymaster').then(String, (error: Error) => error.message);
                  return until(async () => (await masterPort()) !== before, { timeoutMs: 10_000 }).catch(() => false);
                },
                { timeoutMs: FAILOVER_MS, what: () => `the failover: ${refusal}` },
              );
            };
            return fn({ url, servers: [master, replica], sentinel, masterPort, master: masterNow, failover });
          }),
        );
      }),
    ),
  );
}

/** Whether the Sentinel has heard from the replica itself: before, it knows of it, and fails over to nobody. */
async function hasHeir(sentinel: Commands): Promise<boolean> {
  const replicas = (await sentinel.call('SENTINEL', 'REPLICAS', 'mymaster')) as readonly (readonly string[])[];
  const [facts = []] = replicas;
  const fact = (name: string): string | undefined => facts[facts.indexOf(name) + 1];
  return replicas.length === 1 && fact('master-link-status') === 'ok' && fact('flags') === 'slave';
}

async function inStep(replica: string): Promise<void> {
  await withClients([replica], (client) =>
    until(async () => /master_link_status:up/.test(String(await client.info('replication'))), {
      timeoutMs: 10_000,
      what: 'the replica to be in step',
    }),
  );
}

/** A Redis Cluster. */
export interface ClusterGroup {
  /** `redis+cluster://…` with every server; `rediss+cluster://…` with TLS. */
  readonly url: string;
  readonly servers: readonly TestRedis[];
  /** The server that holds a key. */
  ownerOf(key: string): Promise<TestRedis>;
}

/** How a Cluster is started. */
export interface ClusterOptions extends Pick<GroupOptions, 'tls'> {
  /** Further arguments of each server. */
  readonly args?: readonly string[];
}

const SLOTS = 16_384;

/** Starts a Cluster of `count` masters that share the slots evenly; a majority works on without the others. */
export async function withCluster<T>(
  count: number,
  fn: (group: ClusterGroup) => T | Promise<T>,
  { tls, args: more = [] }: ClusterOptions = {},
): Promise<T> {
  const tlsPorts = tls === undefined ? [] : await Promise.all(Array.from({ length: count }, () => freePort()));
  // By default a bus port is 10,000 higher, where the kernel takes the ports of outgoing connections from.
  const busPorts = await Promise.all(Array.from({ length: count }, () => freePort()));
  const open = async (servers: readonly TestRedis[]): Promise<T> => {
    const tlsPort = tlsPorts[servers.length];
    // A server that never met another does not know its own address.
    const args = [
      ...['--cluster-port', String(busPorts[servers.length] ?? 0)],
      ...[
        '--cluster-enabled',
        'yes',
        '--cluster-announce-ip',
        '127.0.0.1',
        '--cluster-node-timeout',
        '1000',
        '--cluster-require-full-coverage',
        'no',
      ],
      ...(tls === undefined || tlsPort === undefined ? [] : [...tlsArgs(tls, tlsPort), '--tls-cluster', 'yes']),
      ...more,
    ];
    if (servers.length < count) return withRedis({ args }, (server) => open([...servers, server]));
    await joinAll(servers, tlsPorts, busPorts);
    const [scheme, ports] = tls === undefined ? ['redis', servers.map(({ port }) => port)] : ['rediss', tlsPorts];
    const url = `${scheme}+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(',')}`;
    const [first] = servers as [TestRedis];
    const ownerOf = (key: string): Promise<TestRedis> =>
      withClients(
        [first.url],
        async (client) => servers[Math.floor((Number(await client.call('CLUSTER', 'KEYSLOT', key)) * count) / SLOTS)] as TestRedis,
      );
    return fn({ url, servers, ownerOf });
  };
  return open([]);
}

async function joinAll(servers: readonly TestRedis[], tlsPorts: readonly number[], busPorts: readonly number[]): Promise<void> {
  const [first] = servers as [TestRedis];
  const count = servers.length;
  for (const [index, { url }] of servers.entries()) {
    await withClients([url], async (client) => {
      const from = Math.ceil((index * SLOTS) / count);
      const to = Math.ceil(((index + 1) * SLOTS) / count) - 1;
      await client.call('CLUSTER', 'ADDSLOTSRANGE', String(from), String(to));
      await client.call('CLUSTER', 'SET-CONFIG-EPOCH', String(index + 1));
      if (index > 0) await client.call('CLUSTER', 'MEET', '127.0.0.1', String(tlsPorts[0] ?? first.port), String(busPorts[0]));
    });
  }
  for (const { url } of servers) {
    await withClients([url], (client) =>
      until(
        async () => {
          const info = String(await client.call('CLUSTER', 'INFO'));
          return (
            info.includes('cluster_state:ok') &&
            info.includes(`cluster_known_nodes:${count}\r`) &&
            info.includes(`cluster_slots_assigned:${SLOTS}`)
          );
        },
        { timeoutMs: 15_000, what: `the Cluster to be whole at ${url}` },
      ),
    );
  }
}
