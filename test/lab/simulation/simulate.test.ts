// Small runs of `meercat simulate` as a user runs it: the table, the JSON, the page, the bar, and rejected arguments.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProgressBar } from '../../../lib/lab/simulation/progress.js';
import { withTempDir } from '../../support/brackets.js';
import { ended, inLanes, meercat, withMeercat } from '../../support/meercat.js';

const test = suite('simulate');

const TINY = ['equal-hosts', '--balancers', '1,3', '--load', '0.6', '--seconds', '0.5', '--policies', 'local-least-connections,adaptive'];

interface Json {
  readonly simulate: string;
  readonly seed: number;
  readonly seconds: number;
  readonly runs: readonly {
    readonly policy: string;
    readonly balancers: number;
    readonly requests: number;
    readonly ms: { readonly p99: number };
    readonly overFloor: { readonly p99: number };
  }[];
}

test('the table has a row per run, the floor first; the JSON is reproducible; the page opens without a network', async () => {
  await withTempDir(async (folder) => {
    const file = (name: string): string => join(folder, name);
    const first = await meercat(['simulate', ...TINY, '--json', file('a.json'), '--html', file('a.html')]);
    assert.is(first.code, 0, first.stderr);
    const rows = first.stdout
      .split('\n')
      .filter((line) => / 0\.60 /.test(line))
      .map((line) => line.split(/ +/).slice(0, 2).join(' '));
    assert.equal(rows, [
      'omniscient 1',
      'local-least-connections 1',
      'adaptive 1',
      'omniscient 3',
      'local-least-connections 3',
      'adaptive 3',
    ]);

    const second = await meercat(['simulate', ...TINY, '--json']);
    const [a, b] = [readFileSync(file('a.json'), 'utf8'), second.stdout].map((text) => JSON.parse(text) as Json) as [Json, Json];
    assert.equal(a.runs, b.runs);
    assert.is(a.simulate, 'equal-hosts');
    assert.equal(a.runs.map(({ overFloor }) => overFloor.p99)[0], 1);
    assert.ok(a.runs.every(({ requests, ms }) => requests > 10_000 && ms.p99 >= 5));

    const page = readFileSync(file('a.html'), 'utf8');
    assert.match(page, /uPlot/);
    assert.not.match(page, /<(?:script|link|img)[^>]+(?:src|href)=/i);
    const [, data = ''] = /id="data">([^<]*)</.exec(page) ?? [];
    assert.equal((JSON.parse(data) as Json).runs, a.runs);
  });
});

test('a printed scenario can be edited and simulated', async () => {
  const printed = await meercat(['simulate', 'step', '--print', '--load', '0.5']);
  assert.is(printed.code, 0);
  const scenario = JSON.parse(printed.stdout) as Record<string, unknown>;
  assert.equal(scenario.loads, [0.5]);
  await withTempDir(async (folder) => {
    const file = join(folder, 'mine.json');
    writeFileSync(
      file,
      JSON.stringify({
        ...scenario,
        name: 'mine',
        hosts: [{ count: 10 }],
        events: [{ at: '1s', what: 'neighbours', hosts: 2, cores: 3 }],
        warmUp: '500ms',
        duration: '2s',
        balancers: [2],
      }),
    );
    const { code, stdout, stderr } = await meercat(['simulate', file, '--policies', 'least-request']);
    assert.is(code, 0, stderr);
    assert.match(stdout, /^simulate mine: /);
    assert.match(stdout, / back after\n/);
  });
});

test('invalid arguments are rejected with exit code 2 before simulating, naming the flag or field', async () => {
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['nope'], /scenario: one of default, /],
    [['--load', '0.7,x'], /--load: shares from 0\.01 to 2/],
    [['--balancers', '0'], /--balancers: a whole number from 1 to 1024/],
    [['--policies', 'best'], /--policies: names from omniscient, /],
    [['--exchange', 'often'], /--exchange: /],
    [['--seconds', '1', '--requests', '5'], /--seconds.*--requests|--requests.*--seconds/],
    [['--html', '/not/there.html'], /--html \/not\/there\.html: its directory does not exist/],
    [['master-dies', '--balancers', '1'], /"balancers" has 1/],
    [['--json', 'equal-hosts'], /--json: equal-hosts is a scenario/],
    [['step', '--json', 'same', '--html', './same'], /--html, --json: both would go into \.\/same/],
    [
      ['equal-hosts', '--requests', '100', '--balancers', '1', '--policies', 'adaptive'],
      /--requests 100: at load 0.7 \d+ come each second, and those of the first 10 s \(warmUp\) do not count: ask for more than \d+/,
    ],
  ];
  await inLanes(cases, async ([args, message]) => {
    const { code, stdout, stderr } = await meercat(['simulate', ...args]);
    assert.is(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
    assert.is(stdout, '');
  });
});

test('no scenario is overwritten by a result, whatever the order of the arguments', () =>
  withTempDir(async (folder) => {
    const file = join(folder, 'mine.json');
    const text = JSON.stringify({ hosts: [{ count: 3 }], warmUp: '100ms', duration: '1s' });
    writeFileSync(file, text);
    for (const args of [
      ['--json', file],
      [file, '--json', file],
      [file, '--html', file],
    ]) {
      const { code, stderr } = await meercat(['simulate', ...args]);
      assert.is(code, 2, stderr);
      assert.match(stderr, /is a scenario, and would be lost/);
      assert.is(readFileSync(file, 'utf8'), text);
    }
  }));

test('a result can go to a device, which is not read', async () => {
  const { code, stderr } = await meercat([
    'simulate',
    'default',
    '--requests',
    '300',
    '--balancers',
    '1',
    '--load',
    '0.5',
    '--policies',
    'adaptive',
    '--json',
    '/dev/zero',
  ]);
  // The error is about too few requests: reading the device would never have ended.
  assert.is(code, 2, stderr);
  assert.match(stderr, /ask for more than/);
});

/** The first load takes seconds, the second minutes: nobody waits for it. */
const LONG = {
  hosts: [{ count: 100 }],
  warmUp: '100ms',
  duration: '200s',
  balancers: [1],
  loads: [0.01, 0.9],
  policies: ['least-request'],
};

test('Ctrl-C ends it, and the runs that are done by then are printed and written', () =>
  withTempDir(async (folder) => {
    const [scenario, file] = [join(folder, 'long.json'), join(folder, 'a.json')];
    writeFileSync(scenario, JSON.stringify(LONG));
    await withMeercat(['simulate', scenario, '--json', file], async (child) => {
      await child.waitForLine(/^simulate: \d+ %, run [34] of 4: /, 100_000);
      child.kill('SIGINT');
      assert.equal(await ended(child, 20_000), { code: 130, signal: null });
      const rows = child.stdout.filter((line) => / 0\.01 /.test(line)).map((line) => line.split(/ +/)[0]);
      assert.equal(rows, ['omniscient', 'least-request']);
      assert.match(child.stdout.join('\n'), /^ {2}[23] runs of 4, as it was ended early, /m);
      assert.match(child.stderr.at(-1) ?? '', /^simulate: ended early: (2 runs are|1 run is) missing$/);
      const { runs, missing } = JSON.parse(readFileSync(file, 'utf8')) as { runs: unknown[]; missing: number };
      assert.is(runs.length + missing, 4);
    });
  }));

test('SIGTERM before the first run is done leaves nothing, and says so', () =>
  withTempDir(async (folder) => {
    const [scenario, file] = [join(folder, 'long.json'), join(folder, 'a.json')];
    writeFileSync(scenario, JSON.stringify({ ...LONG, loads: [0.9] }));
    await withMeercat(['simulate', scenario, '--json', file], async (child) => {
      // Without a terminal too it tells at once how far it is.
      await child.waitForLine(/^simulate: 0 %, run 1 of 2: omniscient, 1 balancers, load 0\.9$/);
      child.kill('SIGTERM');
      assert.equal(await ended(child, 20_000), { code: 143, signal: null });
      assert.equal([child.stdout, child.stderr.at(-1)], [[], 'simulate: ended early: 2 runs are missing']);
      assert.not.ok(existsSync(file));
    });
  }));

test('a load above what the hosts can do is simulated, and a percentage is refused with what a share is', async () => {
  await withTempDir(async (folder) => {
    const scenario = join(folder, 'tiny.json');
    writeFileSync(scenario, JSON.stringify({ hosts: [{ count: 2 }], warmUp: '100ms', duration: '200ms', balancers: [1] }));
    const { code, stdout } = await meercat(['simulate', scenario, '--load', '1.5', '--policies', 'adaptive']);
    assert.is(code, 0);
    assert.match(stdout, /^adaptive +1 +1\.50 /m);
  });
  for (const load of ['150', '70%']) {
    const refused = await meercat(['simulate', '--load', load]);
    assert.is(refused.code, 2);
    assert.match(refused.stderr, /--load: shares from 0\.01 to 2 of what the hosts can do \(0\.7 is 70 %, above 1 is more than they can\)/);
  }
});

test('a terminal gets a progress bar that is removed at the end, a file a line now and then', () => {
  const show = (isTTY: boolean): string => {
    let [nowMs, text] = [0, ''];
    const bar = createProgressBar({ isTTY, write: (each) => (text += each) }, () => nowMs);
    for (const share of [0, 0.25, 0.5, 1]) {
      bar.show({ run: 1, runs: 2, policy: 'adaptive', balancers: 8, load: 0.7, share });
      nowMs += 8000;
    }
    bar.end();
    return text;
  };
  assert.is(show(true).split('\r').length, 6);
  assert.match(show(true), /\[#{12}\.{12}\] 50 %, run 2 of 2: adaptive, 8 balancers, load 0\.7/);
  assert.ok(show(true).endsWith('\r\x1b[K'));
  assert.match(show(false), /^(simulate: \d+ %, run 2 of 2: [^\n]+\n)+$/);
  assert.not.match(show(false), /\r/);
});

test.run();
