// What the command line teaches: help of each command with examples, variables and exit codes, and the nearest name
// where one is wrong; and what it refuses because one of two flags would be ignored without a word.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MIN_MEMORY_LIMIT_BYTES } from '../lib/config/traffic-config.js';
import { readFleet } from '../lib/redis/fleet-view.js';
import { buildKeys } from '../lib/redis/keys.js';
import { until, withRedis, withTempDir } from './support/brackets.js';
import { readPage } from './support/documents.js';
import { type Environment, logOf, meercat, refusedHere, withMeercat } from './support/meercat.js';
import { withClients } from './support/redis-client.js';

const test = suite('command line help');

const COMMANDS = ['up', 'balancer', 'agent', 'status', 'drain', 'undrain', 'eject', 'why', 'restart', 'check', 'simulate', 'bench', 'help'];

/** These read nothing from the environment. */
const WITHOUT_VARIABLES = new Set(['check', 'simulate', 'bench', 'help']);

async function helpOf(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await refusedHere(args);
  assert.equal([code, stderr], [0, ''], args.join(' '));
  return stdout;
}

test('help of every command has examples that are its own, its variables and its exit codes, within 110 columns', async () => {
  for (const command of [...COMMANDS, 'redis-cli']) {
    const help = await helpOf(command, '--help');
    const [, examples = ''] = /\nExamples?:\n((?: {2}.+\n)+)/.exec(help) ?? [];
    assert.match(examples, new RegExp(`^  meercat ${command}\\b`), command);
    const [, codes = ''] = /\nExit codes:\n((?: {2}.+\n?)+)$/.exec(help) ?? [];
    assert.match(codes, /^ {2}0 \w.*\n(?: {2}\d+ \w.*\n)* {2}2 wrong usage$/, command);
    for (const line of help.split('\n')) assert.ok(line.length <= 110, `${command}: ${line}`);
    if (WITHOUT_VARIABLES.has(command)) continue;
    assert.match(help, /\nEnvironment: .+\n(?: {2}.+\n)* {2}MEERCAT_REDIS_CA, MEERCAT_REDIS_CERT, MEERCAT_REDIS_KEY\n/, command);
    assert.match(help.replace(/\s+/g, ' '), /\(env: MEERCAT_REDIS\)/, command);
  }
});

test('the exit codes of the help itself are all that the documents list', async () => {
  const [, codes = ''] = /\nExit codes:\n((?: {2}.+\n?)+)$/.exec(await helpOf('--help')) ?? [];
  const [, table = ''] = /\n\| exit code \| meaning \|\n[^\n]*\n((?:\|.*\n)+)/.exec(readPage('docs/flags.md').text) ?? [];
  const listed = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].flatMap(([, code = '']) => code.split(', '));
  assert.equal(listed(codes, /^ {2}([\d, ]*\d) /gm).toSorted(), listed(table, /^\| ([\d, ]+) \|/gm).toSorted());
});

test('examples are command lines that would be taken', async () => {
  const general = await helpOf('--help');
  const helps = await Promise.all(COMMANDS.map((command) => helpOf(command, '--help')));
  // Those of redis-cli are left out: what stands behind it is another program's.
  const lines = [general, ...helps].flatMap((help) =>
    [...help.matchAll(/^ {2}meercat (.+?)(?: {3,}.*| [|>] .*)?$/gm)].map(([, line]) => line as string),
  );
  assert.ok(lines.length > 30);
  for (const line of lines) {
    // What cannot be parsed says so before a command begins; --help after it keeps it from beginning.
    const { code, stderr } = await refusedHere([...line.split(/\s+/), '--help']);
    assert.equal([code, stderr], [0, ''], line);
  }
});

test('`help COMMAND` is `COMMAND --help`; of a command that does not exist it says so, with the nearest one', async () => {
  for (const command of COMMANDS) assert.is(await helpOf('help', command), await helpOf(command, '--help'));
  assert.is(await helpOf('help'), await helpOf('--help'));
  const nope = await refusedHere(['help', 'nope']);
  assert.equal([nope.code, nope.stdout], [2, '']);
  assert.match(nope.stderr, /^meercat: unknown command 'nope'\n\(meercat --help lists the commands/);
  const near = await refusedHere(['help', 'statsu']);
  assert.match(near.stderr, /^meercat: unknown command 'statsu'\n\(Did you mean status\?\)\n/);
  assert.is((await refusedHere(['help', 'up', 'down'])).code, 2);
  assert.match((await refusedHere(['help', 'demo-hots'])).stderr, /'demo-hots'\n\(meercat --help/, 'inner commands stay unseen');
});

test('what `why` and the commands of operators do not understand is said without the name of the program twice', async () => {
  const cases: readonly (readonly [args: readonly string[], says: RegExp])[] = [
    [['why', 'a b'], /^meercat: "a b" is neither the id of a request, .*, nor a method with a path \(meercat why GET \/path\)$/],
    [['why', 'GET', 'x'], /^meercat: "x" is no path: /],
    [['drain', '../x'], /^meercat: "..\/x" can't be the name of a host: letters, /],
  ];
  for (const [args, says] of cases) {
    // With a Redis that is named, no fleet on this machine is looked for.
    const { code, stderr } = await refusedHere([...args, '--redis', 'redis://127.0.0.1:1']);
    assert.is(code, 2);
    assert.match(stderr, says);
  }
});

test('a method in lower case is taken in upper case, and that is said', () =>
  withRedis(async ({ url }) => {
    const { stderr } = await meercat(['why', 'get', '/x', '--redis', url]);
    assert.match(stderr, /^meercat: get is taken as GET: methods of HTTP are case-sensitive\nmeercat: no balancer is in the fleet/);
    assert.not.match((await meercat(['why', 'GET', '/x', '--redis', url])).stderr, /taken as/);
  }));

interface Refused {
  readonly args: readonly string[];
  readonly env?: Environment;
  readonly says: RegExp;
}

const BOTH: readonly Refused[] = [
  {
    args: ['up', '--hosts', '2', '--host', 'http://127.0.0.1:1'],
    says: /^meercat: --hosts and --host exclude each other: .*; leave one of them out$/,
  },
  { args: ['up', '--host', 'http://127.0.0.1:1'], env: { MEERCAT_HOSTS: '2' }, says: /^meercat: MEERCAT_HOSTS and --host exclude/ },
  {
    args: ['agent', '--url', 'http://127.0.0.1:1', '--agent-check-bind', '::1'],
    says: /^meercat: --agent-check-bind needs --listen-agent-check PORT/,
  },
  { args: ['balancer', '--tls-cert', 'a'], says: /^meercat: --tls-key: there are 1 of --tls-cert and 0 of --tls-key/ },
  { args: ['balancer', '--tls-key', 'a'], says: /^meercat: --tls-key: there are 0 of --tls-cert and 1 of --tls-key/ },
  { args: ['balancer', '--access-log-file', 'a'], says: /^meercat: --access-log-file needs --access-log/ },
  { args: ['balancer', '--health-expect', '200'], says: /^meercat: --health-expect needs --health-path/ },
  { args: ['simulate', '--print', '--html', 'a'], says: /^meercat: option '--print' cannot be used with option '--html <file>'/ },
  { args: ['simulate', '--print', '--seed', '2'], says: /^meercat: option '--print' cannot be used with option '--seed <n>'/ },
];

test('a flag that another one would make meaningless is refused', async () => {
  for (const { args, env, says } of BOTH) {
    const { code, stdout, stderr } = await refusedHere(args, env);
    assert.equal([code, stdout], [2, ''], `meercat ${args.join(' ')}\n${stderr}`);
    assert.match(stderr, says);
  }
});

test('a memory limit with which no request would be taken is refused', async () => {
  for (const limit of ['1', '64MiB', '159MiB']) {
    const { code, stderr } = await refusedHere(['balancer', '--memory-limit', limit]);
    assert.is(code, 2);
    assert.match(
      stderr,
      /^meercat: --memory-limit: at least 160MiB, since a balancer without any request takes most of that, not (1|64MiB|159MiB);/,
    );
  }
  const { code, stderr } = await refusedHere(['balancer'], { MEERCAT_MEMORY_LIMIT: '1' });
  assert.equal([code, stderr.slice(0, 31)], [2, 'meercat: MEERCAT_MEMORY_LIMIT: ']);
});

test('an idle balancer has room below the least memory limit, and no line of its log has a name twice', () =>
  withRedis(({ url }) =>
    withClients([url], (client) => {
      const flags = ['balancer', '--redis', url, '--name', 'b1', '--port', '0', '--bind', '127.0.0.1', '--log-level', 'debug'];
      return withMeercat([...flags, '--host', 'http://127.0.0.1:1', '--memory-limit', '160MiB'], async (child) => {
        await child.waitForLine(/"msg":"this balancer is master"/);
        const bytes = await until(
          async () => {
            const [balancer] = (await readFleet(client, buildKeys('meercat'))).balancers;
            return balancer?.memoryBytes;
          },
          { everyMs: 100, what: 'its memory in Redis' },
        );
        assert.ok(bytes < 0.95 * MIN_MEMORY_LIMIT_BYTES, `an idle balancer takes ${bytes} bytes`);
        assert.not.ok(logOf(child).some(({ msg }) => String(msg).includes('of its memory already')));

        const other = await meercat(flags);
        const lines = [...child.stderr, ...other.stderr.split('\n')].filter((line) => line.startsWith('{'));
        assert.ok(lines.length > 5);
        for (const line of lines) {
          // In JSON of one level a key is a string behind { or a comma, before a colon.
          const keys = [...line.matchAll(/[{,]"(\w+)":/g)].map(([, key]) => key);
          assert.equal(keys, [...new Set(keys)], line);
        }
      });
    }),
  ));

test('a value that is given twice in a list counts once', () =>
  withTempDir(async (dir) => {
    const scenario = join(dir, 'tiny.json');
    writeFileSync(scenario, JSON.stringify({ hosts: [{ count: 2 }], warmUp: '100ms', duration: '200ms' }));
    const twice = ['--balancers', '1,1', '--load', '0.5,0.5', '--policies', 'adaptive,adaptive'];
    const { stdout } = await meercat(['simulate', scenario, ...twice, '--json']);
    const { runs } = JSON.parse(stdout) as { runs: readonly { policy: string }[] };
    assert.equal(
      runs.map(({ policy }) => policy),
      ['omniscient', 'adaptive'],
    );
  }));

test.run();
