// Small runs of `meercat simulate` as a user runs it: the table, the JSON, the page, the bar, and rejected arguments.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createProgressBar } from '../../../lib/lab/simulation/progress.js';
import { simulate, type SimulateRequest } from '../../../lib/lab/simulation/simulate.js';
import { withTempDir } from '../../support/brackets.js';
import { ended, meercat, refusedHere, withMeercat } from '../../support/meercat.js';

const test = suite('simulate');

/** Its requests after the warm-up: some 3000 at load 0.6. */
const TINY = { name: 'tiny', hosts: [{ count: 10 }], warmUp: '200ms', duration: '2500ms', neighbours: null };
const OVERRIDES = { balancers: [1, 3], loads: [0.6], policies: ['local-least-connections', 'adaptive'] };

const FIGURES = ['p50', 'p90', 'mean', 'p99', 'p999'] as const;
type Figures = Readonly<Record<(typeof FIGURES)[number], number>>;

interface Json {
  readonly simulate: string;
  readonly seed: number;
  readonly seconds: number;
  readonly missing: number;
  readonly runs: readonly {
    readonly policy: string;
    readonly balancers: number;
    readonly requests: number;
    readonly ms: Figures;
    readonly overFloor: Figures;
  }[];
}

/** Simulates in this process, until `signal` is aborted; gives what was printed. */
async function simulateHere(
  request: Pick<SimulateRequest, 'scenario'> & Partial<SimulateRequest>,
  signal = new AbortController().signal,
  onProgress: (bar: string) => void = () => undefined,
): Promise<{ readonly stdout: string; readonly missing: number }> {
  let stdout = '';
  const defaults = { overrides: {}, seed: 1, json: false, html: null, isPrinted: false };
  const missing = await simulate({ ...defaults, ...request }, signal, {
    stdout: { write: (text) => (stdout += text) },
    stderr: { isTTY: true, write: onProgress },
  });
  return { stdout, missing };
}

test('the table has a row per run, the floor first; the JSON is reproducible; the page opens without a network', async () => {
  await withTempDir(async (folder) => {
    const file = (name: string): string => join(folder, name);
    writeFileSync(file('tiny.json'), JSON.stringify(TINY));
    const flags = ['--balancers', '1,3', '--load', '0.6', '--policies', 'local-least-connections,adaptive'];
    const first = await meercat(['simulate', file('tiny.json'), ...flags, '--json', file('a.json'), '--html', file('a.html')]);
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

    const second = await simulateHere({ scenario: file('tiny.json'), overrides: OVERRIDES, json: true });
    const [a, b] = [readFileSync(file('a.json'), 'utf8'), second.stdout].map((text) => JSON.parse(text) as Json) as [Json, Json];
    assert.equal(a.runs, b.runs);
    assert.is(a.simulate, 'tiny');
    assert.equal(a.runs[0]?.overFloor, { p50: 1, p90: 1, mean: 1, p99: 1, p999: 1 });
    for (const { policy, ms, overFloor } of a.runs.slice(0, 3)) {
      const floor = a.runs[0]?.ms as Figures;
      for (const each of FIGURES) assert.ok(Math.abs(overFloor[each] - ms[each] / floor[each]) < 1e-5, `${policy} ${each}`);
    }
    assert.match(first.stdout, / p50\/floor +p90\/floor +mean\/floor +p99\/floor +p99\.9\/floor /);
    assert.ok(a.runs.every(({ requests, ms }) => requests > 3000 && ms.p99 >= 5));

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
    const { stdout } = await simulateHere({ scenario: file, overrides: { policies: ['least-request'] } });
    assert.match(stdout, /^simulate mine: /);
    assert.match(stdout, / back after\n/);
  });
});

test('invalid arguments are rejected with exit code 2 before simulating, naming the flag or field', async () => {
  const cases: readonly (readonly [args: readonly string[], message: RegExp])[] = [
    [['nope'], /scenario: one of default, /],
    [['--load', '0.7,x'], /--load: shares from 0\.0001 to 2/],
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
  const signalListeners = process.listenerCount('SIGINT') + process.listenerCount('SIGTERM');
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await refusedHere(['simulate', ...args]);
    assert.is(code, 2, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, message);
    assert.is(stdout, '');
  }
  assert.is(process.listenerCount('SIGINT') + process.listenerCount('SIGTERM'), signalListeners, 'a refusal leaves no listener');
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
      const { code, stderr } = await refusedHere(['simulate', ...args]);
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

/** The runs of the first load are done at once, of 12,000 requests each; those of the second, of 200 times as many, nobody waits for. */
const LONG = {
  hosts: [{ count: 100 }],
  warmUp: '100ms',
  duration: '3s',
  requests: [{ request: 'GET /', cost: '1ms' }],
  balancers: [1],
  loads: [0.01, 2],
  policies: ['least-request'],
};

test('when it is ended early, the runs that are done by then are printed and written', () =>
  withTempDir(async (folder) => {
    const [scenario, file] = [join(folder, 'long.json'), join(folder, 'a.json')];
    writeFileSync(scenario, JSON.stringify(LONG));
    const abort = new AbortController();
    const { stdout, missing } = await simulateHere({ scenario, json: file }, abort.signal, (bar) => {
      if (/ run [34] of 4: /.test(bar)) abort.abort();
    });
    assert.ok(missing === 1 || missing === 2, `${missing} runs are missing`);
    const rows = [...stdout.matchAll(/^(\S+) .* 0\.01 /gm)].map(([, policy]) => policy);
    assert.equal(rows, ['omniscient', 'least-request']);
    assert.match(stdout, new RegExp(`^ {2}${4 - missing} runs of 4, as it was ended early, `, 'm'));
    const json = JSON.parse(readFileSync(file, 'utf8')) as Json;
    assert.equal([json.runs.length, json.missing], [4 - missing, missing]);
  }));

for (const [name, signal, exitCode] of [
  ['Ctrl-C', 'SIGINT', 130],
  ['SIGTERM', 'SIGTERM', 143],
] as const) {
  test(`${name} before the first run is done ends it with ${exitCode}, leaves nothing, and says so`, () =>
    withTempDir(async (folder) => {
      const [scenario, file] = [join(folder, 'long.json'), join(folder, 'a.json')];
      writeFileSync(scenario, JSON.stringify({ ...LONG, duration: '100s', loads: [0.9] }));
      await withMeercat(['simulate', scenario, '--json', file], async (child) => {
        // Without a terminal too it tells at once how far it is.
        await child.waitForLine(/^simulate: 0 %, run 1 of 2: omniscient, 1 balancers, load 0\.9$/);
        child.kill(signal);
        assert.equal(await ended(child, 20_000), { code: exitCode, signal: null });
        assert.equal([child.stdout, child.stderr.at(-1)], [[], 'simulate: ended early: 2 runs are missing']);
        assert.not.ok(existsSync(file));
      });
    }));
}

test('a load above what the hosts can do is simulated, and a percentage is refused with what a share is', async () => {
  await withTempDir(async (folder) => {
    const scenario = join(folder, 'tiny.json');
    writeFileSync(scenario, JSON.stringify({ hosts: [{ count: 2 }], warmUp: '100ms', duration: '200ms', balancers: [1] }));
    const { stdout } = await simulateHere({ scenario, overrides: { loads: [1.5], policies: ['adaptive'] } });
    assert.match(stdout, /^adaptive +1 +1\.50 /m);
  });
  for (const load of ['150', '70%']) {
    const refused = await refusedHere(['simulate', '--load', load]);
    assert.is(refused.code, 2);
    assert.match(
      refused.stderr,
      /--load: shares from 0\.0001 to 2 of what the hosts can do \(0\.7 is 70 %, above 1 is more than they can\)/,
    );
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
