// The command line as people meet it: help that teaches, wrong usage that takes one line (exit code 2), what
// can't be done in one line (exit code 1), flags before the environment. Real processes, but for the long lists of
// wrong values; no line may hold a secret.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BALANCER_FLAGS } from '../bin/balancer-flags.js';
import { startBalancer } from '../lib/balancer.js';
import type { MeercatError } from '../lib/errors.js';
import { freePort, type RunningProcess, until, withRedis, withServer, withTempDir } from './support/brackets.js';
import { buildConfig } from './support/fleet.js';
import { freePortsInRow } from './support/fleet-process.js';
import { keepInnerThread } from './support/inner-threads.js';
import { ended, ENTRY, type Environment, inLanes, logOf, meercat, type Outcome, refusedHere, withMeercat } from './support/meercat.js';

const test = suite('command line');

/** Nobody listens there. */
const NO_REDIS = 'redis://127.0.0.1:1';

/** What was said on stderr besides the hint that follows wrong usage and the greeting of `up`. */
function told({ stderr }: Outcome): string {
  const lines = stderr.split('\n').filter((line) => !/^\(.*\)$|^meercat: starting the fleet/.test(line));
  assert.is(lines.length, 1, `one line, not:\n${stderr}`);
  assert.not.match(stderr, /^\s+at |node:|Error:|undefined|\[object/m);
  return lines[0] as string;
}

interface WrongUsage {
  readonly args: readonly string[];
  readonly says: RegExp;
  readonly env?: Environment;
}

function isRefused(outcome: Outcome, code: number, { args, says }: WrongUsage): void {
  const shown = `meercat ${args.join(' ')}\n${outcome.stderr}`;
  assert.is(outcome.code, code, shown);
  assert.is(outcome.stdout, '', shown);
  assert.match(told(outcome), says, shown);
}

/** Each as a process. */
async function areRefused(code: number, all: readonly WrongUsage[]): Promise<void> {
  await inLanes(all, async (wrong) => isRefused(await meercat(wrong.args, wrong.env), code, wrong));
}

/** Each in this process: that a process ends with what the command line gives is seen in other tests here. */
async function areRefusedHere(code: number, all: readonly WrongUsage[]): Promise<void> {
  for (const wrong of all) isRefused(await refusedHere(wrong.args, wrong.env), code, wrong);
}

const areWrongUsage = (all: readonly WrongUsage[]): Promise<void> => areRefusedHere(2, all);

const AGENT = ['agent', '--url', 'http://127.0.0.1:3000'];

test('help of every command tells each flag, what it means and its default', async () => {
  const general = ['--help'];
  const shared = ['--redis', '--namespace'];
  const flagsOf: Readonly<Record<string, readonly string[]>> = {
    up: [...shared, '--balancers', '--hosts', '--port', '--algorithm', '--host', '--site', '--state-dir', '--fleet-key', '--log-level'],
    balancer: BALANCER_FLAGS.flatMap(([, flags]) => flags.map((flag) => flag.flags.split(' ', 1)[0] as string)),
    agent: [
      ...shared,
      '--url',
      '--agent-key',
      '--name',
      '--pool',
      '--interval',
      '--probe',
      '--cores',
      '--listen-agent-check',
      '--agent-check-bind',
      '--log-level',
    ],
    status: [...shared, '--fleet-key', '--watch', '--sort', '--color', '--no-color', '--json', '--costs'],
    restart: [...shared, '--fleet-key', '--json'],
    why: [...shared, '--fleet-key', '--balancer', '--header', '--client', '--json'],
    algorithm: [...shared, '--fleet-key', '--json'],
    'fleet-key': ['--fleet-key', '--host'],
    check: ['--json', '--schema'],
    simulate: [
      '--balancers',
      '--load',
      '--policies',
      '--requests',
      '--seconds',
      '--exchange',
      '--seed',
      '--probes',
      '--json',
      '--html',
      '--print',
    ],
    drain: [...shared, '--fleet-key', '--json'],
    undrain: [...shared, '--fleet-key', '--json'],
    eject: [...shared, '--fleet-key', '--json'],
  };
  for (const [command, flags] of Object.entries(flagsOf)) {
    const { code, stdout, stderr } = await refusedHere([command, '--help']);
    assert.equal([code, stderr], [0, '']);
    assert.match(stdout, new RegExp(`^Usage: meercat ${command} `));
    // Each flag stands at the start of its line, with words after it.
    for (const flag of [...flags, ...general])
      assert.match(stdout, new RegExp(`^ +(-\\w, )?${flag}( [<[][^ ]+)? +[^ ].{10,}$`, 'm'), `${command} ${flag}`);
    const found = [...stdout.matchAll(/^ {2}(?:-\w, )?(--[a-z0-9-]+)/gm)].map(([, flag]) => flag as string);
    assert.equal(found.toSorted(), [...flags, ...general].toSorted(), `every flag of ${command} is in this test`);
    for (const line of stdout.split('\n')) assert.ok(line.length <= 110, line);
  }
});

test('the help itself lists the commands with examples, and keeps the inner ones to itself', async () => {
  const { code, stdout } = await meercat(['--help']);
  assert.is(code, 0);
  for (const command of ['up', 'balancer', 'agent', 'status', 'restart', 'simulate', 'drain', 'undrain', 'eject', 'algorithm', 'fleet-key'])
    assert.match(stdout, new RegExp(`^  ${command} .*\\w`, 'm'));
  for (const example of ['meercat up', 'meercat balancer --redis', 'meercat agent --redis', 'meercat status --watch'])
    assert.ok(stdout.includes(`  ${example}`), example);
  assert.match(stdout, /MEERCAT_LEASE_TTL/);
  assert.not.match(stdout, /demo-host|embedded-redis/);
});

test('the version is that of the package', async () => {
  const said = [await meercat(['--version']), await refusedHere(['-v']), await refusedHere(['-V'])];
  for (const { code, stdout } of said) {
    assert.is(code, 0);
    assert.match(stdout, /^\d+\.\d+\.\d+/);
  }
});

test('without a command the help comes, as wrong usage', async () => {
  const { code, stdout, stderr } = await refusedHere([]);
  assert.equal([code, stdout], [2, '']);
  assert.match(stderr, /^Usage: meercat/);
});

test('an unknown command or flag, or one value too many, is wrong usage that names it', async () => {
  await areRefused(2, [{ args: ['balance'], says: /^meercat: unknown command 'balance'/ }]);
  await areWrongUsage([
    { args: ['--frobnicate'], says: /^meercat: unknown option '--frobnicate'/ },
    { args: ['balancer', '--prot', '1'], says: /^meercat: unknown option '--prot'/ },
    {
      args: ['balancer', '--accept-proxy=false'],
      says: /^meercat: --accept-proxy takes no value: it is on when it is given, and off without it/,
    },
    { args: ['status', '--json=1'], says: /^meercat: --json takes no value/ },
    { args: ['balancer', '--prot=1'], says: /^meercat: unknown option '--prot=1'/ },
    { args: ['balancer', 'b1'], says: /^meercat: too many arguments for 'balancer'/ },
    { args: ['status', '--port', '1'], says: /^meercat: unknown option '--port'/ },
    { args: ['drain'], says: /^meercat: missing required argument 'host'/ },
    { args: ['eject', 'h1', 'h2'], says: /^meercat: too many arguments for 'eject'/ },
    { args: ['agent'], says: /^meercat: required option '--url <url>' not specified/ },
  ]);
});

test('a flag without its value is wrong usage that names the flag', () =>
  areWrongUsage(
    ['--port', '--redis', '--host', '--lease-ttl'].map((flag) => ({
      args: ['balancer', flag],
      says: new RegExp(`'${flag} .*argument missing`),
    })),
  ));

test('a wrong value of a flag of `balancer` is refused with the flag and what is possible', () =>
  areWrongUsage([
    { args: ['balancer', '--redis', 'localhost'], says: /--redis: the address has no known scheme; use redis:\/\// },
    {
      args: ['balancer', '--redis', 'redis://a', '--redis', 'redis://b'],
      says: /--redis: 2 servers can split into equal halves; give one, or an odd number/,
    },
    { args: ['balancer', '--redis', 'redis+cluster://a'], says: /--namespace: on Redis Cluster .*braces, such as '\{meercat\}'/ },
    { args: ['balancer', '--namespace', 'a b'], says: /--namespace: 1 to 64 printable/ },
    { args: ['balancer', '--port', '65536'], says: /--port: a whole number from 0 to 65535, not "65536"/ },
    { args: ['balancer', '--console-port', 'x'], says: /--console-port: a whole number from 0 to 65535, not "x"/ },
    { args: ['balancer', '--port', '25000', '--console-port', '25000'], says: /--console-port must differ from --port/ },
    { args: ['balancer', '--name', 'b 1'], says: /--name: letters, digits/ },
    { args: ['balancer', '--algorithm', 'random'], says: /--algorithm: one of adaptive, .*, not "random"/ },
    { args: ['balancer', '--methods', 'GET,CONNECT'], says: /--methods: CONNECT is never served: leave it out/ },
    { args: ['balancer', '--utf8-targets', 'encode'], says: /--utf8-targets: one of refuse, pass, not "encode"/ },
    { args: ['balancer', '--host', '10.0.0.1:80'], says: /--host: "10.0.0.1:80" is not http:\/\/host:port/ },
    {
      args: ['balancer', '--host', 'http://a:1,name=x', '--host', 'http://b:1,name=x'],
      says: /--host: two hosts have the name x; .*name=NAME/,
    },
    { args: ['balancer', '--lease-ttl', '100ms'], says: /--lease-ttl: a duration from 500ms to 1m, such as .* not "100ms"/ },
    {
      args: ['balancer', '--console-bind', 'localhost'],
      says: /--console-bind: an address such as 127\.0\.0\.1, 0\.0\.0\.0 or ::1, not "localhost"/,
    },
    { args: ['balancer', '--console-token', '0123456789abcdef0123'], says: /unknown option '--console-token'/ },
    { args: ['balancer', '--drain-delay', '2h'], says: /--drain-delay: a duration from 0ms to 60m/ },
    { args: ['balancer', '--drain-timeout', '2h'], says: /--drain-timeout: a duration from 0ms to 60m/ },
    { args: ['balancer', '--connect-timeout', '0'], says: /--connect-timeout: a duration from 10ms to 1m/ },
    { args: ['balancer', '--response-timeout', '-1'], says: /--response-timeout: a duration from 10ms to 60m/ },
    {
      args: ['balancer', '--health-path', '/h', '--health-host', 'a\r\nX-Evil: 1'],
      says: /--health-host: a name or an address, .*, not "a\\r\\nX-Evil: 1"/,
    },
    {
      args: ['balancer', '--health-path', '/h', '--health-expect', '399-200'],
      says: /--health-expect: statuses from 100 to 599 and ranges of them, such as 200-399,401, not "399-200"/,
    },
    { args: ['balancer', '--health-host', 'app.example'], says: /--health-host needs --health-path/ },
    { args: ['balancer', '--log-level', 'loud'], says: /--log-level: one of debug, info, warn, error, silent, not "loud"/ },
  ]));

test('a wrong value of a flag of `up`, `agent` or `status` is refused likewise', () =>
  areWrongUsage([
    { args: ['up', '--balancers', '0'], says: /--balancers: a whole number from 1 to 64, not "0"/ },
    { args: ['up', '--hosts', '65'], says: /--hosts: a whole number from 1 to 64/ },
    { args: ['up', '--port', '64001'], says: /--port: a whole number from 1 to 64000/ },
    { args: ['up', '--redis', 'redis://a,b'], says: /--redis: several hosts need/ },
    { args: ['up', '--host', 'http://a:1,name=x', '--host', 'http://b:1,name=x'], says: /--host: two hosts have the name x/ },
    { args: ['up', '--algorithm', ''], says: /--algorithm: a value is needed, not an empty one/ },
    { args: ['agent', '--url', '10.0.0.7:3000'], says: /--url: "10.0.0.7:3000" is not http:\/\/host:port/ },
    { args: [...AGENT, '--name', '../x'], says: /--name: letters, digits/ },
    { args: [...AGENT, '--interval', '10ms'], says: /--interval: a duration from 100ms to 1m/ },
    {
      args: [...AGENT, '--probe', 'cpu'],
      says: /--probe must be auto, machine, cgroup, pid:N, agent-check:\/\/host:port, or the URL .* not "cpu"/,
    },
    { args: [...AGENT, '--cores', '0'], says: /--cores: a number above 0/ },
    { args: [...AGENT, '--redis', 'redis+sentinel://a'], says: /--redis: a Sentinel address ends in the master's name/ },
    { args: ['status', '--redis', 'redis+cluster://a'], says: /--namespace: on Redis Cluster/ },
    { args: ['status', '--namespace', ''], says: /--namespace: a value is needed/ },
  ]));

test('a wrong value from the environment names the variable', () =>
  areWrongUsage([
    { args: ['balancer'], env: { MEERCAT_REDIS: 'redis://a redis://b' }, says: /^meercat: MEERCAT_REDIS: 2 servers can split/ },
    { args: ['balancer'], env: { MEERCAT_NAMESPACE: 'a b' }, says: /^meercat: MEERCAT_NAMESPACE: / },
    { args: ['balancer'], env: { MEERCAT_PORT: 'x' }, says: /^meercat: MEERCAT_PORT: / },
    { args: ['balancer'], env: { MEERCAT_CONSOLE_PORT: 'x' }, says: /^meercat: MEERCAT_CONSOLE_PORT: / },
    { args: ['balancer'], env: { MEERCAT_NAME: 'b 1' }, says: /^meercat: MEERCAT_NAME: / },
    { args: ['balancer'], env: { MEERCAT_ALGORITHM: 'x' }, says: /^meercat: MEERCAT_ALGORITHM: / },
    { args: ['balancer'], env: { MEERCAT_HOST: 'http://a:1 b' }, says: /^meercat: MEERCAT_HOST: "b" is not/ },
    { args: ['balancer'], env: { MEERCAT_LEASE_TTL: '1' }, says: /^meercat: MEERCAT_LEASE_TTL: / },
    { args: ['balancer'], env: { MEERCAT_DRAIN_TIMEOUT: 'x' }, says: /^meercat: MEERCAT_DRAIN_TIMEOUT: / },
    { args: ['balancer'], env: { MEERCAT_CONNECT_TIMEOUT: 'x' }, says: /^meercat: MEERCAT_CONNECT_TIMEOUT: / },
    { args: ['balancer'], env: { MEERCAT_RESPONSE_TIMEOUT: 'x' }, says: /^meercat: MEERCAT_RESPONSE_TIMEOUT: / },
    { args: ['balancer'], env: { MEERCAT_METHODS: 'get' }, says: /^meercat: MEERCAT_METHODS: methods are case-sensitive: write GET/ },
    { args: ['balancer'], env: { MEERCAT_UTF8_TARGETS: 'x' }, says: /^meercat: MEERCAT_UTF8_TARGETS: one of refuse, pass/ },
    { args: ['balancer'], env: { MEERCAT_LOG_LEVEL: 'x' }, says: /^meercat: MEERCAT_LOG_LEVEL: / },
    { args: ['up'], env: { MEERCAT_BALANCERS: 'x' }, says: /^meercat: MEERCAT_BALANCERS: / },
    { args: ['up'], env: { MEERCAT_HOSTS: 'x' }, says: /^meercat: MEERCAT_HOSTS: / },
    { args: ['agent'], env: { MEERCAT_URL: 'x' }, says: /^meercat: MEERCAT_URL: / },
    { args: AGENT, env: { MEERCAT_INTERVAL: 'x' }, says: /^meercat: MEERCAT_INTERVAL: / },
    { args: AGENT, env: { MEERCAT_PROBE: 'x' }, says: /^meercat: MEERCAT_PROBE / },
    { args: AGENT, env: { MEERCAT_CORES: 'x' }, says: /^meercat: MEERCAT_CORES: / },
    {
      args: ['status'],
      env: { MEERCAT_REDIS: 'redis://a redis://b redis://c' },
      says: /^meercat: MEERCAT_REDIS: one address, not several; /,
    },
    { args: ['balancer'], env: { MEERCAT_HEALTH_PATH: '/h', MEERCAT_HEALTH_EXPECT: '200 201' }, says: /^meercat: MEERCAT_HEALTH_EXPECT: / },
    { args: ['status'], env: { MEERCAT_REDIS: 'x' }, says: /^meercat: MEERCAT_REDIS: / },
    {
      args: ['balancer', '--redis', 'redis://h'],
      env: { MEERCAT_REDIS_CA: '/ca.pem' },
      says: /--redis: the address is not encrypted, but MEERCAT_REDIS_CA is set: use rediss:\/\//,
    },
    {
      args: ['status', '--redis', 'rediss://h'],
      env: { MEERCAT_REDIS_CA: '/none.pem' },
      says: /^meercat: MEERCAT_REDIS_CA=\/none.pem: there is no such file$/,
    },
    { args: ['balancer', '--redis', `rediss://h?ca=${ENTRY}`], env: {}, says: /--redis: ca=.*: no certificate in PEM form/ },
    {
      args: ['drain', 'h1', '--redis', 'redis://h?tls=yes'],
      env: {},
      says: /--redis: after the \? only db, sentinelUsername, sentinelPassword, ca, cert, key are known/,
    },
  ]));

test('a Redis that is not there is one line from `status` and `up`, and exit code 1', async () => {
  const port = await freePortsInRow(1);
  await areRefused(1, [
    {
      args: ['up', '--redis', 'redis://no-such-host.invalid:7000', '--port', String(port), '--balancers', '1'],
      says: /^meercat: Redis at redis:\/\/no-such-host.invalid:7000 can't be used: the name is not known; check --redis$/,
    },
  ]);
  await areRefusedHere(1, [
    {
      args: ['status', '--redis', NO_REDIS],
      says: /^meercat: Redis at redis:\/\/127.0.0.1:1 can't be used: connection refused; check --redis$/,
    },
    {
      args: ['status', '--redis', 'redis+sentinel://127.0.0.1:1/mymaster'],
      says: /^meercat: Redis at redis\+sentinel:\/\/127.0.0.1:1\/mymaster can't be used: no Sentinel can be reached/,
    },
    {
      args: ['status', '--redis', 'redis+cluster://127.0.0.1:1', '--namespace', '{x}'],
      says: /^meercat: Redis at redis\+cluster:\/\/127.0.0.1:1 can't be used: (connection refused|the connection was closed); check --redis$/,
    },
  ]);
});

test('a password that is wrong or missing is reported at once, and no password is ever printed', () =>
  withRedis({ args: ['--requirepass', 'right-secret'] }, async ({ port }) => {
    const clients = await freePortsInRow(1);
    const address = (credentials: string): string => `redis://${credentials}127.0.0.1:${port}`;
    await areRefused(1, [
      {
        args: ['up', '--redis', address('ann:wrong-secret@'), '--port', String(clients), '--balancers', '1'],
        says: /can't be used: Redis refuses the user or the password \(WRONGPASS\): (?!.*secret)/,
      },
    ]);
    await areRefusedHere(1, [
      { args: ['status', '--redis', address('')], says: /can't be used: Redis wants a password \(NOAUTH\): / },
      ...[':wrong-secret@', 'ann:wrong-secret@'].map((credentials) => ({
        args: ['status', '--redis', address(credentials)],
        says: /can't be used: Redis refuses the user or the password \(WRONGPASS\): (?!.*secret)/,
      })),
      {
        args: ['status'],
        env: { MEERCAT_REDIS: address(':right-secret@') },
        // It was let in.
        says: /^meercat: this Redis has no fleet with the namespace meercat/,
      },
    ]);
  }));

test("a taken port, also the console's, and an address of another machine end a balancer with one line and exit code 1", () =>
  withServer(
    () => undefined,
    async ({ port }) => {
      const free = await freePort();
      const flags = ['balancer', '--redis', NO_REDIS, '--bind', '127.0.0.1', '--log-level', 'error'];
      await areRefused(1, [
        {
          args: [...flags, '--port', String(free), '--console-port', String(port)],
          says: new RegExp(`^meercat: the console's port ${port} is taken: choose another with --console-port$`),
        },
      ]);
      const refusalOf = (overrides: Parameters<typeof buildConfig>[0]): Promise<unknown> =>
        startBalancer(buildConfig(overrides), () => undefined, keepInnerThread).then(
          (balancer) => balancer.stop(),
          ({ code, message }: MeercatError) => [code, message],
        );
      assert.equal(await refusalOf({ port }), ['MEERCAT_PORT_TAKEN', `port ${port} on 127.0.0.1 is taken: choose another with --port`]);
      assert.equal(await refusalOf({ bind: '192.0.2.1', port: free, consoleBind: '127.0.0.1' }), [
        'MEERCAT_START_FAILED',
        `can't listen on 192.0.2.1:${free} (EADDRNOTAVAIL): check --bind and --port`,
      ]);
    },
  ));

const TOKEN = 'a-token-of-this-test-0123';

interface Asked {
  /** The line of its log that says that it serves, and its health page. */
  readonly standing: Record<string, unknown>;
  /** The statuses of its console: a page for everybody, and one that does not exist, without a token and with it. */
  readonly statuses: readonly number[];
}

/** Asks a balancer that is started with this token. */
async function askConsole(child: RunningProcess): Promise<Asked> {
  const [line] = await child.waitForLine(/^.*"msg":"serving".*$/);
  const serving = JSON.parse(line) as Record<string, unknown>;
  const origin = `http://127.0.0.1:${new URL(String(serving['console'])).port}`;
  const authorization = `Bearer ${TOKEN}`;
  const ask = (path: string, headers: Record<string, string> = {}): Promise<Response> => fetch(`${origin}${path}`, { headers });
  const health = (await (await ask('/.meercat/health', { authorization })).json()) as Record<string, unknown>;
  const answers = [await ask('/.meercat/live'), await ask('/x', { authorization: 'Basic wrong' }), await ask('/x', { authorization })];
  return { standing: { ...serving, ...health }, statuses: answers.map(({ status }) => status) };
}

test('a balancer takes every setting from the environment, repeatable ones separated by spaces, and warns of variables that it does not know', async () => {
  const [port, consolePort] = [await freePort(), await freePort()];
  const env = {
    MEERCAT_REDIS: 'redis://127.0.0.1:1 redis://127.0.0.1:2  redis://127.0.0.1:3',
    MEERCAT_PORT: String(port),
    MEERCAT_CONSOLE_PORT: String(consolePort),
    MEERCAT_CONSOLE_TOKEN: TOKEN,
    MEERCAT_BIND: '127.0.0.1',
    MEERCAT_NAME: 'from-environment',
    MEERCAT_ALGORITHM: 'round-robin',
    MEERCAT_HOST: 'http://127.0.0.1:3000 http://127.0.0.1:3001,name=second',
    MEERCAT_LOG_LEVEL: 'debug',
    // What is turned off by a variable is off, and an empty one is unset.
    MEERCAT_HOST_INSECURE: 'false',
    MEERCAT_ACCEPT_PROXY: '0',
    MEERCAT_LEASE_TTL: '',
    MEERCAT_NAMESPACE: ' ',
    // No command knows this one; the others know theirs.
    MEERCAT_EJECT_AFER: '1',
    MEERCAT_URL: 'nonsense of an agent',
    MEERCAT_BALANCERS: 'nonsense of `up`',
  };
  await withMeercat(
    ['balancer'],
    async (child) => {
      const { standing, statuses } = await askConsole(child);
      const { name, url, console, algorithm, hosts } = standing;
      assert.equal(
        { name, url, console, algorithm, hosts },
        {
          name: 'from-environment',
          url: `http://127.0.0.1:${port}`,
          console: `http://127.0.0.1:${consolePort}`,
          algorithm: 'round-robin',
          hosts: 2,
        },
      );
      assert.equal(statuses, [200, 401, 404]);
      child.kill();
      assert.is((await ended(child)).code, 0);
      const warnings = logOf(child).filter(({ level }) => level === 'warn');
      assert.equal(
        warnings.filter(({ msg }) => String(msg).includes('is not known')).map(({ variable, nearest }) => [variable, nearest]),
        [['MEERCAT_EJECT_AFER', 'MEERCAT_EJECT_AFTER']],
      );
      assert.not(warnings.some(({ msg }) => String(msg).includes('NOT verified')));
      assert.is(logOf(child).length, child.stderr.length, 'all of its log is JSON');
      assert.not.match(child.lines.join('\n'), /a-token-of-this-test/);
    },
    env,
  );
});

test('a flag comes before the environment; a balancer that Redis does not let in serves its static hosts, says so once, and prints no secret', () =>
  withTempDir((dir) =>
    withRedis({ args: ['--requirepass', 'right-secret'] }, ({ port: redisPort }) =>
      withServer(
        (_request, response) => void response.end('hello'),
        async (host) => {
          const file = join(dir, 'token');
          writeFileSync(file, `${TOKEN}\n`);
          const port = await freePort();
          const flags = [
            ...['--redis', `redis://:wrong-secret@127.0.0.1:${redisPort}`, '--name', 'from-flag', '--algorithm', 'resource'],
            ...['--port', String(port), '--bind', '127.0.0.1', '--console-bind', '0.0.0.0', '--console-token-file', file],
            ...['--host', host.url, '--host', `http://localhost:${host.port}`, '--log-level', 'debug'],
          ];
          const env = {
            MEERCAT_REDIS: 'nonsense also',
            MEERCAT_NAME: 'from-environment',
            MEERCAT_PORT: 'x',
            MEERCAT_BIND: '192.0.2.1',
            MEERCAT_ALGORITHM: 'round-robin',
            MEERCAT_HOST: 'http://127.0.0.1:3000,name=other',
          };
          await withMeercat(
            ['balancer', ...flags],
            async (child) => {
              const { standing, statuses } = await askConsole(child);
              const { name, url, algorithm, hosts } = standing;
              assert.equal(
                { name, url, algorithm, hosts },
                { name: 'from-flag', url: `http://127.0.0.1:${port}`, algorithm: 'resource', hosts: 2 },
              );
              assert.equal(statuses, [200, 401, 404]);
              assert.is(await (await fetch(String(url))).text(), 'hello');
              // Long enough for several attempts, each as wrong as the first; and until it checks its hosts itself, which it says too.
              const isAlone = (): boolean => logOf(child).some(({ msg }) => String(msg).startsWith('no master is heard'));
              await until(() => isAlone() && logOf(child).filter(({ msg }) => msg === 'a heartbeat could not be written').length > 1, {
                everyMs: 100,
                what: 'two heartbeats, and the search for a master to be given up',
              });
              // A machine that stalls may keep Redis from saying it in time, which is another reason, said once too.
              const warnings = logOf(child).filter(
                ({ level, msg, reason }) =>
                  level !== 'info' && level !== 'debug' && (!String(msg).startsWith('redis is') || /WRONGPASS/.test(String(reason))),
              );
              assert.equal(
                warnings.map(({ level, msg, redis }) => [level, String(msg).split(/[:;]/, 1)[0], redis]),
                [
                  ['warn', 'redis is not reachable', `redis://127.0.0.1:${redisPort}`],
                  ['warn', 'no master is heard', undefined],
                ],
              );
              assert.match(String(warnings[0]?.['reason']), /WRONGPASS/);
              child.kill();
              assert.is((await ended(child)).code, 0);
              assert.not.match(child.lines.join('\n'), /secret|a-token-of-this-test/);
            },
            env,
          );
        },
      ),
    ),
  ));

test("the console's token comes from one place, and one that is too short is refused without being printed", () =>
  withTempDir(async (dir) => {
    const file = join(dir, 'token');
    writeFileSync(file, `${TOKEN}\n`);
    const flags = ['balancer', '--redis', NO_REDIS, '--port', '0', '--bind', '127.0.0.1', '--console-bind', '0.0.0.0'];
    await areWrongUsage([
      {
        args: [...flags, '--console-token-file', file],
        env: { MEERCAT_CONSOLE_TOKEN: TOKEN },
        says: /^meercat: --console-token-file and MEERCAT_CONSOLE_TOKEN are both set: /,
      },
      {
        args: flags,
        env: { MEERCAT_CONSOLE_TOKEN: TOKEN, MEERCAT_CONSOLE_TOKEN_FILE: file },
        says: /^meercat: MEERCAT_CONSOLE_TOKEN_FILE and MEERCAT_CONSOLE_TOKEN are both set: /,
      },
      {
        args: flags,
        env: { MEERCAT_CONSOLE_TOKEN: 'too-short' },
        says: /^(?!.*too-short).*MEERCAT_CONSOLE_TOKEN: a token has 16 to 512 letters/,
      },
    ]);
  }));

test('what only the command starts by itself is no secret passage: it checks its flags too', () =>
  areWrongUsage([
    { args: ['demo-host', '--name', 'h1'], says: /required option '--port <port>' not specified/ },
    { args: ['demo-host', '--name', 'h1', '--port', 'x'], says: /--port: a whole number/ },
    { args: ['embedded-redis', '--port', '-1'], says: /--port: a whole number/ },
  ]));

test.run();
