// What a program hands to startBalancer, startAgent and readFleet: what is missing is filled in, what is wrong is refused
// under the name that the program wrote, never under that of a flag, and no message holds a secret.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BALANCER_FLAGS } from '../../bin/balancer-flags.js';
import { DEFAULTS } from '../../lib/config/config.js';
import { FIELDS, NUMBER_FIELDS } from '../../lib/config/fields.js';
import { completeAgent, completeBalancer, completeFleet } from '../../lib/config/options.js';
import { MeercatError } from '../../lib/errors.js';
import { ALGORITHMS, checkBalancerConfig, createLog, parseStaticHost, readFleet, startAgent, startBalancer } from '../../lib/index.js';
import { codeIn, readPage, tableBelow } from '../support/documents.js';
import { NO_REDIS } from '../support/fleet.js';
import { freePort, withServer, withTempDir } from '../support/brackets.js';

const test = suite('options of programs');

/** The message of a refusal; fails when there is none. */
async function refusal(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    assert.ok(error instanceof MeercatError && error.code === 'MEERCAT_BAD_CONFIG', String(error));
    assert.not.match(error.message, /--|MEERCAT_|undefined|\[object|\n/, error.message);
    return error.message;
  }
  throw new Error('it was not refused');
}

/** Options as a program without types can write them. */
const balancer = (options: unknown) => () => completeBalancer(options as Parameters<typeof completeBalancer>[0]);
const agent = (options: unknown) => () => completeAgent(options as Parameters<typeof completeAgent>[0]);
const fleet = (options: unknown) => () => completeFleet(options as Parameters<typeof completeFleet>[0]);

test('the defaults are complete, pass every check, and are what nothing at all stands for', () => {
  assert.equal(Object.keys(DEFAULTS).toSorted(), Object.keys(FIELDS).toSorted());
  assert.equal(completeBalancer({}), DEFAULTS);
  assert.equal(completeBalancer(DEFAULTS), DEFAULTS);
  assert.equal(completeBalancer({ port: undefined, statics: undefined }), DEFAULTS);
  assert.equal(checkBalancerConfig({ port: 80, trust: ['10.0.0.0/8'] }), { ...DEFAULTS, port: 80, trust: ['10.0.0.0/8'] });
});

test('each field has the flag that sets it, with the same bounds', () => {
  for (const { field, flags, parse } of BALANCER_FLAGS.flatMap(([, each]) => each)) {
    const name = flags.split(' ', 1)[0] as string;
    assert.is(FIELDS[field].flag, name, field);
    if (!Object.hasOwn(NUMBER_FIELDS, field)) continue;
    const { min, max, accepts } = NUMBER_FIELDS[field as keyof typeof NUMBER_FIELDS];
    // Sizes without a limit are read up to 15 digits.
    const bounds = [min, Math.min(max, 999_999_999_999_999)];
    assert.equal(
      bounds.map((value) => parse?.(String(value))),
      bounds,
      name,
    );
    assert.equal(
      [min, max, min - 1, max + 1, min + 0.5, Number.NaN, String(min), null].map(accepts),
      [true, true, ...Array(6).fill(false)],
      name,
    );
    for (const value of [min - 1, ...(max < Number.MAX_SAFE_INTEGER ? [max + 1] : [])])
      assert.throws(
        () => parse?.(String(value)),
        (error: Error) => error.message.startsWith(`${name}:`),
        `${name} ${value}`,
      );
  }
});

const REFUSED: readonly (readonly [options: unknown, message: RegExp])[] = [
  [{ prot: 80 }, /^"prot" is not known; did you mean port\?$/],
  [{ leaseTTL: 2000 }, /^"leaseTTL" is not known; did you mean leaseTtlMs\?$/],
  [{ constructor: 1, zzzzzzzzzzzzzzzz: 1 }, /^"constructor" is not known/],
  [{ zzzzzzzzzzzzzzzz: 1 }, /^"zzzzzzzzzzzzzzzz" is not known$/],
  [null, /^the options: an object, not null$/],
  [[], /^the options: an object, not \[\]$/],
  [{ port: '80' }, /^port: a whole number from 0 to 65535, not "80"$/],
  [{ port: null }, /^port: a whole number from 0 to 65535, not null$/],
  [{ port: 65_536 }, /^port: .*, not 65536$/],
  [{ consolePort: -1 }, /^consolePort: a whole number from 0 to 65535, or null for 1000 above port, not -1$/],
  [{ port: 9000, consolePort: 9000 }, /^consolePort must differ from port$/],
  [{ leaseTtlMs: 499 }, /^leaseTtlMs: milliseconds, a whole number from 500 to 60000, not 499$/],
  [{ maxHeaderSize: 1 }, /^maxHeaderSize: bytes, a whole number from 1024 to 1048576, not 1$/],
  [{ maxUrlSize: 1 << 20 }, /^maxUrlSize is a part of maxHeaderSize: it must not be larger$/],
  [{ processes: 2 }, /^processes: only 1 in a program; /],
  [{ isPortShared: true }, /^isPortShared: only false in a program; /],
  [{ isPortShared: true, port: 0 }, /^isPortShared: only false in a program; /],
  [{ consoleToken: 'x' }, /^consoleToken: a token has 16 to 512 letters, digits and /],
  [{ consoleToken: 'x'.repeat(16) + ' y' }, /^consoleToken: a token has /],
  [{ acceptProxy: true }, /^"acceptProxy" is not known: it is isProxyAccepted$/],
  [{ host: [] }, /^"host" is not known: it is statics$/],
  [{ hostInsecure: true }, /^"hostInsecure" is not known: it is isHostInsecure$/],
  [{ keepLoadHeader: true }, /^"keepLoadHeader" is not known: it is isLoadHeaderKept$/],
  [{ maxEjected: 10 }, /^"maxEjected" is not known: it is maxEjectedPercent$/],
  [{ 'max-ejected': 10 }, /^"max-ejected" is not known: it is maxEjectedPercent$/],
  [{ leaseTtl: 2000 }, /^"leaseTtl" is not known: it is leaseTtlMs$/],
  [{ algorithm: 'random' }, /^algorithm: one of adaptive, .*, not "random"$/],
  [{ logLevel: 'loud' }, /^logLevel: one of debug, .*, not "loud"$/],
  [{ redis: 'redis://x' }, /^redis: a list of addresses, such as \["redis:\/\/10\.0\.0\.1:6379"\]$/],
  [{ redis: [] }, /^redis: no address is given$/],
  [{ redis: ['redis://a', 'redis://b'] }, /^redis: 2 servers can split into equal halves/],
  [{ redis: ['redis://a', 'redis://A:6379', 'redis://b'] }, /^redis names one server twice/],
  [{ redis: ['http://x'] }, /^redis: the address has no known scheme/],
  [{ redis: ['rediss://x?ca=/none.pem'] }, /^redis: ca=\/none\.pem: /],
  [{ namespace: 'a b' }, /^namespace: 1 to 64 printable/],
  [{ name: 'b 1' }, /^name: empty, or letters, digits/],
  [{ bind: '' }, /^bind: an address to listen on/],
  [{ consoleBind: 'localhost' }, /^consoleBind: an address such as 127\.0\.0\.1, .*, not "localhost"$/],
  [{ statics: ['http://a:1'] }, /^statics: a list of \{ name, url, discovery \}/],
  [{ statics: [{ name: 'a', url: 'a:1' }] }, /^statics: a list of \{ name, url, discovery \}, the url as http:\/\/host:port/],
  [{ statics: [{ name: 'a', url: 'http://a:1', weight: 2 }] }, /^statics: /],
  [{ statics: [{ name: 'a', url: 'http://a:1', discovery: 'mdns' }] }, /^statics: /],
  [{ statics: [{ name: 'a', url: 'http://10.0.0.1:1', discovery: 'dns' }] }, /^statics: /],
  [{ dnsServers: ['dns.test'] }, /^dnsServers: a list of addresses/],
  [
    {
      statics: [
        { name: 'a', url: 'http://a:1' },
        { name: 'a', url: 'http://b:1' },
      ],
    },
    /^statics: two hosts have the name a; give each its own$/,
  ],
  [{ trust: ['10.0.0.0/33'] }, /^trust: a list of addresses and ranges, .*, not \["10\.0\.0\.0\/33"\]$/],
  [{ isProxyAccepted: true }, /^isProxyAccepted needs trust CIDR: /],
  [{ isHostInsecure: 'yes' }, /^isHostInsecure: true or false, not "yes"$/],
  [{ hostCa: 'ca.pem', isHostInsecure: true }, /^hostCa means nothing with isHostInsecure/],
  [{ tlsCerts: ['a.pem'] }, /^tlsKeys: there are 1 of tlsCerts and 0 of tlsKeys/],
  [{ healthPath: 'health' }, /^healthPath: empty, or a path such as \/health, without spaces and #, not "health"$/],
  [{ healthPath: '/a#b' }, /^healthPath: .*, not "\/a#b"$/],
  [{ healthGrpc: 'a b' }, /^healthGrpc: null, or the name of a gRPC service, empty for the whole server, not "a b"$/],
  [{ healthGrpc: '*' }, /^healthGrpc: .*, not "\*"$/],
  [{ healthGrpc: '', healthPath: '/' }, /^healthGrpc and healthPath are two ways to ask: leave one of them out$/],
  [{ healthHost: 'app.example' }, /^healthHost needs healthPath or healthGrpc$/],
  [{ healthExpect: [{ from: 300, to: 200 }] }, /^healthExpect: a list of \{ from, to \}/],
  [{ ejectTimeMs: 60_000 }, /^ejectTimeMs must not be longer than ejectMaxTimeMs$/],
  [{ accessLogFile: 'x.log' }, /^accessLogFile needs accessLog common or json$/],
  [{ methods: ['get'] }, /^methods: a list of methods, such as \["GET", "HEAD"\], .*, not \["get"\]$/],
  [{ methods: ['GET,HEAD'] }, /^methods: /],
  [{ oddNames: () => 1 }, /^oddNames: one of refuse, drop, pass, not a function$/],
  [{ consoleToken: 'a-token-of-some-length', consoleTokenFile: 'x' }, /^consoleTokenFile and consoleToken are both set/],
];

test('what is wrong in the options of a balancer is refused by name, with what is possible', async () => {
  for (const [options, message] of REFUSED) assert.match(await refusal(balancer(options)), message);
});

test('what is wrong in the options of an agent or a fleet is refused likewise', async () => {
  const url = 'http://10.0.0.7:3000';
  for (const [run, message] of [
    [agent(undefined), /^the options: an object, not missing$/],
    [agent({}), /^url: http:\/\/host:port or https:\/\/host:port, or for HTTP\/2 h2:\/\/host:port or h2\+tls:\/\/host:port, not missing$/],
    [agent({ url: '10.0.0.7:3000' }), /^url: .*, not "10\.0\.0\.7:3000"$/],
    [agent({ url, interval: 1000 }), /^"interval" is not known: it is intervalMs$/],
    [agent({ url, cores: 2 }), /^"cores" is not known: it is coresLimit$/],
    [agent({ url, listenAgentCheck: 2 }), /^"listenAgentCheck" is not known: it is agentCheck$/],
    [() => startAgent({ url }, 5 as never), /^log: a function \(level, message, fields\), not 5$/],
    [() => startAgent({ url }, null as never), /^log: a function .*, not null$/],
    [() => startBalancer({ redis: [NO_REDIS] }, 'x' as never), /^log: a function .*, not "x"$/],
    [() => startBalancer({ redis: [NO_REDIS] }, {} as never), /^log: a function .*, not \{\}$/],
    [agent({ url, intervalMs: 10 }), /^intervalMs: milliseconds, a whole number from 100 to 60000, not 10$/],
    [agent({ url, name: '../x' }), /^name: letters, digits/],
    [agent({ url, coresLimit: 0 }), /^coresLimit: a number above 0, not 0$/],
    [agent({ url, agentCheck: { port: 1 } }), /^agentCheck: \{ port, bind \}, not \{"port":1\}$/],
    [agent({ url, redis: ['redis://x'] }), /^redis: an address, such as "redis:\/\/10\.0\.0\.1:6379"$/],
    [agent({ url, redis: 'redis+cluster://x' }), /^namespace: on Redis Cluster/],
    [() => startAgent({ url, probe: 'cpu' }, () => undefined), /^probe must be auto, /],
    [fleet({ name: 'x' }), /^"name" is not known; did you mean namespace\?$/],
    [fleet({ redis: 'x' }), /^redis: the address has no known scheme/],
    [() => parseStaticHost('10.0.0.8:3000'), /^parseStaticHost: "10\.0\.0\.8:3000" is not http:\/\/host:port/],
    [() => createLog('loud' as 'info', 'x'), /^level: one of debug, .*, not "loud"$/],
  ] as const)
    assert.match(await refusal(run), message);
});

test('the defaults and the list of algorithms cannot be changed', () => {
  const parts: object[] = [DEFAULTS, ALGORITHMS];
  for (const part of parts) {
    assert.ok(Object.isFrozen(part), JSON.stringify(part));
    parts.push(...Object.values(part).filter((value) => typeof value === 'object' && value !== null));
  }
  assert.ok(parts.length > 5);
});

test('an agent and a host have the origin of their URL, and an agent the name that follows from it', () => {
  const { name, url, redis, namespace, intervalMs, probe } = completeAgent({ url: 'http://App.example:80/' });
  assert.equal(
    [name, url, redis, namespace, intervalMs, probe],
    ['app.example-80', 'http://app.example', DEFAULTS.redis[0], 'meercat', 1000, 'auto'],
  );
  assert.equal(completeBalancer({ statics: [{ name: 'a', url: 'http://a:3000/' }] }).statics, [{ name: 'a', url: 'http://a:3000' }]);
});

test('no secret stands in a message', async () => {
  const secret = 'hunter2hunter2';
  for (const run of [
    balancer({ redis: `redis://:${secret}@x` }),
    balancer({ redis: [`http://:${secret}@x`] }),
    balancer({ consoleToken: [secret] }),
    fleet({ redis: [`redis://:${secret}@x`] }),
    () => startBalancer({ consoleToken: `${secret} ?` }),
  ])
    assert.not.match(await refusal(run), new RegExp(secret));
});

test('errors of the start itself name fields too, and leave nothing open', () =>
  withTempDir(async (dir) => {
    const quiet = { redis: [NO_REDIS], bind: '127.0.0.1', logLevel: 'silent' } as const;
    assert.match(await refusal(() => startBalancer({ ...quiet, hostCa: `${dir}/none.pem` })), /^hostCa/);
    assert.match(await refusal(() => startBalancer({ ...quiet, tlsCerts: [`${dir}/none`], tlsKeys: [`${dir}/none`] })), /^tlsCerts/);
    await withServer(
      () => undefined,
      async ({ port }) => {
        const taken = await startBalancer({ ...quiet, port }).then(
          () => undefined,
          (error: unknown) => error as MeercatError,
        );
        assert.is(taken?.code, 'MEERCAT_PORT_TAKEN');
        assert.not.match(taken?.message ?? '', /--/);
      },
    );
    const unread = await readFleet({ redis: NO_REDIS }).then(
      () => undefined,
      (error: unknown) => error as MeercatError,
    );
    assert.equal([unread?.code, unread?.message.includes('--')], ['MEERCAT_NO_REDIS', false]);
  }));

test('a balancer starts with part of a configuration, says where it listens, and stops', async () => {
  const port = await freePort();
  const lines: string[] = [];
  const started = await startBalancer(
    { redis: [NO_REDIS], port, bind: '127.0.0.1', statics: [{ name: 'a', url: 'http://127.0.0.1:1' }] },
    (_level, message) => {
      lines.push(message);
    },
  );
  try {
    const fields = tableBelow(readPage('docs/library.md'), '## `startBalancer(options?, log?)`').flatMap(([cell = '']) => codeIn(cell));
    assert.equal(Object.keys(started).toSorted(), fields.map((field) => field.replace('()', '')).toSorted());
    assert.equal([started.port, started.consolePort, started.role], [port, port + 1000, 'slave']);
    assert.ok(lines.includes('serving'));
    started.reloadTls();
  } finally {
    await started.stop();
  }
});

test.run();
