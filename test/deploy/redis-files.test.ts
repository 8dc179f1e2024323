// The samples of deploy/redis are started: a master, a replica and three Sentinels by redis.conf, sentinel.conf and
// meercat.acl, with nothing changed but addresses, places and passwords. A balancer under its own user works on them,
// and goes on when the master is killed; nothing that anybody needed was denied.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { freePort, type RunningProcess, until, withProcess, withTempDir } from '../support/brackets.js';
import { SLOW_MS } from '../support/fleet.js';
import { freePortsInRow } from '../support/fleet-process.js';
import { logOf } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { FAILOVER_MS } from '../support/redis-group.js';
import { findRedis } from '../support/redis-server.js';
import { serviceProcess } from '../support/unit-file.js';

const test = suite('deploy/redis files');

const FOLDER = fileURLToPath(new URL('../../../deploy/redis/', import.meta.url));
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const passwordOf = (role: string): string => `${role.toLowerCase()}-s3cret`;

/** A file with some of its text replaced; what is to be replaced must be there. */
function changed(name: string, replacements: readonly (readonly [from: string, to: string])[]): string {
  return replacements.reduce((text, [from, to]) => {
    assert.ok(text.includes(from), `${name} has no ${from}`);
    return text.replaceAll(from, to);
  }, read(name));
}

interface Deployed {
  readonly master: RunningProcess;
  /** The ports of the master and the replica. */
  readonly ports: readonly [number, number];
  /** As MEERCAT_REDIS has it, for a user of meercat.acl. */
  url(role: string): string;
  /** The log lines of everything, for an error. */
  said(): string;
}

const SENTINEL_PASSWORD = 'sentinels-own-s3cret';

/** Starts everything that the samples describe. */
function withDeployed<T>(fn: (deployed: Deployed) => T | Promise<T>): Promise<T> {
  return withTempDir(async (dir) => {
    const acl = join(dir, 'meercat.acl');
    const hashed = (_: string, role: string): string => createHash('sha256').update(passwordOf(role)).digest('hex');
    await writeFile(acl, read('meercat.acl').replaceAll(/([A-Z]+)_SHA256/g, hashed));
    const ports = [await freePort(), await freePort()] as const;
    const sentinelPorts = [await freePort(), await freePort(), await freePort()] as const;
    const lay = async (name: string, file: string, changes: readonly (readonly [string, string])[], more = ''): Promise<string> => {
      const place = join(dir, name);
      await mkdir(place);
      const path = join(place, file);
      await writeFile(
        path,
        changed(file, [['bind 127.0.0.1 10.0.0.1', 'bind 127.0.0.1'], ['dir /var/lib/redis', `dir ${place}`], ...changes]) + more,
      );
      return path;
    };
    const server = (name: string, port: number, more = ''): Promise<string> =>
      lay(
        name,
        'redis.conf',
        [
          ['port 6379', `port ${port}`],
          ['aclfile /etc/redis/meercat.acl', `aclfile ${acl}`],
          ['masterauth change-me', `masterauth ${passwordOf('REPLICA')}`],
        ],
        more,
      );
    const sentinel = (port: number): Promise<string> =>
      lay(`sentinel-${port}`, 'sentinel.conf', [
        ['port 26379', `port ${port}`],
        ['monitor meercat 10.0.0.1 6379', `monitor meercat 127.0.0.1 ${ports[0]}`],
        ['change-me-too', SENTINEL_PASSWORD],
        ['auth-pass meercat change-me', `auth-pass meercat ${passwordOf('SENTINEL')}`],
      ]);
    const start = async (files: readonly (readonly string[])[], use: (children: readonly RunningProcess[]) => Promise<T>): Promise<T> => {
      const [args, ...rest] = files;
      if (args === undefined) return use([]);
      return withProcess({ command: findRedis(), args }, (child) => start(rest, (others) => use([child, ...others])));
    };
    const files = [
      [await server('master', ports[0])],
      [await server('replica', ports[1], `replicaof 127.0.0.1 ${ports[0]}\n`)],
      ...(await Promise.all(sentinelPorts.map(async (port) => [await sentinel(port), '--sentinel']))),
    ];
    return start(files, async (children) => {
      const said = (): string => children.flatMap((child) => child.lines.slice(-8)).join('\n');
      await until(() => withAdmin(ports[1], async (client) => /master_link_status:up/.test(String(await client.info('replication')))), {
        timeoutMs: SLOW_MS,
        everyMs: 100,
        what: () => `the replica to be in step:\n${said()}`,
      });
      const address = sentinelPorts.map((port) => `127.0.0.1:${port}`).join(',');
      await until(() => sentinelsAgree(sentinelPorts[0]), { timeoutMs: SLOW_MS, everyMs: 100, what: () => `three Sentinels:\n${said()}` });
      return fn({
        master: children[0] as RunningProcess,
        ports,
        url: (role) => `redis+sentinel://meercat-${role}:${passwordOf(role)}@${address}/meercat`,
        said,
      });
    });
  });
}

/** Whether the Sentinel knows the replica and the two other Sentinels, so that a majority can decide. */
function sentinelsAgree(port: number): Promise<boolean> {
  return withClients([`redis://:${SENTINEL_PASSWORD}@127.0.0.1:${port}`], async (client) => {
    const [replicas, others] = [
      await client.call('SENTINEL', 'REPLICAS', 'meercat'),
      await client.call('SENTINEL', 'SENTINELS', 'meercat'),
    ];
    return (replicas as unknown[]).length === 1 && (others as unknown[]).length === 2;
  });
}

const withAdmin = <T>(port: number, fn: (client: Commands) => Promise<T>): Promise<T> =>
  withClients([`redis://admin:${passwordOf('ADMIN')}@127.0.0.1:${port}`], fn);

test('a fleet works on the samples, through the death of the Redis master', () =>
  withDeployed(async ({ master, ports, url, said }) => {
    const port = await freePortsInRow(1);
    const service = serviceProcess(
      'meercat@.service',
      String(port),
      { MEERCAT_REDIS: url('balancer'), MEERCAT_BIND: '127.0.0.1' },
      { MEERCAT_SENTINEL_PASSWORD: SENTINEL_PASSWORD },
    );
    await withProcess(service, async (balancer) => {
      const times = (message: string): number => logOf(balancer).filter(({ msg }) => msg === message).length;
      const what = (name: string) => (): string => `${name}:\n${balancer.lines.slice(-10).join('\n')}\n${said()}`;
      await until(() => times('this balancer is master') > 0, { timeoutMs: SLOW_MS, what: what('mastership') });
      const before = times('this balancer is master');
      master.kill('SIGKILL');
      await until(() => withAdmin(ports[1], async (client) => String(await client.info('replication')).includes('role:master')), {
        timeoutMs: FAILOVER_MS,
        everyMs: 100,
        what: what('the replica to become master'),
      });
      await until(() => times('this balancer is master') > before, { timeoutMs: FAILOVER_MS, what: what('mastership again') });
      const denied = (await withAdmin(ports[1], (client) => client.call('ACL', 'LOG'))) as unknown[];
      assert.equal(denied, []);
      const config = (await withAdmin(ports[1], (client) =>
        client.call('CONFIG', 'GET', 'save', 'appendonly', 'maxmemory-policy'),
      )) as unknown;
      assert.match(JSON.stringify(config), /"save","".*"appendonly","no"|"appendonly","no".*"save",""/);
      assert.match(JSON.stringify(config), '"maxmemory-policy","noeviction"');
    });
  }));

test('the README asks for the Redis that the file of users needs', () => {
  const [, needed] = /It needs Redis (\d+) or Valkey/.exec(read('README.md')) ?? [];
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  assert.match(readme, `**1. Redis.** Redis ${needed} or newer, or Valkey`);
});

test('the page names every user of the file, and no file is missing', () => {
  const page = read('README.md');
  for (const [, user] of read('meercat.acl').matchAll(/^user (\S+) /gm)) assert.ok(page.includes(`| \`${user}\` |`), user);
  for (const [, role] of read('meercat.acl').matchAll(/#([A-Z]+)_SHA256/g)) assert.match(page, new RegExp(`for role in .*\\b${role}\\b`));
  assert.match(read('operating.md'), 'info commandstats');
});

test.run();
