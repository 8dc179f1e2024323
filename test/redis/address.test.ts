// Addresses of Redis as users write them: every form, and every wrong one with a message that names the
// flag, shows the forms, and never holds a password.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { MeercatError } from '../../lib/errors.js';
import { completeAddress, describeAddress, parseRedisAddress, type RedisAddress } from '../../lib/redis/address.js';

const test = suite('address');

const single = (host: string, port = 6379, more: Partial<RedisAddress> = {}): RedisAddress => ({
  kind: 'single',
  isTls: false,
  endpoints: [{ host, port }],
  db: 0,
  ...more,
});

const FORMS: readonly [string, RedisAddress, string][] = [
  ['redis://h', single('h'), 'redis://h:6379'],
  ['redis://127.0.0.1:6380', single('127.0.0.1', 6380), 'redis://127.0.0.1:6380'],
  ['redis://h/', single('h'), 'redis://h:6379'],
  ['redis://h:1/5', single('h', 1, { db: 5 }), 'redis://h:1/5'],
  ['redis://h?db=7', single('h', 6379, { db: 7 }), 'redis://h:6379/7'],
  ['  redis://h  \n', single('h'), 'redis://h:6379'],
  ['REDIS://Redis-1.example_x:65535', single('Redis-1.example_x', 65_535), 'redis://Redis-1.example_x:65535'],
  ['rediss://h:6380', single('h', 6380, { isTls: true }), 'rediss://h:6380'],
  ['redis://[::1]', single('::1'), 'redis://[::1]:6379'],
  ['redis://[fe80::1:2]:7000/2', single('fe80::1:2', 7000, { db: 2 }), 'redis://[fe80::1:2]:7000/2'],
  ['redis://[::ffff:10.0.0.1]:7000', single('::ffff:10.0.0.1', 7000), 'redis://[::ffff:10.0.0.1]:7000'],
  ['redis://user:pw@h', single('h', 6379, { username: 'user', password: 'pw' }), 'redis://h:6379'],
  ['redis://:pw@h', single('h', 6379, { password: 'pw' }), 'redis://h:6379'],
  ['redis://user@h', single('h', 6379, { username: 'user' }), 'redis://h:6379'],
  ['redis://:@h', single('h'), 'redis://h:6379'],
  ['redis://us%3Aer:p%40%2F%3A%25%3F%23w@h:1/3', single('h', 1, { username: 'us:er', password: 'p@/:%?#w', db: 3 }), 'redis://h:1/3'],
  ['redis://:p@ss:wörd@h', single('h', 6379, { password: 'p@ss:wörd' }), 'redis://h:6379'],
  ['redis://u:%E5%90%8D@[::1]:1', single('::1', 1, { username: 'u', password: '名' }), 'redis://[::1]:1'],
  [
    'redis+sentinel://h1,h2:26380/my%20master?db=3',
    {
      kind: 'sentinel',
      isTls: false,
      endpoints: [
        { host: 'h1', port: 26_379 },
        { host: 'h2', port: 26_380 },
      ],
      masterName: 'my master',
      db: 3,
    },
    'redis+sentinel://h1:26379,h2:26380/my master',
  ],
  [
    'rediss+sentinel://u:p@[::1]:1,h/mymaster',
    {
      kind: 'sentinel',
      isTls: true,
      endpoints: [
        { host: '::1', port: 1 },
        { host: 'h', port: 26_379 },
      ],
      masterName: 'mymaster',
      username: 'u',
      password: 'p',
      db: 0,
    },
    'rediss+sentinel://[::1]:1,h:26379/mymaster',
  ],
  [
    'redis+sentinel://u:p@h/m?sentinelPassword=a+b%26c&sentinelUsername=watch&db=2',
    {
      kind: 'sentinel',
      isTls: false,
      endpoints: [{ host: 'h', port: 26_379 }],
      masterName: 'm',
      username: 'u',
      password: 'p',
      sentinelUsername: 'watch',
      sentinelPassword: 'a+b&c',
      db: 2,
    },
    'redis+sentinel://h:26379/m',
  ],
  [
    'rediss+sentinel://h/m?ca=/etc/ca.pem&sentinelPassword=s',
    {
      kind: 'sentinel',
      isTls: true,
      endpoints: [{ host: 'h', port: 26_379 }],
      masterName: 'm',
      caFile: '/etc/ca.pem',
      sentinelPassword: 's',
      db: 0,
    },
    'rediss+sentinel://h:26379/m',
  ],
  [
    'rediss://h?ca=ca.pem&cert=c.pem&key=k.pem',
    single('h', 6379, { isTls: true, caFile: 'ca.pem', certFile: 'c.pem', keyFile: 'k.pem' }),
    'rediss://h:6379',
  ],
  ['redis://h?', single('h'), 'redis://h:6379'],
  [
    'redis+cluster://h1:1,h2',
    {
      kind: 'cluster',
      isTls: false,
      endpoints: [
        { host: 'h1', port: 1 },
        { host: 'h2', port: 6379 },
      ],
      db: 0,
    },
    'redis+cluster://h1:1,h2:6379',
  ],
  [
    'rediss+cluster://:p@h1',
    { kind: 'cluster', isTls: true, endpoints: [{ host: 'h1', port: 6379 }], password: 'p', db: 0 },
    'rediss+cluster://h1:6379',
  ],
];

for (const [text, expected, described] of FORMS) {
  test(`${text.trim()} is parsed, and described without its password`, () => {
    const address = parseRedisAddress(text);
    assert.equal(address, expected);
    assert.is(describeAddress(address), described);
  });
}

const SECRET = 'hunter2';
const WRONG: readonly string[] = [
  '',
  'redis',
  'redis:',
  'redis://',
  'redis:/h',
  'h',
  'h:6379',
  '127.0.0.1:6379',
  'http://h',
  'unix:///tmp/redis.sock',
  'redis+tls://h',
  'constructor://h',
  'redis+://h',
  'redis://:6379',
  'redis://h:',
  'redis://h:0',
  'redis://h:65536',
  'redis://h:abc',
  'redis://h:-1',
  'redis://h:1:2',
  'redis://h h',
  'redis://::1',
  'redis://[::1',
  'redis://[zz]',
  'redis://h\n',
  'redis://h1,h2',
  'redis://h,',
  'redis://h/x',
  'redis://h/-1',
  'redis://h/1.5',
  'redis://h/1/2',
  'redis://h/999999',
  'redis://h?db=x',
  'redis://h?x=1',
  'redis://h?DB=1',
  'redis://h?db',
  'redis://h?db=',
  'redis://h?db=1&db=1',
  'redis://h/1?db=1',
  'redis://h?db=1?db=2',
  'redis+cluster://h?db=0',
  'redis://h?ca=x',
  'redis://h?ca=%zz',
  'rediss://h?cert=x',
  'rediss://h?key=x',
  'redis://h?sentinelPassword=x',
  'redis+cluster://h?sentinelUsername=x',
  'redis+sentinel://h/m?sentinelPassword=%zz',
  'redis+sentinel://h/m?ca=x',
  `redis://u:x?${SECRET}@h`,
  `redis+sentinel://h/m?${SECRET}=1`,
  `redis://h?sentinelPassword=${SECRET}`,
  `redis+sentinel://h/m?sentinelPassword=${SECRET}&sentinelPassword=${SECRET}`,
  'redis+sentinel://h',
  'redis+sentinel://h/',
  'redis+sentinel://h/%zz',
  'redis+sentinel://,/m',
  'redis+cluster://h/1',
  'redis+cluster://',
  'redis+cluster://h?db=x',
  `redis://:${SECRET}`,
  `redis://${SECRET}%zz@h`,
  `redis://u:${SECRET}%zz@h`,
  `redis://:${SECRET}@h:abc`,
  `redis://:${SECRET}@`,
  `redis://u:${SECRET}@h/x`,
  `redis://u:${SECRET}?x@h`,
  `http://u:${SECRET}@h`,
  `${SECRET}://h`,
  `redis+cluster://u:${SECRET}@h/1`,
  `redis+sentinel://u:${SECRET}@h`,
  `redis://h/${SECRET}`,
  `redis://u:${SECRET}@h,h2`,
  `redis:// :${SECRET}@h h`,
  `redis://h?db=${SECRET}`,
  `u:${SECRET}@h`,
];

for (const text of WRONG) {
  test(`${JSON.stringify(text)} is refused`, () => {
    // A line break at the end is white space around the address, and no fault.
    if (text.trim() !== text) return assert.is(parseRedisAddress(text).kind, 'single');
    let error: MeercatError | undefined;
    try {
      parseRedisAddress(text);
    } catch (thrown) {
      error = thrown as MeercatError;
    }
    assert.is(error?.code, 'MEERCAT_BAD_CONFIG');
    assert.match(error?.message ?? '', /^--redis: .*; use redis:\/\//);
    assert.not.match(error?.message ?? '', SECRET);
    assert.not.match(error?.stack ?? '', SECRET);
    assert.not.match(error?.message ?? '', /\n/);
  });
}

test('a certificate with an address without TLS is refused: the missing encryption would go unnoticed', () => {
  for (const variable of ['MEERCAT_REDIS_CA', 'MEERCAT_REDIS_CERT', 'MEERCAT_REDIS_KEY']) {
    for (const address of ['redis://h', 'redis+sentinel://h/m', 'redis+cluster://h']) {
      assert.throws(() => completeAddress(address, { [variable]: 'x.pem' }), new RegExp(`not encrypted, but ${variable} is set`));
    }
  }
});

test('variables complete an address of their kind, and its own parameters take precedence', () => {
  const all = {
    MEERCAT_SENTINEL_PASSWORD: 'p w&',
    MEERCAT_SENTINEL_USERNAME: 'u',
    MEERCAT_REDIS_CA: '/ca one.pem',
    MEERCAT_REDIS_CERT: '',
    OTHER: 'x',
  };
  for (const [text, variables, expected] of [
    ['redis://h', { ...all, MEERCAT_REDIS_CA: '' }, 'redis://h'],
    [' rediss://h ', all, 'rediss://h?ca=%2Fca%20one.pem'],
    ['rediss://h?db=1', all, 'rediss://h?db=1&ca=%2Fca%20one.pem'],
    ['rediss://h?', { MEERCAT_REDIS_CA: 'x' }, 'rediss://h?ca=x'],
    ['rediss://h?ca=own', all, 'rediss://h?ca=own'],
    ['redis+sentinel://h/m', { ...all, MEERCAT_REDIS_CA: '' }, 'redis+sentinel://h/m?sentinelUsername=u&sentinelPassword=p%20w%26'],
    ['redis+sentinel://h/m?sentinelPassword=own', { MEERCAT_SENTINEL_PASSWORD: 'x' }, 'redis+sentinel://h/m?sentinelPassword=own'],
    ['redis+cluster://h', { MEERCAT_SENTINEL_PASSWORD: 'x' }, 'redis+cluster://h'],
    ['nonsense', all, 'nonsense'],
    ['redis+sentinel://h/m', {}, 'redis+sentinel://h/m'],
  ] as const) {
    assert.is(completeAddress(text, variables), expected);
  }
  const { sentinelUsername, sentinelPassword } = parseRedisAddress(
    completeAddress('redis+sentinel://h/m', { ...all, MEERCAT_REDIS_CA: '' }),
  );
  assert.equal([sentinelUsername, sentinelPassword], ['u', 'p w&']);
});

test('a description never contains user or password, whatever their characters', () => {
  for (const secret of ['hunter2', 'h', '6379', 'redis']) {
    const address = parseRedisAddress(`redis://admin-${secret}:pw-${secret}@host:1`);
    assert.is(describeAddress(address), 'redis://host:1');
  }
});

test.run();
