// What is said of an error of Redis or ioredis: one phrase, with what to do, and never what was sent.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isDenial, needsOperator, reasonOf } from '../../lib/redis/reason.js';

const test = suite('reasons');

/** An error as ioredis makes it from Redis's answer to a command. */
const reply = (message: string, name = 'hset', args: readonly string[] = ['key', 'hunter2']): Error =>
  Object.assign(new Error(message), { name: 'ReplyError', command: { name, args } });
const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });

const ADVICE = 'grant it with ACL SETUSER; deploy/redis/meercat.acl has what each part of Meercat needs';

const REFUSALS: readonly [Error, string | RegExp][] = [
  [
    reply('WRONGPASS invalid username-password pair or user is disabled.', 'hello', ['3', 'AUTH', 'ann', 'hunter2']),
    'Redis refuses the user or the password (WRONGPASS): correct them in --redis or MEERCAT_REDIS',
  ],
  [reply('ERR invalid password', 'auth', ['hunter2']), /^Redis refuses the user or the password \(WRONGPASS\)/],
  [reply('NOAUTH Authentication required.'), /^Redis wants a password \(NOAUTH\): give it /],
  [
    reply(
      'NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used',
    ),
    /^Redis wants a password/,
  ],
  // Redis 7.0, then later versions; then a key, a channel, and inside a script.
  [
    reply("NOPERM this user has no permissions to run the 'client|reply' command", 'client'),
    `Redis denies this user the command client|reply (NOPERM): ${ADVICE}`,
  ],
  [reply("NOPERM User ann has no permissions to run the 'hset' command"), `Redis denies this user the command hset (NOPERM): ${ADVICE}`],
  [
    reply('NOPERM this user has no permissions to access one of the keys used as arguments'),
    `Redis denies this user a key of the command hset (NOPERM): ${ADVICE}`,
  ],
  [reply('NOPERM No permissions to access a key'), `Redis denies this user a key of the command hset (NOPERM): ${ADVICE}`],
  [
    reply('NOPERM this user has no permissions to access one of the channels used as arguments', 'publish'),
    `Redis denies this user a channel of the command publish (NOPERM): ${ADVICE}`,
  ],
  [
    reply("ERR The user executing the script can't run this command or subcommand script: 66be, on @user_script:1.", 'evalsha'),
    `Redis denies this user a command in a script, which ACL LOG names (NOPERM): ${ADVICE}`,
  ],
  [
    new Error("ERR The user executing the script can't access at least one of the keys mentioned in the command arguments"),
    `Redis denies this user a key of a command in a script, which ACL LOG names (NOPERM): ${ADVICE}`,
  ],
  [
    reply("ERR ACL failure in script: User ann has no permissions to run the 'set' command script: 66be", 'evalsha'),
    `Redis denies this user the command set (NOPERM): ${ADVICE}`,
  ],
  [reply('ERR DB index is out of range', 'select'), 'ERR DB index is out of range'],
  [
    coded('SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'),
    'its certificate is not trusted (self-signed certificate in certificate chain): name its authority with ?ca=FILE in --redis, or in MEERCAT_REDIS_CA',
  ],
  [
    coded(
      'ERR_TLS_CERT_ALTNAME_INVALID',
      `Hostname/IP does not match certificate's altnames: IP: 10.0.0.1 is not in the cert's list: ${'x'.repeat(900)}`,
    ),
    /^its certificate is for another name \(Hostname.{1,200}\): it must name /,
  ],
  [coded('CERT_HAS_EXPIRED', 'certificate has expired'), 'its certificate has expired'],
];

for (const [error, expected] of REFUSALS) {
  test(`"${error.message.slice(0, 80)}" is a refusal, and says what to do`, () => {
    const reason = reasonOf(error);
    if (typeof expected === 'string') assert.is(reason, expected);
    else assert.match(reason, expected);
    assert.ok(needsOperator(reason));
    assert.is(isDenial(reason), reason.includes('NOPERM'));
    assert.not.match(reason, /hunter2/);
    // A reason that is passed on as an error stays as it is.
    assert.is(reasonOf(new Error(reason)), reason);
  });
}

test('of a Sentinel it is said that it is one, and which password is meant', () => {
  assert.match(
    reasonOf(reply('NOAUTH Authentication required.'), 'Sentinel'),
    /^a Sentinel wants a password \(NOAUTH\): give it in MEERCAT_SENTINEL_PASSWORD/,
  );
  assert.match(
    reasonOf(reply('WRONGPASS invalid username-password pair'), 'Sentinel'),
    /^a Sentinel refuses the user or the password \(WRONGPASS\): correct sentinelPassword/,
  );
  assert.is(
    reasonOf(reply("NOPERM this user has no permissions to run the 'subscribe' command"), 'Sentinel'),
    'a Sentinel denies this user the command subscribe (NOPERM): grant it with ACL SETUSER',
  );
  const certificate = reasonOf(coded('DEPTH_ZERO_SELF_SIGNED_CERT', 'self-signed certificate'), 'Sentinel');
  assert.match(certificate, /^a Sentinel's certificate is not trusted/);
  assert.ok(needsOperator(certificate));
});

test('what passes by itself is no refusal', () => {
  for (const error of [
    coded('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:1'),
    new Error('Connection is closed.'),
    new Error('Command timed out'),
    coded('ENOTFOUND', 'getaddrinfo'),
    reply('LOADING Redis is loading'),
    'text',
  ]) {
    assert.not.ok(needsOperator(reasonOf(error)), reasonOf(error));
  }
});

test.run();
