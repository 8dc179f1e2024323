// What a run of `bench fleet` is written into: the page in the docs with its images, and the HTML page, by way of files.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MeercatError } from '../../../lib/errors.js';
import type { ProofFigures } from '../../../lib/lab/proof/figures.js';
import { FIGURES_MARK, fillProofPage, proofImages, proofMarkdown } from '../../../lib/lab/proof/markdown.js';
import { checkDocs, loadProofRun, writeProofPages } from '../../../lib/lab/proof/pages.js';
import { reportProof } from '../../../lib/lab/proof/report.js';
import { withTempDir } from '../../support/brackets.js';
import { paragraphsOf, readPage } from '../../support/documents.js';
import { MADE_UP } from '../../support/proof-figures.js';

const test = suite('bench fleet: documents');

const ABOUT = { version: '0.1.0', machine: '2 cores of A CPU', startedAt: '2026-11-30T12:00:00.000Z', seconds: 420 };

test('the page in the docs has a place for the figures, which takes them again and again and leaves the rest as it is', () => {
  const { text } = readPage('docs/proof.md');
  const [before = '', after = ''] = [
    text.slice(0, text.indexOf(FIGURES_MARK)),
    text.slice(text.indexOf('## What the figures do not show')),
  ];
  assert.ok(text.includes(FIGURES_MARK) && after !== '');
  const once = fillProofPage(text, MADE_UP, ABOUT);
  assert.ok(once.startsWith(before) && once.endsWith(after));
  assert.match(once, /\| meercat, fleet of 4 \| 560 \(554–566\) \| 7 \(6\.93–7\.07\) \| 196 /);
  assert.match(once, /equal total CPU is worse than one Meercat balancer in: highest load; memory; p50 at 50, 70, 90 %/);
  assert.is(fillProofPage(once, MADE_UP, ABOUT), once);
  assert.throws(() => fillProofPage('# A page\n', MADE_UP, ABOUT), /has no line <!-- figures -->/);
});

test('no paragraph of the figures is too long for a page, faults are in one table, and each image that it shows is there', () => {
  const markdown = proofMarkdown(MADE_UP, ABOUT);
  for (const paragraph of paragraphsOf({ path: 'docs/proof.md', text: markdown })) assert.ok(paragraph.length <= 600, paragraph);
  assert.match(
    markdown,
    /\n\| kill a balancer \| 120 \(108–132\); 1,200 \(1,080–1,320\) \| 4 \(3\.60–4\.40\); 40 \(36–44\) \| 4 [^|]* \|\n/,
  );
  const shown = [...markdown.matchAll(/!\[[^\]]+\]\(([^)]+)\)/g)].map(([, file]) => file);
  assert.equal(
    shown,
    proofImages(MADE_UP).map(({ file }) => file),
  );
  assert.equal(shown, [
    'proof-highest-total.svg',
    'proof-highest-each.svg',
    'proof-p99-total.svg',
    'proof-p99-each.svg',
    'proof-scaling.svg',
    'proof-coordination.svg',
  ]);
});

test('what a run contains is no markup in the docs', () => {
  const evil = '`x` | <img src=x> [a](http://b) ![c](d) **e** &lt; \\|';
  const figures: ProofFigures = {
    ...MADE_UP,
    setup: { ...MADE_UP.setup, command: evil },
    contestants: MADE_UP.contestants.map((each) => ({ ...each, name: evil })),
    faults: [],
    simulation: null,
  };
  const markdown = proofMarkdown(figures, { ...ABOUT, machine: evil });
  assert.ok(markdown.includes('`` `x` | <img'), 'the command is code, with longer fences');
  const rest = markdown
    .replace(/``.*?``/s, '')
    .replaceAll(/\\./g, '')
    .replaceAll(/!\[[\w .,]+\]\(proof-[\w-]+\.svg\)/g, '');
  assert.not.match(rest, /`|<|\]\(|&lt;/);
  const widths = new Set(
    rest
      .split('\n')
      .filter((line) => line.startsWith('| '))
      .map((line) => line.split('|').length),
  );
  assert.ok(widths.size <= 3, [...widths].join());
});

test('a run is read from its file and written as a page and into the docs', async () => {
  await withTempDir(async (folder) => {
    const [json, html, docs] = [join(folder, 'run.json'), join(folder, 'page.html'), join(folder, 'docs')];
    mkdirSync(docs);
    writeFileSync(join(docs, 'proof.md'), `# Page\n\n${FIGURES_MARK}\n\nThe end.\n`);
    writeFileSync(json, JSON.stringify({ bench: 'fleet', ...ABOUT, machine: { cpu: 'A CPU' }, figures: reportProof(MADE_UP).figures }));
    const run = loadProofRun(json);
    assert.equal(run.figures, MADE_UP);
    writeProofPages(run, { html, docs });
    assert.match(readFileSync(html, 'utf8'), /^<!doctype html>/);
    const page = readFileSync(join(docs, 'proof.md'), 'utf8');
    assert.ok(page.startsWith(`# Page\n\n${FIGURES_MARK}\n\nMeercat 0.1.0, `) && page.endsWith('\n\nThe end.\n'));
    for (const [, file = ''] of page.matchAll(/\]\((proof-[^)]+)\)/g)) assert.match(readFileSync(join(docs, file), 'utf8'), /^<svg /);
  });
});

test('a file that cannot be read or written is an error that names the flag and the file, and nothing is written', async () => {
  await withTempDir(async (folder) => {
    const run = { figures: MADE_UP, about: ABOUT };
    const refused = (what: () => void, message: RegExp): void => {
      assert.throws(what, (error: unknown) => error instanceof Error && message.test(error.message));
    };
    refused(() => loadProofRun(join(folder, 'none.json')), /^--from .*none\.json: there is no such file$/);
    refused(() => loadProofRun(folder), /^--from .*: it is a directory/);
    writeFileSync(join(folder, 'bad.json'), '{');
    refused(() => loadProofRun(join(folder, 'bad.json')), /^--from .*bad\.json: no JSON/);
    const html = join(folder, 'page.html');
    refused(() => writeProofPages(run, { html, docs: folder }), /^--docs: .*proof\.md: there is no such file: copy docs\/proof\.md/);
    refused(() => checkDocs(folder), /^--docs: .*proof\.md: there is no such file: copy docs\/proof\.md/);
    writeFileSync(join(folder, 'proof.md'), 'no place');
    refused(() => checkDocs(folder), /^--docs: .*proof\.md: .*no line <!-- figures -->.*: copy docs\/proof\.md/);
    refused(() => writeProofPages(run, { html, docs: folder }), /^--docs: .*proof\.md: the page has no line <!-- figures -->/);
    assert.not.ok(existsSync(html));
    refused(
      () => writeProofPages(run, { html: join(folder, 'no', 'page.html'), docs: null }),
      /^--html: .*page\.html: its directory does not exist$/,
    );
    try {
      loadProofRun(join(folder, 'bad.json'));
    } catch (error) {
      assert.is((error as MeercatError).code, 'MEERCAT_BAD_CONFIG');
    }
  });
});

test.run();
