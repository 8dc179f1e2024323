// Flags and their variables, the same for every command: what a variable may hold, who wins, what is refused and
// under which name, and which variables are warned of. In this process; a balancer's own warnings are in cli.test.ts.

import { Command } from 'commander';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Flag, FlagReader, refuseRepeated } from '../bin/flag.js';
import { parseCidr, parseInteger } from '../lib/config/config.js';
import { MeercatError } from '../lib/errors.js';
import { type Environment, refusedHere } from './support/meercat.js';

const test = suite('flags and variables');

const NO_REDIS = 'redis://127.0.0.1:1';

/** What a command with these flags is handed. */
function given(args: readonly string[], variables: Environment): Record<string, unknown> {
  const command = new Command('test')
    .exitOverride()
    .addOption(new Flag('--is-on', 'a switch'))
    .addOption(new Flag('--count <n>', 'a number', { parse: (text) => parseInteger('--count', text, 0, 9) }).default(5))
    .addOption(new Flag('--word <text>', 'a text'))
    .addOption(new Flag('--range <cidr>', 'a list', { parse: (text) => parseCidr('--range', text), isRepeatable: true }));
  refuseRepeated(command);
  const reader = new FlagReader(variables);
  try {
    command.parse([...args], { from: 'user' });
    reader.readInto(command);
  } catch (error) {
    assert.instance(error, MeercatError, String(error));
    throw new MeercatError('MEERCAT_BAD_CONFIG', reader.nameVariables((error as MeercatError).message));
  }
  return command.opts();
}

test('a switch takes 1, true, yes, on and 0, false, no, off, in any case; anything else is refused', () => {
  for (const text of ['1', 'true', 'yes', 'on', 'TRUE', 'On', ' yes ', 'true\r'])
    assert.is(given([], { MEERCAT_IS_ON: text })['isOn'], true, text);
  for (const text of ['0', 'false', 'no', 'off', 'FALSE', 'No', ' off\n'])
    assert.is(given([], { MEERCAT_IS_ON: text })['isOn'], false, text);
  for (const text of ['2', '00', 'y', 'tru', 'enabled', 'null', 'constructor', '"true"', 'yes no']) {
    assert.throws(() => given([], { MEERCAT_IS_ON: text }), /^MEERCAT_IS_ON: 1, true, yes or on, or else 0, false, no or off, not "/, text);
  }
});

test('an empty variable, also one of white space alone, is unset', () => {
  for (const text of ['', ' ', '\t\r\n', undefined]) {
    assert.equal(
      given([], { MEERCAT_IS_ON: text, MEERCAT_COUNT: text, MEERCAT_WORD: text, MEERCAT_RANGE: text }),
      { count: 5 },
      JSON.stringify(text),
    );
  }
});

test('white space around a value is no part of it, and any of it separates the values of a list', () => {
  assert.equal(given([], { MEERCAT_COUNT: ' 7\r', MEERCAT_WORD: ' two words ', MEERCAT_RANGE: '\n ::1  10.0.0.0/8\t192.0.2.1\n' }), {
    count: 7,
    word: 'two words',
    range: ['::1/128', '10.0.0.0/8', '192.0.2.1/32'],
  });
});

test('a flag wins over its variable, whatever that holds', () => {
  const flags = ['--is-on', '--count', '1', '--word', 'flag', '--range', '::1', '--range', '10.0.0.1'];
  const variables = { MEERCAT_IS_ON: 'maybe', MEERCAT_COUNT: 'x', MEERCAT_WORD: 'variable', MEERCAT_RANGE: 'x' };
  assert.equal(given(flags, variables), { isOn: true, count: 1, word: 'flag', range: ['::1/128', '10.0.0.1/32'] });
});

test('a value that cannot be read is refused under the name of the variable, or of the flag that it came from', () => {
  assert.throws(() => given([], { MEERCAT_COUNT: '10' }), /^MEERCAT_COUNT: a whole number from 0 to 9, not "10"$/);
  assert.throws(
    () => given([], { MEERCAT_RANGE: '::1 10.0.0.0/8,10.1.0.0/16' }),
    /^MEERCAT_RANGE: an address or a range .* not "10.0.0.0\/8,10.1.0.0\/16"$/,
  );
  assert.throws(() => given(['--count', '10'], { MEERCAT_COUNT: '1' }), /^--count: a whole number/);
});

test('an empty value on the command line is refused: the variable of a script was not set', () => {
  for (const flag of ['--count', '--word', '--range'])
    for (const text of ['', ' '])
      assert.throws(() => given([flag, text], {}), new RegExp(`^${flag}: a value is needed, not an empty one$`));
});

test('on the command line a repeatable flag takes one value at a time, which may hold spaces', () => {
  assert.throws(() => given(['--range', '::1 ::2'], {}), /^--range: an address or a range .* not "::1 ::2"$/);
});

test('a flag with one value that is given twice is refused; a switch and a repeatable flag are not', () => {
  assert.throws(() => given(['--count', '1', '--word', 'x', '--count', '1'], {}), /^--count is given twice: it takes one value$/);
  assert.throws(() => given(['--word=x', '--word=y'], { MEERCAT_COUNT: '1' }), /^--word is given twice/);
  assert.equal(given(['--is-on', '--is-on', '--range', '::1', '--range', '::1'], {}), {
    isOn: true,
    count: 5,
    range: ['::1/128', '::1/128'],
  });
});

test('every command refuses a flag with one value that is given twice', async () => {
  for (const [args, flag] of [
    [['balancer', '--port', '0', '--port', '0'], '--port'],
    [['balancer', '--namespace', 'a', '--health-path', '/a', '--health-path', '/b'], '--health-path'],
    [['agent', '--url', 'http://a:1', '--url', 'http://b:1'], '--url'],
    [['up', '--redis', NO_REDIS, '--redis', NO_REDIS], '--redis'],
    [['status', '--namespace', 'a', '--namespace', 'a'], '--namespace'],
    [['drain', 'h1', '--redis', NO_REDIS, '--redis', NO_REDIS], '--redis'],
    [['simulate', '--seed', '1', '--seed', '2'], '--seed'],
    [['bench', 'pick', '--json', 'a', '--json', 'b'], '--json'],
  ] as const) {
    const { code, stderr } = await refusedHere(args);
    assert.equal([code, stderr], [2, `meercat: ${flag} is given twice: it takes one value`]);
  }
});

test('what is wrong only together, or only when it is used, names the variables that it came from', async () => {
  for (const [args, variables, says] of [
    [['balancer'], { MEERCAT_ACCEPT_PROXY: 'yes' }, /^meercat: MEERCAT_ACCEPT_PROXY needs --trust CIDR: /],
    [['balancer', '--port', '9000'], { MEERCAT_CONSOLE_PORT: '9000' }, /^meercat: MEERCAT_CONSOLE_PORT must differ from --port$/],
    [['balancer', '--host-insecure'], { MEERCAT_HOST_CA: '/a b.pem' }, /^meercat: MEERCAT_HOST_CA means nothing with --host-insecure/],
    [
      ['balancer', '--port', '0'],
      { MEERCAT_HOST_CA: '/no such file.pem' },
      /^meercat: MEERCAT_HOST_CA \/no such file.pem: there is no such file$/,
    ],
    [
      ['balancer'],
      { MEERCAT_TLS_CERT: '/a.pem /b.pem' },
      /^meercat: --tls-key: there are 2 of MEERCAT_TLS_CERT and 0 of --tls-key: give one --tls-key for each/,
    ],
    [['balancer'], { MEERCAT_HOST_INSECURE: 'perhaps' }, /^meercat: MEERCAT_HOST_INSECURE: 1, true, yes or on, /],
    [['balancer'], { MEERCAT_KEEP_LOAD_HEADER: '-' }, /^meercat: MEERCAT_KEEP_LOAD_HEADER: 1, true/],
    [['up'], { MEERCAT_HOST_INSECURE: 'perhaps' }, /^meercat: MEERCAT_HOST_INSECURE: 1, true/],
    [['up'], { MEERCAT_CORES: 'many' }, /^meercat: MEERCAT_CORES: a number above 0/],
    [['agent'], { MEERCAT_URL: ' ' }, /^meercat: required option '--url <url>' not specified/],
  ] as const) {
    const { code, stderr } = await refusedHere(args, variables);
    assert.is(code, 2, stderr);
    assert.match(stderr, says);
    assert.is(stderr.split('\n').filter((line) => !line.startsWith('(')).length, 1, stderr);
  }
});

test('a variable that no command has is unknown, with the name that is like it; those of other commands and of Kubernetes are not', () => {
  const commands = [
    new Command('a').addOption(new Flag('--host-insecure', '')).addOption(new Flag('--redis <url>', '')),
    new Command('b').addOption(new Flag('--redis <url>', '')).addOption(new Flag('--port <port>', '')),
  ];
  const nearest = (variable: string): string | undefined | null => {
    const [found] = new FlagReader({ [variable]: '' }).unknown(commands);
    return found === undefined ? null : found.nearest;
  };
  for (const [variable, meant] of [
    ['MEERCAT_HOST_INSECUR', 'MEERCAT_HOST_INSECURE'],
    ['MEERCAT_INSECURE_HOST', undefined],
    ['MEERCAT_PROT', 'MEERCAT_PORT'],
    ['MEERCAT_REDIS_URL', 'MEERCAT_REDIS'],
    ['MEERCAT_', undefined],
    ['MEERCAT_port', 'MEERCAT_PORT'],
    [`MEERCAT_${'X'.repeat(1000)}`, undefined],
  ] as const)
    assert.is(nearest(variable), meant, variable);
  for (const variable of [
    'MEERCAT_HOST_INSECURE',
    'MEERCAT_REDIS',
    'MEERCAT_PORT',
    'MEERCATS',
    'PATH',
    'meercat_port',
    'MEERCAT_TEST_BAND',
    'MEERCAT_SERVICE_HOST',
    'MEERCAT_SERVICE_PORT',
    'MEERCAT_SERVICE_PORT_HTTP',
    'MEERCAT_PORT_8080_TCP',
    'MEERCAT_PORT_8080_TCP_ADDR',
    'MEERCAT_CONSOLE_PORT_9080_TCP_PROTO',
    'MEERCAT_AGENT_SERVICE_HOST',
  ])
    assert.is(nearest(variable), null, variable);
});

test('other commands warn on stderr, and go on', async () => {
  const { code, stderr, stdout } = await refusedHere(['status', '--redis', NO_REDIS], {
    MEERCAT_REDDIS: 'x',
    MEERCAT_PORT: 'x',
    'MEERCAT_\u001b[2J': '',
  });
  assert.equal([code, stdout], [1, '']);
  assert.equal(stderr.split('\n').toSorted().slice(1), [
    'meercat: the variable "MEERCAT_REDDIS" is not known and is ignored; did you mean MEERCAT_REDIS?',
    'meercat: the variable "MEERCAT_\\u001b[2J" is not known and is ignored',
  ]);
});

test.run();
