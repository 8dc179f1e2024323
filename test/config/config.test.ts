// The configuration's parsers, by tables: what each accepts and gives, and what each refuses, with a message
// that names the flag and says what is possible. Pure: no process, no Redis.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type BalancerConfig,
  checkRelations,
  checkFleet,
  DEFAULTS,
  defaultHostName,
  formatDuration,
  formatStatuses,
  machineName,
  parseAlgorithm,
  parseAddress,
  parseAuthority,
  parseCores,
  parseDuration,
  parseInteger,
  parseLogLevel,
  parseOrigin,
  parseGrpcService,
  parsePath,
  parsePort,
  parseSize,
  parseStaticHost,
  parseStatuses,
} from '../../lib/config/config.js';
import { formatStaticHost } from '../../lib/config/values.js';
import { MeercatError } from '../../lib/errors.js';
import { isName } from '../../lib/redis/names.js';

const test = suite('config');

/** Runs it, which must refuse with MEERCAT_BAD_CONFIG in one line; gives the line. */
function refusal(run: () => unknown): string {
  try {
    const value = run();
    throw new Error(`it was accepted and gave ${JSON.stringify(value)}`);
  } catch (error) {
    assert.instance(error, MeercatError, String(error));
    const { code, message } = error as MeercatError;
    assert.is(code, 'MEERCAT_BAD_CONFIG');
    assert.not.match(message, /\n/);
    assert.ok(message.length < 300, message);
    return message;
  }
}

const DURATIONS: readonly (readonly [text: string, ms: number])[] = [
  ['500ms', 500],
  ['2s', 2000],
  ['1m', 60_000],
  ['1.5s', 1500],
  ['0.5m', 30_000],
  ['750', 750],
  ['100ms', 100],
  ['60s', 60_000],
];

test('a duration has a unit; a bare number is milliseconds', () => {
  for (const [text, ms] of DURATIONS) assert.is(parseDuration('--x', text, 100, 60_000), ms, text);
});

test('what is no duration, or out of bounds, is refused with the bounds and examples', () => {
  for (const text of [
    '',
    ' ',
    's',
    'ms',
    '1h',
    '1d',
    '-1s',
    '+1s',
    '1e3',
    '1,5s',
    '.5s',
    '1.s',
    '0x10',
    'NaN',
    'Infinity',
    '1s1s',
    '99ms',
    '61s',
    '9'.repeat(400),
  ]) {
    assert.match(
      refusal(() => parseDuration('--x', text, 100, 60_000)),
      /^--x: a duration from 100ms to 1m, such as 500ms, 2s or 1m, not "/,
      text,
    );
  }
});

test('a duration is written as a person writes it, and reads back the same', () => {
  for (const [ms, text] of [
    [0, '0ms'],
    [1, '1ms'],
    [999, '999ms'],
    [1000, '1s'],
    [1500, '1500ms'],
    [60_000, '1m'],
    [90_000, '90s'],
    [3_600_000, '60m'],
    [8 * 3_600_000, '8h'],
    [8.5 * 3_600_000, '510m'],
  ] as const) {
    assert.is(formatDuration(ms), text);
    assert.is(parseDuration('--x', text, 0, 10 * 3_600_000), ms);
  }
  assert.is(parseDuration('--x', '1.5h', 0, 10 * 3_600_000), 90 * 60_000);
});

test('a port is a whole number from 0 to 65535', () => {
  for (const [text, port] of [
    ['0', 0],
    ['1', 1],
    ['8080', 8080],
    ['65535', 65_535],
    ['080', 80],
  ] as const)
    assert.is(parsePort('--port', text), port, text);
  for (const text of ['', ' ', '-1', '65536', '80.5', '8080a', '0x50', '1e3', 'http', '99999999999999999999']) {
    assert.match(
      refusal(() => parsePort('--port', text)),
      /^--port: a whole number from 0 to 65535, not "/,
      text,
    );
  }
  assert.match(
    refusal(() => parseInteger('--hosts', '65', 1, 64)),
    /^--hosts: a whole number from 1 to 64, not "65"/,
  );
});

test('no number has blanks, before it, behind it or within', () => {
  for (const text of [' 80', '80 ', '8 0', '80\n', '\t80']) {
    assert.match(
      refusal(() => parsePort('--port', text)),
      /^--port: a whole number/,
      text,
    );
    assert.match(
      refusal(() => parseSize('--x', text, 0, 1000)),
      /^--x: a size/,
      text,
    );
    assert.match(
      refusal(() => parseDuration('--x', text, 0, 1000)),
      /^--x: a duration/,
      text,
    );
    assert.match(
      refusal(() => parseCores(text)),
      /^--cores: a number above 0/,
      text,
    );
  }
  for (const text of ['1 s', '1s ']) assert.throws(() => parseDuration('--x', text, 0, 1000), /^--x: a duration/);
  for (const text of ['1 k', ' 1k']) assert.throws(() => parseSize('--x', text, 0, 2000), /^--x: a size/);
  assert.equal(['2', '0.5', '4096'].map(parseCores), [2, 0.5, 4096]);
});

test('an address to listen on is an address, not a name', () => {
  for (const [text, address] of [
    ['127.0.0.1', '127.0.0.1'],
    [' 0.0.0.0 ', '0.0.0.0'],
    ['::', '::'],
    ['fd00::1', 'fd00::1'],
  ] as const)
    assert.is(parseAddress('--x', text), address);
  for (const text of ['', 'localhost', '[::1]', '127.0.0.1:80', '127.1', '10.0.0.0/8', '*'])
    assert.match(
      refusal(() => parseAddress('--x', text)),
      /^--x: an address such as 127\.0\.0\.1, 0\.0\.0\.0 or ::1, not "/,
      text,
    );
});

const ORIGINS: readonly (readonly [text: string, origin: string])[] = [
  ['http://10.0.0.7:3000', 'http://10.0.0.7:3000'],
  ['http://10.0.0.7:3000/', 'http://10.0.0.7:3000'],
  [' http://a:1 ', 'http://a:1'],
  ['http://a:80', 'http://a'],
  ['h2://10.0.0.7:50051', 'h2://10.0.0.7:50051'],
  ['H2://API.internal:80/', 'h2://api.internal'],
  ['h2://0x7f.1:1', 'h2://127.0.0.1:1'],
  ['h2+tls://a:443', 'h2+tls://a'],
  ['h2+tls://[::1]:8443', 'h2+tls://[::1]:8443'],
  ['https://a:443', 'https://a'],
  ['https://a:8443', 'https://a:8443'],
  ['HTTP://Host:1', 'http://host:1'],
  ['http://[::1]:8080', 'http://[::1]:8080'],
];

const NO_ORIGINS = [
  '',
  'a',
  'a:80',
  '10.0.0.7:3000',
  'ftp://a',
  'redis://a',
  'http://',
  'http://a:0',
  'http://a:70000',
  'http://a/path',
  'http://a?x=1',
  'http://a#x',
  'http://user@a',
  'http://user:secret@a',
  'javascript:alert(1)',
  `http://${'a'.repeat(600)}`,
  'http://a b',
  'h2:a',
  'h2://',
  'h2:///a',
  'h2://a/path',
  'h2://user@a',
  'h2://a:0',
  'h2+ssl://a',
  'h2+tls:\\\\a',
  'h2c://a',
];

test("a host's URL is an origin, written one way", () => {
  for (const [text, origin] of ORIGINS) assert.is(parseOrigin('--url', text), origin, text);
  for (const text of NO_ORIGINS)
    assert.match(
      refusal(() => parseOrigin('--url', text)),
      /^--url: .* is not http:\/\/host:port or https:\/\/host:port, or for HTTP\/2 h2:\/\/host:port or h2\+tls:\/\/host:port$/,
      text,
    );
});

test('a static host has the name that it is given, else one from its URL', () => {
  for (const [text, name, url] of [
    ['http://10.0.0.7:3000', '10.0.0.7-3000', 'http://10.0.0.7:3000'],
    ['http://10.0.0.7:3000,name=web1', 'web1', 'http://10.0.0.7:3000'],
    ['http://a', 'a-80', 'http://a'],
    ['https://a', 'a-443', 'https://a'],
    ['http://[::1]:8080', '1--8080', 'http://[::1]:8080'],
    ['http://a:1, name=x', 'x', 'http://a:1'],
    ['http://a:1,name=x.y_z:1-2', 'x.y_z:1-2', 'http://a:1'],
  ] as const) {
    assert.equal(parseStaticHost(text), { name, url }, text);
  }
});

test('a static host can be a DNS name for several hosts, or a service', () => {
  for (const [text, host] of [
    ['dns+http://api.internal:3000', { name: 'api.internal-3000', url: 'http://api.internal:3000', discovery: 'dns' }],
    ['dns+https://api.internal,name=api', { name: 'api', url: 'https://api.internal', discovery: 'dns' }],
    ['dns+h2://api.internal:50051', { name: 'api.internal-50051', url: 'h2://api.internal:50051', discovery: 'dns' }],
    ['srv+http://_api._tcp.internal', { name: 'api._tcp.internal', url: 'http://_api._tcp.internal', discovery: 'srv' }],
  ] as const) {
    assert.equal(parseStaticHost(text), host);
    assert.equal(parseStaticHost(formatStaticHost(host)), host);
  }
  for (const [text, reason] of [
    ['dns+http://10.0.0.7:3000', /a DNS name is needed/],
    ['dns+http://[::1]:3000', /a DNS name is needed/],
    ['srv+http://_api._tcp.internal:3000', /SRV records have ports/],
    ['srv+http://-x', /a DNS name is needed/],
    ['mdns+http://api:1', /is not http:\/\/host:port or .* after dns\+ or srv\+$/],
    ['dns+api:1', /is not http/],
    [`dns+http://api:1,name=${'x'.repeat(81)}`, /at most 80 characters/],
  ] as const)
    assert.match(
      refusal(() => parseStaticHost(text)),
      reason,
      text,
    );
});

test('a static host with a wrong URL, name or option is refused', () => {
  for (const text of NO_ORIGINS)
    assert.match(
      refusal(() => parseStaticHost(text)),
      /^--host: /,
      text,
    );
  for (const name of ['', '../x', 'a b', '-a', '.a', 'x'.repeat(129), 'a\nb', '\u001b[31m', 'ä', '__proto__']) {
    assert.match(
      refusal(() => parseStaticHost(`http://a:1,name=${name}`)),
      /^--host: name ".*": letters, digits and/,
      name,
    );
  }
  assert.match(
    refusal(() => parseStaticHost('http://a:1,weight=2')),
    /^--host: after the URL only name=NAME is understood, not "weight=2"$/,
  );
  assert.match(
    refusal(() => parseStaticHost('http://a:1,')),
    /^--host: after the URL only name=NAME/,
  );
});

test("the name that follows from any host's URL is a name", () => {
  for (const origin of [
    'http://a',
    'https://a.b.c:1',
    'http://[2001:db8::1]:80',
    'http://xn--bcher-kva.example',
    'http://_dmarc.example:1',
    `http://${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}:1`,
  ]) {
    assert.ok(isName(defaultHostName(origin)), defaultHostName(origin));
  }
  assert.ok(isName(machineName()));
});

test('the path of checks has no fragment, which no request of HTTP has', () => {
  for (const path of ['/', '/health', '/a?b=c', '/a%23b']) assert.is(parsePath('--health-path', path), path);
  for (const path of ['', 'health', '/a b', '/a#b', '/#', '/ä'])
    assert.match(
      refusal(() => parsePath('--health-path', path)),
      /^--health-path: a path such as \/health, without spaces and #, not "/,
      path,
    );
});

test('a service of gRPC has a name without blanks, and * is the whole server', () => {
  for (const text of ['a', 'shop.Orders', 'grpc.health.v1.Health', 'x'.repeat(256)]) assert.is(parseGrpcService('--x', text), text);
  assert.is(parseGrpcService('--x', '*'), '');
  for (const text of ['', ' ', 'a b', 'a*', '**', 'ä', 'a\n', 'x'.repeat(257)])
    assert.match(
      refusal(() => parseGrpcService('--health-grpc', text)),
      /^--health-grpc: the name of a gRPC service such as shop\.Orders, or \* for the whole server, not "/,
      text,
    );
});

test('the Host header of checks is a name or an address, perhaps with a port', () => {
  for (const text of [
    'a',
    'app.example',
    'app.example:8080',
    'my_host-1.x.',
    '10.0.0.1:1',
    '[::1]',
    '[2001:db8::1]:65535',
    `${'a'.repeat(253)}:80`,
  ])
    assert.is(parseAuthority('--x', text), text);
  for (const text of [
    '',
    ' ',
    'a b',
    ' a',
    'a\r\nX-Evil: 1',
    'a\n',
    'a\0',
    'a:',
    ':80',
    'a:0',
    'a:65536',
    'a:x',
    'a:1:2',
    'http://a',
    'a/b',
    'a?b',
    'user@a',
    'a,b',
    '::1',
    '[::1',
    '[]',
    '[::g]',
    '[1.2.3.4]',
    '[::1]x',
    'ä.example',
    'a'.repeat(254),
  ])
    assert.match(
      refusal(() => parseAuthority('--x', text)),
      /^--x: a name or an address, perhaps with a port, such as .*, not "/,
      text,
    );
});

test('statuses are codes and ranges, and are written as they are read', () => {
  for (const [text, written] of [
    ['200', '200'],
    ['200-399', '200-399'],
    ['200-399,401', '200-399,401'],
    [' 200 , 401-403 ', '200,401-403'],
    ['100-599', '100-599'],
    ['204-204', '204'],
    ['599,100', '599,100'],
  ] as const) {
    const ranges = parseStatuses('--x', text);
    assert.is(formatStatuses(ranges), written);
    assert.equal(parseStatuses('--x', written), ranges);
  }
  assert.equal(parseStatuses('--x', '200-399,401'), [
    { from: 200, to: 399 },
    { from: 401, to: 401 },
  ]);
  for (const text of [
    '',
    ' ',
    ',',
    '200,',
    ',200',
    '200,,201',
    '99',
    '600',
    '1000',
    '000',
    '399-200',
    '200-600',
    '99-200',
    '200-',
    '-200',
    '200-300-400',
    '2xx',
    '0xc8',
    '2e2',
    '200 201',
    '200;201',
    '+200',
    '200.0',
  ]) {
    assert.match(
      refusal(() => parseStatuses('--x', text)),
      /^--x: statuses from 100 to 599 and ranges of them, such as 200-399,401, not "/,
      text,
    );
  }
});

test('algorithms and log levels are known by their names alone', () => {
  assert.is(parseAlgorithm('round-robin'), 'round-robin');
  assert.is(parseAlgorithm('adaptive'), 'adaptive');
  for (const text of ['', 'random', 'Resource', 'round_robin', 'constructor']) {
    assert.match(
      refusal(() => parseAlgorithm(text)),
      /^--algorithm: one of adaptive, .*, not "/,
      text,
    );
  }
  for (const level of ['debug', 'info', 'warn', 'error', 'silent'] as const) assert.is(parseLogLevel(level), level);
  assert.match(
    refusal(() => parseLogLevel('loud')),
    /^--log-level: one of debug, info, warn, error, silent, not "loud"$/,
  );
});

test('a long value is not repeated whole in the message', () => {
  assert.ok(refusal(() => parseAlgorithm('x'.repeat(10_000))).length < 200);
});

const CONFIG: BalancerConfig = { ...DEFAULTS, consolePort: 9080, name: '', statics: [] };

test('the defaults pass every check, and are what the README says', () => {
  assert.is(checkRelations(CONFIG), CONFIG);
  assert.equal(
    [DEFAULTS.redis, DEFAULTS.namespace, DEFAULTS.port, DEFAULTS.algorithm, DEFAULTS.leaseTtlMs, DEFAULTS.drainTimeoutMs],
    [['redis://127.0.0.1:6379'], 'meercat', 8080, 'adaptive', 1500, 30_000],
  );
});

test('an odd number of Redis is a quorum; an even one, or none, is refused', () => {
  const urls = (count: number): string[] => Array.from({ length: count }, (_, i) => `redis://r${i}`);
  for (const count of [1, 3, 5]) checkRelations({ ...CONFIG, redis: urls(count) });
  for (const count of [2, 4]) {
    assert.match(
      refusal(() => checkRelations({ ...CONFIG, redis: urls(count) })),
      new RegExp(`^--redis: ${count} servers can split`),
    );
  }
  assert.match(
    refusal(() => checkRelations({ ...CONFIG, redis: [] })),
    /^--redis: no address/,
  );
});

test('one server that is named twice makes no quorum, however its address is written', () => {
  for (const redis of [
    ['redis://r1', 'redis://r1', 'redis://r1'],
    ['redis://r1', 'redis://r2', 'redis://R1:6379/3'],
    ['redis://r1', 'redis://r1'],
    ['redis://r1', 'rediss://:password@r1:6379', 'redis://r3'],
    ['redis://[::1]:7000', 'redis://[0:0::1]:7000', 'redis://r3'],
    ['redis+sentinel://s1,s2/main', 'redis+sentinel://s2:26379,s3/main', 'redis://r3'],
  ])
    assert.is(
      refusal(() => checkRelations({ ...CONFIG, redis })),
      '--redis names one server twice: each server of a quorum counts once',
      redis.join(' '),
    );
  for (const redis of [
    ['redis://r1', 'redis://r1:6380', 'redis://r3'],
    ['redis+sentinel://s1/a', 'redis+sentinel://s1/b', 'redis+sentinel://s1/c'],
  ])
    checkRelations({ ...CONFIG, redis });
});

test('two hosts of one name are refused, two names of one URL are not', () => {
  const [a, b] = [
    { name: 'a', url: 'http://a:1' },
    { name: 'b', url: 'http://a:1' },
  ];
  checkRelations({ ...CONFIG, statics: [a, b] });
  assert.match(
    refusal(() => checkRelations({ ...CONFIG, statics: [a, b, a] })),
    /^--host: two hosts have the name a; .*name=NAME/,
  );
});

test('the console needs a port of its own, unless both are any free one', () => {
  assert.match(
    refusal(() => checkRelations({ ...CONFIG, consolePort: CONFIG.port })),
    /^--console-port must differ from --port$/,
  );
  checkRelations({ ...CONFIG, port: 0, consolePort: 0 });
});

test('what only a check with a request has needs a path, or a service of gRPC', () => {
  assert.match(
    refusal(() => checkRelations({ ...CONFIG, healthGrpc: '', healthPath: '/' })),
    /^--health-grpc and --health-path are two ways to ask: leave one of them out$/,
  );
  checkRelations({ ...CONFIG, healthGrpc: '', healthHost: 'app.example' });
  const [healthPath, healthHost, healthExpect] = ['/health', 'app.example', [{ from: 200, to: 200 }]];
  checkRelations({ ...CONFIG, healthPath, healthHost, healthExpect });
  assert.match(
    refusal(() => checkRelations({ ...CONFIG, healthHost })),
    /^--health-host needs --health-path or --health-grpc$/,
  );
  assert.match(
    refusal(() => checkRelations({ ...CONFIG, healthExpect })),
    /^--health-expect needs --health-path$/,
  );
});

test("a balancer's name keeps the rule for names", () => {
  checkRelations({ ...CONFIG, name: 'b1' });
  assert.match(
    refusal(() => checkRelations({ ...CONFIG, name: 'b 1' })),
    /^--name: letters, digits and/,
  );
});

test('a namespace is short and printable, and on a Cluster it has braces', () => {
  for (const namespace of ['meercat', '{meercat}', 'a/b', 'x'.repeat(64)]) checkFleet(['redis://a'], namespace);
  for (const namespace of ['', ' ', 'a b', 'x'.repeat(65), 'a\nb', 'ä', '\u007f'])
    assert.match(
      refusal(() => checkFleet(['redis://a'], namespace)),
      /^--namespace: 1 to 64 printable/,
    );
  checkFleet(['redis+cluster://a'], '{meercat}');
  for (const namespace of ['meercat', '{}', 'meer}cat{', '{}{a}']) {
    assert.match(
      refusal(() => checkFleet(['redis+cluster://a'], namespace)),
      /^--namespace: .*braces, such as '\{meercat\}'/,
      namespace,
    );
  }
});

test('a namespace cannot reach into the keys of another one, nor be a pattern of Redis', () => {
  for (const namespace of ['nsx:host', ':', 'a:b', '{a:b}', '*', 'a*', 'a?', '[ab]', 'a\\b'])
    assert.match(
      refusal(() => checkFleet(['redis://a'], namespace)),
      /^--namespace: 1 to 64 printable ASCII characters without spaces and : \* \? \[ \] \\$/,
      namespace,
    );
});

test('a wrong Redis address is refused without being repeated', () => {
  for (const address of [
    'secret',
    'http://:secret@a',
    'redis://:secret@a:99999',
    'redis://:secret@a,b',
    'redis://:secret@',
    'redis://:sec%ZZret@a',
    'redis+sentinel://:secret@a',
    'redis+cluster://:secret@a/1',
    'redis://:secret@a/b',
  ]) {
    const message = refusal(() => checkFleet([address], 'meercat'));
    assert.match(message, /^--redis: .*use redis:\/\//);
    assert.not.match(message, /secret|sec%/, address);
  }
});

test.run();
