// What stands in front of balancers, run for real on loopback: HAProxy and nginx by their files before two balancers that
// were started by their unit, gdnsd by its folder, and the scripts that keepalived and BIRD rely on.

import { Resolver } from 'node:dns/promises';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer, get, type Server } from 'node:http';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { freePort, type RunningProcess, until, withProcess, withServer, withTempDir } from '../support/brackets.js';
import { SLOW_MS } from '../support/fleet.js';
import { freePortsInRow } from '../support/fleet-process.js';
import { copyFront, FRONT_FOLDER, frontFile, runTool } from '../support/front-files.js';
import { ended } from '../support/meercat.js';
import { findTool } from '../support/tools.js';
import { serviceProcess } from '../support/unit-file.js';

const test = suite('deploy/front runs');

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** Sends a request on a connection of its own, from an address of this machine that nobody else uses. */
function askFrom(client: string, port: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, localAddress: client, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body })).on('error', reject);
    }).on('error', reject);
  });
}

interface Pair {
  /** On 127.0.0.1 and 127.0.0.2. */
  readonly balancers: readonly [RunningProcess, RunningProcess];
  /** The port of both; the consoles are 1000 above. */
  readonly port: number;
}

/** Two balancers by their unit, behind something that speaks the PROXY protocol; the host answers with X-Forwarded-For. */
function withPair<T>(fn: (pair: Pair) => T | Promise<T>): Promise<T> {
  return withServer(
    (request, response) => void response.end(String(request.headers['x-forwarded-for'])),
    async (host) => {
      const port = await freePortsInRow(1);
      const start = (address: string) =>
        serviceProcess('meercat@.service', String(port), {
          MEERCAT_REDIS: 'redis://127.0.0.1:1',
          MEERCAT_HOST: host.url,
          MEERCAT_BIND: address,
          MEERCAT_CONSOLE_BIND: address,
          MEERCAT_ACCEPT_PROXY: '1',
          MEERCAT_TRUST: '127.0.0.1/32',
        });
      const isReady = async (address: string): Promise<boolean> =>
        (await fetch(`http://${address}:${port + 1000}/.meercat/ready`)).status === 200;
      return withProcess(start('127.0.0.1'), (first) =>
        withProcess(start('127.0.0.2'), async (second) => {
          for (const address of ['127.0.0.1', '127.0.0.2'])
            await until(() => isReady(address), { timeoutMs: SLOW_MS, what: `the balancer on ${address}` });
          return fn({ balancers: [first, second], port });
        }),
      );
    },
  );
}

/** The addresses of a file in `l4`, as those of a pair. */
const asPair = (pair: Pair): (readonly [string, string])[] => [
  ['10.0.0.11:8080', `127.0.0.1:${pair.port}`],
  ['10.0.0.12:8080', `127.0.0.2:${pair.port}`],
];

/** Clients keep their address, and none notices that a balancer is killed. */
async function serveAndLoseOne(pair: Pair, port: number): Promise<void> {
  await until(async () => (await askFrom('127.0.0.9', port)).status === 200, { what: 'the way to the balancers' });
  for (let i = 0; i < 4; i++) assert.equal(await askFrom('127.0.0.9', port), { status: 200, body: '127.0.0.9' });
  pair.balancers[0].kill('SIGKILL');
  await pair.balancers[0].exit;
  for (let i = 0; i < 6; i++) assert.equal(await askFrom('127.0.0.9', port), { status: 200, body: '127.0.0.9' });
}

test('behind HAProxy balancers see the client, and a balancer that dies costs no new connection', async () => {
  const haproxy = findTool('haproxy', 'haproxy');
  if (haproxy === null) return;
  await withPair((pair) =>
    withTempDir(async (dir) => {
      const port = await freePort();
      const file = join(dir, 'haproxy.cfg');
      // Each connection needs two descriptors, and the machine of a test may not have 40,000.
      const changes = [
        ['maxconn 20000', 'maxconn 500'],
        ...asPair(pair),
        ['bind :80', `bind 127.0.0.1:${port}`],
        ['port 9080', `port ${pair.port + 1000}`],
      ] as const;
      await writeFile(file, frontFile('l4/haproxy.cfg', changes));
      await withProcess({ command: haproxy, args: ['-db', '-f', file] }, () => serveAndLoseOne(pair, port));
    }),
  );
});

test('behind nginx balancers see the client, and a balancer that dies costs no new connection', async () => {
  const nginx = findTool('nginx', 'nginx-light');
  const stream = findTool('/usr/lib/nginx/modules/ngx_stream_module.so', 'libnginx-mod-stream');
  if (nginx === null || stream === null) return;
  await withPair((pair) =>
    withTempDir(async (dir) => {
      const port = await freePort();
      const file = join(dir, 'nginx.conf');
      await writeFile(file, frontFile('l4/nginx.conf', [...asPair(pair), ['listen 80;', `listen 127.0.0.1:${port};`]]));
      const args = ['-c', file, '-e', 'stderr', '-g', `daemon off; pid ${dir}/pid; error_log stderr;`];
      await withProcess({ command: nginx, args }, () => serveAndLoseOne(pair, port));
    }),
  );
});

/** Serves the ready page as the test says, on one address. */
async function readyPage(address: string, port: number, status: () => number): Promise<Server> {
  const server = createServer((request, response) => {
    response.statusCode = request.url === '/.meercat/ready' ? status() : 404;
    response.end();
  });
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(port, address, resolve));
  return server;
}

test('gdnsd hands out the addresses of those that are ready, and of some when none is', async () => {
  const gdnsd = findTool('gdnsd', 'gdnsd');
  if (gdnsd === null) return;
  await withTempDir(async (dir) => {
    const [port, consolePort] = [await freePort(), await freePort()];
    copyFront('dns/gdnsd', dir);
    for (const name of ['run', 'state']) await mkdir(join(dir, name));
    const options = `listen => [ "127.0.0.1:${port}" ], run_dir => "${dir}/run", state_dir => "${dir}/state"`;
    const config = frontFile('dns/gdnsd/config', [
      ['listen => any', options],
      ['port => 9080', `port => ${consolePort}`],
      ['192.0.2.1', '127.0.0.1'],
    ]);
    await writeFile(join(dir, 'config'), config);
    const statuses = [200, 200, 200];
    const addresses = ['127.0.0.11', '127.0.0.12', '127.0.0.13'];
    const servers = await Promise.all(addresses.map((address, i) => readyPage(address, consolePort, () => statuses[i] as number)));
    try {
      await withProcess({ command: gdnsd, args: ['-c', dir, 'start'] }, async (child) => {
        const resolver = new Resolver({ timeout: 1000 });
        resolver.setServers([`127.0.0.1:${port}`]);
        const becomes = (what: string, isIt: (found: readonly string[]) => boolean) =>
          until(async () => isIt((await resolver.resolve4('www.example.com')).toSorted()), {
            timeoutMs: SLOW_MS,
            everyMs: 100,
            what: () => `${what}:\n${child.lines.slice(-5).join('\n')}`,
          });
        await becomes('all three', (found) => found.join() === addresses.join());
        statuses[1] = 503;
        await becomes('the two that are ready', (found) => found.join() === '127.0.0.11,127.0.0.13');
        statuses[1] = 200;
        await becomes('all three again', (found) => found.join() === addresses.join());
        const down = (): number => child.lines.filter((line) => /changed from UP\/\d to DOWN/.test(line)).length;
        statuses.fill(503);
        await until(() => down() === 4, { timeoutMs: SLOW_MS, what: () => `all to be down:\n${child.lines.join('\n')}` });
        assert.ok((await resolver.resolve4('www.example.com')).length > 0);
        child.kill();
        await ended(child, SLOW_MS);
      });
    } finally {
      for (const server of servers) {
        server.closeAllConnections();
        server.close();
      }
    }
  });
});

const READY = join(FRONT_FOLDER, 'meercat-ready');

test('meercat-ready says whether one of several balancers is ready', async () => {
  if (findTool('curl', 'curl') === null) return;
  let status = 200;
  const nobody = String(await freePort());
  await withServer(
    (request, response) => {
      response.statusCode = request.url === '/.meercat/ready' ? status : 404;
      response.end();
    },
    async ({ port }) => {
      const codeOf = async (...ports: string[]): Promise<number | null> => (await runTool(READY, ports)).code;
      assert.is(await codeOf(String(port)), 0);
      assert.is(await codeOf(nobody, String(port)), 0);
      assert.is(await codeOf(nobody), 1);
      status = 503;
      assert.is(await codeOf(String(port)), 1);
      assert.is(await codeOf(String(port), nobody), 1);
    },
  );
  // One that takes connections and says nothing.
  await withServer(
    () => undefined,
    async ({ port }) => assert.is((await runTool(READY, [String(port)])).code, 1),
  );
});

/** A birdc that logs its arguments; it fails as long as the file `broken` is there. */
async function layBirdc(dir: string): Promise<() => Promise<string[]>> {
  const record = join(dir, 'record');
  await writeFile(record, '');
  await writeFile(join(dir, 'birdc'), `#!/bin/sh\n[ -e '${dir}/broken' ] && exit 1\necho "$@" >> '${record}'\n`);
  await chmod(join(dir, 'birdc'), 0o755);
  return async () => (await readFile(record, 'utf8')).split('\n').filter(Boolean);
}

test('meercat-anycast announces a balancer that is ready, withdraws one that is not, and at its end', async () => {
  if (findTool('curl', 'curl') === null) return;
  await withTempDir(async (dir) => {
    const told = await layBirdc(dir);
    let status = 503;
    await withServer(
      (_request, response) => {
        response.statusCode = status;
        response.end();
      },
      async ({ port }) => {
        const PATH = `${dir}:${FRONT_FOLDER}:${process.env['PATH']}`;
        const command = join(FRONT_FOLDER, 'anycast/meercat-anycast');
        await withProcess({ command, args: [String(port)], env: { PATH } }, async (child) => {
          const hears = (lines: readonly string[]) =>
            until(async () => (await told()).join() === lines.join(), { timeoutMs: SLOW_MS, what: () => `birdc to hear ${lines.join()}` });
          const [on, off] = ['enable meercat_anycast', 'disable meercat_anycast'];
          await hears([off]);
          status = 200;
          await hears([off, on]);
          // What BIRD does not hear at once, it hears later.
          await writeFile(join(dir, 'broken'), '');
          status = 503;
          await runTool('/bin/sh', ['-c', 'sleep 4']);
          assert.equal(await told(), [off, on]);
          await runTool('/bin/rm', [join(dir, 'broken')]);
          await hears([off, on, off]);
          status = 200;
          await hears([off, on, off, on]);
          child.kill('SIGTERM');
          assert.is((await ended(child, SLOW_MS)).code, 0);
          await hears([off, on, off, on, off]);
        });
      },
    );
  });
});

test.run();
