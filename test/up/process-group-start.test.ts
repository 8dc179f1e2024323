// The start of `meercat balancer --processes`: an error is reported once, with the exit code of a single balancer, and no
// process is left; signals and settings reach every process.

import { once } from 'node:events';
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULTS } from '../../lib/config/config.js';
import { checkProcesses, formatMember, memberConfig, parseMember } from '../../lib/config/processes.js';
import { freePort, until, withRedis, withServer, withTempDir } from '../support/brackets.js';
import { withCertificates } from '../support/certificates.js';
import { buildConfig, KEYS, NO_REDIS, SLOW_MS, withBalancer } from '../support/fleet.js';
import { freePortsInRow, withPortTaken } from '../support/fleet-process.js';
import { groupFlags, type GroupOptions, type TestGroup, withGroup } from '../support/group-process.js';
import { exchangeRaw, RawClient } from '../support/http-client.js';
import { meercat, refusedHere, refusedStart } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';

const test = suite('process group start');

test('an invalid number of processes, and too few ports or too long names, are wrong usage that names the flag', async () => {
  for (const value of ['0', '-1', '1.5', 'x', '257', 'auto']) {
    const { code, stderr } = await refusedHere(['balancer', '--processes', value]);
    assert.equal([code, stderr], [2, `meercat: --processes: a whole number from 1 to 256, not ${JSON.stringify(value)}`]);
  }
  assert.match((await refusedHere(['balancer'], { MEERCAT_PROCESSES: '0' })).stderr, /^meercat: MEERCAT_PROCESSES: a whole number/);
  const refusals: [string[], RegExp][] = [
    [['--console-port', '65535'], /^meercat: --console-port: 2 processes need the ports 65535 to 65536: choose a lower one, or 0/],
    [
      ['--port', '5001', '--console-port', '5000'],
      /^meercat: --console-port: 2 processes need the ports 5000 to 5001, and --port 5001 is among them$/,
    ],
    [['--name', 'n'.repeat(127)], /^meercat: --name: too long for the name of a process/],
    [['--member', '1,8080'], /^meercat: --member is for the processes that --processes starts$/],
    [['--member', 'x'], /^meercat: --member: a whole number/],
  ];
  for (const [flags, says] of refusals) {
    const { code, stderr } = await refusedHere(['balancer', '--processes', '2', ...flags]);
    assert.is(code, 2, stderr);
    assert.match(stderr, says);
  }
});

test('each process has a name, a console and a share of the memory of its own', () => {
  const config = buildConfig({ processes: 4, name: 'edge', consolePort: 9000, memoryLimit: 0 });
  const member = { number: 3, port: 8080, isPortShared: true };
  const third = memberConfig(config, member);
  assert.equal([third.name, third.port, third.consolePort, third.isPortShared], ['edge-3', 8080, 9002, true]);
  assert.is(third.memoryLimit, memberConfig({ ...config, processes: 1 }, member).memoryLimit / 4);
  assert.is(memberConfig({ ...config, memoryLimit: 1000 }, member).memoryLimit, 1000);
  assert.is(memberConfig({ ...config, consolePort: 0 }, member).consolePort, 0);
  assert.match(memberConfig({ ...config, name: '' }, member).name, /^.+-8080-3$/);
  for (const each of [member, { ...member, isPortShared: false }]) assert.equal(parseMember(formatMember(each)), each);
  assert.throws(() => parseMember('1,8080,shared,x'), /--member/);
  // One process needs nothing.
  checkProcesses({ ...config, processes: DEFAULTS.processes, consolePort: 65_535 });
});

/** The stderr of a failed start, which must be one line. */
async function refusal(flags: readonly string[], exitCode: number): Promise<string> {
  const { code, stdout, stderr } = await meercat([...groupFlags(NO_REDIS, 'http://127.0.0.1:1', flags), '--log-level', 'error']);
  assert.equal([code, stdout], [exitCode, ''], stderr);
  assert.is(stderr.split('\n').length, 1, stderr);
  return stderr;
}

test('an error of all processes is reported once, with the exit code of a single balancer', () =>
  withTempDir((dir) =>
    withServer(
      () => undefined,
      async ({ port }) => {
        assert.is(await refusal(['--port', String(port)], 1), `meercat: port ${port} on 127.0.0.1 is taken: choose another with --port`);
        const bad = join(dir, 'bad.pem');
        writeFileSync(bad, 'no certificate');
        assert.match(await refusal(['--tls-cert', bad, '--tls-key', bad], 2), /^meercat: --tls-cert/);
        const consolePort = await freePortsInRow(2);
        await withPortTaken(consolePort + 1, async () => {
          assert.is(
            await refusal(['--console-port', String(consolePort)], 1),
            `meercat: the console's port ${consolePort + 1} is taken: choose another with --console-port (this is that of process 2: each further process takes the next port)`,
          );
        });
      },
    ),
  ));

test('a taken name aborts the whole start, and processes already started leave the fleet', () =>
  withRedis(({ url }) =>
    withClients([url], (client) =>
      withBalancer({ redis: [url], name: 'g-2' }, async (single) => {
        await single.becomes('master');
        const flags = ['--namespace', KEYS.namespace];
        const { code, stderr } = await refusedStart(groupFlags(url, 'http://127.0.0.1:1', flags), 'all processes are serving');
        assert.is(code, 1);
        assert.match(stderr, /^meercat: --name: another balancer of this fleet has the name g-2 \(process \d+ on [^\n]+$/);
        assert.ok(stderr.includes(`process ${process.pid} `));
        assert.equal(await client.zrange(KEYS.balancers, '0', '-1'), ['g-2']);
      }),
    ),
  ));

/** The subject of the certificate presented to a new connection. */
async function shownAt(port: number, ca: string): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, ca, servername: 'a.example' });
  try {
    await once(socket, 'secureConnect');
    return socket.getPeerCertificate().subject.CN as string;
  } finally {
    socket.destroy();
  }
}

test('all processes serve TLS, and SIGHUP makes all reload the certificates', () =>
  withCertificates(({ ca, issue }) =>
    withRedis(({ url }) => {
      const { certFile, keyFile } = issue('a', { names: ['a.example'], commonName: 'old' });
      return withGroup({ redis: url, flags: ['--tls-cert', certFile, '--tls-key', keyFile] }, async ({ parent, port, log }) => {
        const shown = (): Promise<string[]> => Promise.all(Array.from({ length: 16 }, () => shownAt(port, ca)));
        assert.equal(new Set(await shown()), new Set(['old']));
        issue('a', { names: ['a.example'], commonName: 'new' });
        parent.kill('SIGHUP');
        await until(() => log('the certificates were reloaded').length === 2, { timeoutMs: SLOW_MS });
        assert.equal(
          log('the certificates were reloaded')
            .map(({ name }) => name)
            .toSorted(),
          ['g-1', 'g-2'],
        );
        assert.equal(new Set(await shown()), new Set(['new']));
      });
    }),
  ));

const PROXY_HEADER = 'PROXY TCP4 192.0.2.7 198.51.100.1 4711 80\r\n';

/** Sends this many requests with limited concurrency, each on its own connection. */
async function askMany({ port }: TestGroup, count: number, first: number): Promise<void> {
  let next = first;
  const lane = async (): Promise<void> => {
    while (next < first + count) {
      const target = `/${next++}?${'x'.repeat(500)}`;
      assert.match(await exchangeRaw(port, `${PROXY_HEADER}GET ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`), ' 200 ');
    }
  };
  await Promise.all([lane(), lane(), lane(), lane()]);
}

/** A half-closed connection with a PROXY header gets its answer, whichever process takes it. */
async function answersHalfClosed(port: number): Promise<void> {
  const answers = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const raw = new RawClient(port);
      raw.send(PROXY_HEADER);
      await new Promise((resolve) => setTimeout(resolve, 20));
      raw.socket.end('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
      return await raw.ends();
    }),
  );
  // On a slow machine an interim answer comes first: it probes whether the half-closed client is still there.
  for (const answer of answers)
    assert.match(answer, /^(?:HTTP\/1\.1 100 Continue\r\n\r\n)*HTTP\/1\.1 200 [^]*192\.0\.2\.7$/, JSON.stringify(answers));
}

/** All write whole lines to one access log, and SIGUSR2 makes all reopen it. */
async function writesOneLog(group: TestGroup, file: string): Promise<void> {
  const moved = `${file}.1`;
  const numbersIn = async (name: string): Promise<number[]> => {
    const lines = (await readFile(name, 'utf8').catch(() => '')).split('\n').slice(0, -1);
    return lines
      .map((line) => Number(/^\/(\d+)\?x{500}$/.exec((JSON.parse(line) as { target: string }).target)?.[1]))
      .toSorted((one, other) => one - other);
  };
  await askMany(group, 200, 0);
  renameSync(file, moved);
  group.parent.kill('SIGUSR2');
  await until(async () => (await numbersIn(moved)).length === 200, {
    timeoutMs: SLOW_MS,
    everyMs: 50,
    what: 'all lines before the signal',
  });
  await until(() => existsSync(file), { timeoutMs: SLOW_MS, what: 'the new file' });
  // Each process opens it for itself: wait for a line of both.
  const ids = new Set<string>();
  let asked = 200;
  await until(
    async () => {
      await askMany(group, 20, asked);
      asked += 20;
      for (const [, id] of (await readFile(file, 'utf8')).matchAll(/"id":"([^-"]+)-/g)) ids.add(id as string);
      return ids.size === 2;
    },
    { timeoutMs: SLOW_MS, everyMs: 300, what: 'lines of both processes in the new file' },
  );
  await until(async () => (await numbersIn(file)).length + (await numbersIn(moved)).length === asked, {
    timeoutMs: SLOW_MS,
    everyMs: 50,
    what: 'all lines',
  });
  assert.equal(
    [...(await numbersIn(moved)), ...(await numbersIn(file))].toSorted((one, other) => one - other),
    Array.from({ length: asked }, (_, index) => index),
  );
}

test('console ports are numbered from the given one; all take PROXY headers, and write to one access log that SIGUSR2 reopens', () =>
  withTempDir((dir) =>
    withRedis(async ({ url }) => {
      const [port, consolePort] = [await freePort(), await freePortsInRow(2)];
      const file = join(dir, 'access.log');
      const flags = [
        ...['--port', String(port), '--console-port', String(consolePort), '--trust', '127.0.0.1', '--accept-proxy'],
        ...['--access-log', 'json', '--access-log-file', file],
      ];
      const handler: GroupOptions['handler'] = (request, response) => void response.end(String(request.headers['x-forwarded-for']));
      await withGroup({ redis: url, flags, handler }, async (group) => {
        assert.equal(group.consoles(), { 'g-1': `http://127.0.0.1:${consolePort}`, 'g-2': `http://127.0.0.1:${consolePort + 1}` });
        await writesOneLog(group, file);
        await answersHalfClosed(port);
      });
    }),
  ));

test.run();
