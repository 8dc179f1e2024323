// `meercat status --watch` on a real terminal: colour, order, scrolling, events, a Redis that goes; and that the terminal
// is as it was, however the command ends or is suspended.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Commands } from '../../lib/redis/connect.js';
import { publishEvent } from '../../lib/redis/fleet-store.js';
import { buildKeys } from '../../lib/redis/keys.js';
import { type TestRedis, withRedis } from '../support/brackets.js';
import { ENTRY, meercatProcess } from '../support/meercat.js';
import { withClients } from '../support/redis-client.js';
import { type TestTerminal, withTerminal } from '../support/terminal.js';

const test = suite('status on a terminal');

const KEYS = buildKeys('meercat');
/** The command itself; in that of its shell there are quotes. */
const COMMAND = /meercat\.js status --watch/;
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';

interface Stage {
  readonly redis: TestRedis;
  readonly client: Commands;
  readonly terminal: TestTerminal;
}

interface StageOptions {
  readonly hosts?: number;
  readonly rows?: number;
  readonly flags?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Commands for `sh` before and after the one that is tested. */
  readonly before?: string;
  readonly after?: string;
}

/** A fleet of hosts in Redis, the first with the least load, and a terminal that watches it. */
const withWatch = (
  { hosts = 3, rows = 24, flags = '', env = {}, before = ':', after = ':' }: StageOptions,
  fn: (stage: Stage) => Promise<void>,
): Promise<void> =>
  withRedis((redis) =>
    withClients([redis.url], async (client) => {
      await writeFleet(client, hosts);
      const command = `${before}; '${process.execPath}' '${ENTRY}' status --watch --redis ${redis.url} ${flags}; ${after}`;
      const own = meercatProcess([]).env ?? {};
      await withTerminal({ command, rows, columns: 100, env: { ...own, ...env } }, (terminal) => fn({ redis, client, terminal }));
    }),
  );

async function writeFleet(client: Commands, hosts: number): Promise<void> {
  const pipeline = client
    .pipeline()
    .zadd(KEYS.balancers, 1, 'b1')
    .hset(KEYS.balancer('b1'), { role: 'master', url: 'http://127.0.0.1:8080' })
    .hset(KEYS.master, { name: 'b1', term: 7 })
    .set(KEYS.term, 7);
  for (let host = 1; host <= hosts; host++) {
    pipeline.zadd(KEYS.hosts, host, `h${host}`);
    pipeline.hset(KEYS.host(`h${host}`), { url: 'http://127.0.0.1:3000', state: host === 2 ? 'down' : 'up', inflight: host });
  }
  await pipeline.exec();
}

/** The names of the hosts that are shown, from the top. */
const hostsIn = (terminal: TestTerminal): string[] => terminal.frame().flatMap((line) => /^h\d+(?= )/.exec(line)?.[0] ?? []);

/** The mode of the terminal, as `stty` says it before and after the command. */
const MODES = { before: 'echo before $(stty -g) end', after: 'echo after $? $(stty -g) end' };

/** That the terminal was given back once, in the mode that it had, and that the command ended with this code. */
function assertGivenBack(terminal: TestTerminal, code: number): void {
  const { output } = terminal;
  assert.equal([output.split(ENTER).length, output.split(LEAVE).length], [2, 2], 'taken once, given back once');
  const [, mode] = /before (\S+) end/.exec(output) ?? [];
  assert.is(/after (.*) end/.exec(output)?.[1], `${code} ${mode}`);
}

for (const [what, end] of [
  ['q', (terminal) => terminal.type('q')],
  ['Ctrl-C', (terminal) => terminal.type('\u0003')],
  ['SIGTERM', (terminal) => process.kill(terminal.pidOf(COMMAND), 'SIGTERM')],
  ['SIGINT', (terminal) => process.kill(terminal.pidOf(COMMAND), 'SIGINT')],
] as const satisfies readonly (readonly [string, (terminal: TestTerminal) => void])[])
  test(`${what} ends it well, and the terminal is as it was`, () =>
    withWatch(MODES, async ({ terminal }) => {
      await terminal.shows(/^h3 /);
      end(terminal);
      await terminal.ended();
      assertGivenBack(terminal, 0);
    }));

test('after a fault of the program the terminal is as it was, and shows the fault', () => {
  const fault = "process.on('SIGUSR2',()=>{throw(new(Error)('a-fault'))})";
  return withWatch({ ...MODES, env: { NODE_OPTIONS: `--import=data:text/javascript,${fault}` } }, async ({ terminal }) => {
    await terminal.shows(/^h3 /);
    process.kill(terminal.pidOf(COMMAND), 'SIGUSR2');
    await terminal.ended();
    assertGivenBack(terminal, 1);
    assert.match(terminal.output, /Error: a-fault/);
  });
});

test('Ctrl-Z gives the terminal back until the command goes on, and so does a SIGTSTP', () =>
  withWatch(
    { before: `${MODES.before}; set -m`, after: 'echo stopped $(stty -g) end; fg; echo again $(stty -g) end; fg' },
    async ({ terminal }) => {
      await terminal.shows(/^h3 /);
      terminal.type('\u001a');
      await terminal.wrote(/stopped \S+ end/);
      // `fg` lets it go on.
      await terminal.wrote(/stopped[^]*\[\?1049h[^]*h3 /);
      process.kill(terminal.pidOf(COMMAND), 'SIGTSTP');
      await terminal.wrote(/again[^]*\[\?1049h[^]*h3 /);
      terminal.type('q');
      assert.is(await terminal.ended(), 0);
      const { output } = terminal;
      assert.equal([output.split(ENTER).length, output.split(LEAVE).length], [4, 4], 'taken and given back three times');
      const [, mode] = /before (\S+) end/.exec(output) ?? [];
      assert.equal([/stopped (\S+) end/.exec(output)?.[1], /again (\S+) end/.exec(output)?.[1]], [mode, mode]);
    },
  ));

test('colour shows what is wrong, and NO_COLOR or --no-color takes it away', () =>
  withWatch({}, async ({ terminal: coloured }) => {
    await coloured.shows(/^h2 +down /);
    assert.match(coloured.frame(false).join('\n'), /\[31mdown *.\[0m/);
    // oxlint-disable-next-line no-await-in-loop -- one terminal after the other
    for (const options of [{ env: { NO_COLOR: '1' } }, { flags: '--no-color' }])
      await withWatch(options, async ({ terminal }) => {
        await terminal.shows(/^h2 +down /);
        // oxlint-disable-next-line no-control-regex -- the sequences that must not be there
        assert.not.match(terminal.output, /\u001b\[[\d;]*m/);
      });
  }));

test('on a terminal that cannot move its cursor the tables are printed one after the other', () =>
  withWatch({ env: { TERM: 'dumb' } }, async ({ terminal }) => {
    await terminal.wrote(/fleet meercat:[^]*fleet meercat:/);
    assert.not.ok(terminal.output.includes('\u001b'));
  }));

test('s sorts by the next figure, and --sort sets the first one', () =>
  withWatch({ flags: '--sort load' }, async ({ terminal }) => {
    await terminal.shows(/now by load/);
    assert.equal(hostsIn(terminal), ['h3', 'h2', 'h1']);
    for (let key = 'load'; key !== 'name'; ) {
      terminal.type('s');
      // oxlint-disable-next-line no-await-in-loop -- one key after the other
      await terminal.shows(new RegExp(`now by (?!${key})`));
      [, key = ''] = /now by (\w+)/.exec(terminal.frame().join('\n')) ?? [];
    }
    assert.equal(hostsIn(terminal), ['h1', 'h2', 'h3']);
  }));

test('what does not fit is scrolled by keys, and the edges say how much there is', () =>
  withWatch({ hosts: 40, rows: 20 }, async ({ terminal }) => {
    await terminal.shows(/^29 more below$/);
    assert.is(hostsIn(terminal)[0], 'h1');
    terminal.type('\u001b[B\u001b[B\u001b[B\u001b[B\u001b[B\u001b[B');
    await terminal.shows(/^6 more above$/);
    assert.is(terminal.frame()[3]?.slice(0, 4), 'HOST');
    terminal.type('G');
    await terminal.shows(/^h40 /);
    terminal.type(' ');
    terminal.type('k');
    await terminal.shows(/^2 more below$/);
    assert.is(hostsIn(terminal).at(-1), 'h38');
    terminal.type('g');
    await terminal.shows(/^BALANCER /);
  }));

test('events are shown below the tables, with the time when they came', () =>
  withWatch({}, async ({ terminal, client }) => {
    await terminal.shows(/^h3 /);
    // Until the subscription stands, an event is lost.
    const told = setInterval(() => void publishEvent(client, KEYS, { kind: 'host-down', name: 'h7', detail: 'no answer' }), 200);
    await terminal.shows(/^\d\d:\d\d:\d\d {2}Host h7 is down: no answer$/).finally(() => clearInterval(told));
  }));

test('while Redis is away the last figures stay and their age is shown; of a fleet that has ended nothing stays', () =>
  withWatch({}, async ({ terminal, redis, client }) => {
    await terminal.shows(/^h3 /);
    await redis.kill();
    await terminal.shows(/^Redis can't be read: .*: these figures are \d+ s old$/);
    assert.equal(hostsIn(terminal), ['h1', 'h2', 'h3']);
    await redis.restart();
    await terminal.shows(/^this Redis has no fleet with the namespace meercat/);
    assert.equal(hostsIn(terminal), []);
    await writeFleet(client, 4);
    await terminal.shows(/^h4 /);
  }));

test.run();
