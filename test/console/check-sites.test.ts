// `meercat check`: what it prints of good and bad documents, as text and as JSON, and its exit codes.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { checkSites } from '../../lib/console/check-sites.js';
import { withTempDir } from '../support/brackets.js';
import { ROOT } from '../support/documents.js';
import { meercatHere, refusedHere } from '../support/meercat.js';
import { EXAMPLE } from '../support/site-documents.js';

const test = suite('meercat check');

const SHIPPED = join(ROOT, 'deploy/site.yaml');
/** A line of `--json`. */
interface CheckedDocument {
  readonly file: string;
  readonly ok: boolean;
  readonly problems: readonly unknown[];
  readonly warnings: readonly unknown[];
  readonly pools: number | null;
  readonly routes: number | null;
}

const BAD = 'version: 1\npools:\n  web: { hosts: [10.0.0.7] }\nroutes:\n  - to: wbe\n';

test('a good document is told with what it describes and what looks wrong in it, and the exit code is 0', async () => {
  const { code, stdout, stderr } = await meercatHere(['check', SHIPPED]);
  assert.equal([code, stderr], [0, '']);
  const lines = stdout.split('\n');
  assert.is(lines.length, 4);
  for (const line of lines.slice(0, 3)) assert.ok(new RegExp(`^.*/deploy/site\\.yaml:\\d+:\\d+: warning: \\w`).test(line), line);
  assert.is(lines[3], `${SHIPPED}: ok: 6 pools, 4 routes`);
});

test('a bad document is told with all that is wrong, and the exit code is 1, also for one of several', () =>
  withTempDir(async (dir) => {
    const file = join(dir, 'bad.yaml');
    writeFileSync(file, BAD);
    const { code, stdout, stderr } = await meercatHere(['check', file, SHIPPED]);
    assert.equal([code, stderr], [1, '']);
    const lines = stdout.split('\n');
    assert.match(lines[0] ?? '', /bad\.yaml:3:18: pool `web`: hosts: must be a URL such as/);
    assert.match(lines[1] ?? '', /bad\.yaml:5:9: route 1: to: there is no pool `wbe`/);
    assert.is(lines.at(-1), `${SHIPPED}: ok: 6 pools, 4 routes`);
  }));

test('with --json each document is one object on one line', () =>
  withTempDir(async (dir) => {
    const file = join(dir, 'bad.yaml');
    writeFileSync(file, BAD);
    const { code, stdout } = await meercatHere(['check', '--json', file, SHIPPED]);
    assert.is(code, 1);
    const lines = stdout.split('\n').map((line) => JSON.parse(line) as CheckedDocument);
    assert.equal(
      lines.map(({ problems, warnings, ...rest }) => ({ ...rest, problems: problems.length, warnings: warnings.length })),
      [
        { file, ok: false, pools: null, routes: null, problems: 2, warnings: 0 },
        { file: SHIPPED, ok: true, pools: 6, routes: 4, problems: 0, warnings: 3 },
      ],
    );
    assert.equal(lines[0]?.problems[1], { line: 5, column: 9, message: 'route 1: to: there is no pool `wbe`: add it to `pools`' });
  }));

async function* chunksOf(...texts: readonly (string | Uint8Array)[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

/** What is printed of standard input. */
async function checkInput(...texts: readonly (string | Uint8Array)[]): Promise<{ isGood: boolean; printed: string }> {
  let printed = '';
  const print = (text: string): void => void (printed += text);
  const isGood = await checkSites({ files: ['-'], isJson: false, input: chunksOf(...texts), print });
  return { isGood, printed };
}

test('standard input is read in pieces, also where they part a character', async () => {
  const bytes = Buffer.from(`# é\n${EXAMPLE}`);
  const { isGood, printed } = await checkInput(bytes.subarray(0, 3), bytes.subarray(3));
  assert.ok(isGood);
  assert.match(printed, /\n-: ok: 6 pools, 4 routes\n$/);
  assert.match((await checkInput('version: 2')).printed, /^-:1:10: version 2 of the format is not known/);
});

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'not refused';
  } catch (error) {
    return (error as Error).message;
  }
}

test('what is too large or no text is refused before it is read as a document', async () => {
  let pieces = 0;
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) {
      pieces++;
      yield Buffer.alloc(1 << 16, 0x23);
    }
  }
  const print = (): void => undefined;
  assert.is(await refusal(checkSites({ files: ['-'], isJson: false, input: endless(), print })), 'standard input: it is larger than 1MiB');
  assert.is(pieces, 17);
  assert.is(await refusal(checkInput(Buffer.from([0x76, 0xff, 0xfe]))), 'standard input: it is not text in UTF-8');
});

test('a file that can be no document is wrong usage that names it', () =>
  withTempDir(async (dir) => {
    mkdirSync(join(dir, 'folder'));
    writeFileSync(join(dir, 'large'), Buffer.alloc((1 << 20) + 1, 0x23));
    writeFileSync(join(dir, 'latin1'), Buffer.from([0x23, 0xe9, 0x0a]));
    for (const [name, reason] of [
      ['missing', 'there is no such file'],
      ['folder', 'it is a directory, not a file'],
      ['large', 'it is larger than 1MiB'],
      ['latin1', 'it is not text in UTF-8'],
    ] as const) {
      const { code, stdout, stderr } = await refusedHere(['check', join(dir, name)]);
      assert.equal([code, stdout, stderr], [2, '', `meercat: ${join(dir, name)}: ${reason}`]);
    }
  }));

test('without a file, with standard input twice, or with --schema and more it is wrong usage', async () => {
  for (const [args, says] of [
    [[], /^meercat: a file is needed: meercat check site\.yaml, or - for standard input$/],
    [['-', '-'], /^meercat: standard input \(-\) is given twice: it can be read once$/],
    [['--schema', '--json'], /^meercat: --schema prints the schema alone: leave out files and --json$/],
    [['--schema', 'x'], /^meercat: --schema prints the schema alone/],
  ] as const) {
    const { code, stdout, stderr } = await refusedHere(['check', ...args]);
    assert.equal([code, stdout], [2, '']);
    assert.match(stderr, says);
  }
});

test('--schema prints a JSON Schema', async () => {
  const { code, stdout } = await meercatHere(['check', '--schema']);
  assert.is(code, 0);
  const { $schema, additionalProperties, required } = JSON.parse(stdout) as Record<string, unknown>;
  assert.equal([$schema, additionalProperties, required], ['https://json-schema.org/draft/2020-12/schema', false, ['version']]);
});

test.run();
