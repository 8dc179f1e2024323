// Small runs of `meercat simulate` as a user runs it: the table, the JSON, the page, the bar, and rejected arguments.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProgressBar } from '../../../lib/lab/simulation/progress.js';
import { withTempDir } from '../../support/brackets.js';
import { inLanes, meercat } from '../../support/meercat.js';

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
    [['--html', '/not/there.html'], /--html: ENOENT/],
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
