// The page of `bench fleet`: it is whole, needs no network, escapes what a run contains, can be read without plots, and its
// scripts, uPlot among them, draw every figure.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProofFigures } from '../../../lib/lab/proof/figures.js';
import { proofHtml } from '../../../lib/lab/proof/html.js';
import { plotsOf } from '../../../lib/lab/proof/plots.js';
import { readProofRun } from '../../../lib/lab/proof/read-figures.js';
import { verdictsOf } from '../../../lib/lab/proof/verdicts.js';
import { playPage } from '../../support/page-stage.js';
import { MADE_UP } from '../../support/proof-figures.js';

const test = suite('bench fleet: page');

const ABOUT = { version: '0.1.0', machine: '2 cores of A CPU', startedAt: '2026-11-30T12:00:00.000Z', seconds: 420 };
const PAGE = proofHtml(MADE_UP, ABOUT);
/** Without scripts and styles. */
const markupOf = (page: string): string => page.replaceAll(/<(script|style)\b[^]*?<\/\1>/g, '');

const EMPTY: ProofFigures = { ...MADE_UP, contestants: [], faults: [], simulation: null };

test('it has every section, in the order in which a reader asks', () => {
  assert.equal(
    [...PAGE.matchAll(/<h2 id="(\w+)">/g)].map(([, id]) => id),
    ['answer', 'setup', 'figures', 'faults', 'simulation', 'verdicts', 'threats', 'repeat'],
  );
  for (const part of [
    'H0: ',
    'H1: ',
    MADE_UP.setup.command,
    'cgroup v1',
    'redis-server 7.0.15',
    '2 cores of A CPU',
    'caddy: it is not installed',
  ])
    assert.ok(markupOf(PAGE).includes(part.replaceAll("'", '&#39;')), part);
});

test('every verdict is on it with its reason, the worse ones too', () => {
  const verdicts = verdictsOf(MADE_UP);
  assert.ok(verdicts.some(({ outcome }) => outcome === 'worse'));
  const rows = [
    ...PAGE.matchAll(
      /<tr><th scope="row">[^<]*<\/th><td>[^<]*<\/td><td>[^<]*<\/td><td>[^<]*<\/td><td>[^<]*<\/td><td class="([\w-]+)">[^<]*<\/td><td>[^<]+<\/td><\/tr>/g,
    ),
  ];
  for (const [outcome, name] of [
    ['better', 'better'],
    ['equal', 'equal'],
    ['worse', 'worse'],
    ['not shown', 'not-shown'],
  ] as const)
    assert.is(rows.filter(([, kind]) => kind === name).length, verdicts.filter((each) => each.outcome === outcome).length, name);
});

test('it loads nothing: no source, link, import or address of another file', () => {
  assert.not.match(PAGE, /<(?:script|link|img|iframe|object|embed)\b[^>]*\s(?:src|href|data)=/i);
  for (const [style] of PAGE.matchAll(/<style>[^]*?<\/style>/g)) assert.not.match(style, /@import|url\(/i);
  for (const [, target = ''] of markupOf(PAGE).matchAll(/\shref="([^"]*)"/g)) assert.match(target, /^#\w+$/);
});

test('its headings go down step by step, tables have captions and heads, and every element ends', () => {
  const levels = [...markupOf(PAGE).matchAll(/<h(\d)/g)].map(([, level]) => Number(level));
  assert.is(levels[0], 1);
  assert.is(levels.filter((level) => level === 1).length, 1);
  levels.forEach((level, index) =>
    assert.ok(index === 0 || level - (levels[index - 1] as number) <= 1, `h${level} after h${levels[index - 1]}`),
  );
  for (const [table] of PAGE.matchAll(/<table>[^]*?<\/table>/g)) {
    assert.match(table, /<caption>[^<]+<\/caption>/);
    assert.match(table, /<thead><tr><th scope="col">/);
  }
  assert.match(PAGE, /^<!doctype html>\n<html lang="en">/);
  const open: string[] = [];
  for (const [, end, tag = '', rest] of markupOf(PAGE).matchAll(/<(\/?)([a-z][a-z0-9]*)((?:\s[^>]*)?)>/g)) {
    if (['meta', 'br'].includes(tag)) continue;
    if (end === '/') assert.is(open.pop(), tag, rest);
    else open.push(tag);
  }
  assert.equal(open, []);
});

test('every plot has an alternative in words and a table with its figures', () => {
  const figures = [...PAGE.matchAll(/<figure id="([^"]+)"[^]*?<\/figure>/g)];
  assert.equal(
    figures.map(([, id]) => id).toSorted(),
    plotsOf(MADE_UP)
      .map(({ id }) => id)
      .toSorted(),
  );
  for (const [figure] of figures) {
    assert.match(figure, /role="img" aria-label="[^"]{30,}"/);
    assert.match(figure, /<details><summary>Figures of this plot<\/summary>\n<div[^>]*><table>/);
  }
});

test('the scripts run, and uPlot draws every plot with its labels, all at places on the canvas', async () => {
  const { places, drawn, save } = await playPage(PAGE);
  assert.is(save.hidden, false);
  const plots = plotsOf(MADE_UP);
  assert.is(places.length, plots.length);
  for (const plot of plots) {
    const index = places.findIndex(({ dataset }) => dataset.plot === plot.id);
    const calls = drawn[index] ?? [];
    for (const { name, args } of calls)
      for (const arg of args) if (typeof arg === 'number') assert.ok(Number.isFinite(arg), `${plot.id}: ${name}(${args.join()})`);
    const texts = calls.filter(({ name }) => name === 'fillText').map(({ args }) => args[0]);
    for (const label of [plot.x.label, plot.y.label]) assert.ok(texts.includes(label), `${plot.id}: ${label} in ${texts.join()}`);
    for (const { name } of plot.series) assert.ok(places[index]?.textContent.includes(name), `${plot.id}: ${name}`);
    // A spread is a line and two caps.
    const spreads = plot.series.filter(({ colour }) => colour !== 'reference').reduce((sum, { points }) => sum + points.length, 0);
    const lines = calls.filter(({ name, args }) => name === 'lineTo' && args.length === 2).length;
    assert.ok(spreads > 0 && lines >= 3 * spreads, `${plot.id}: ${lines} lines for ${spreads} spreads`);
  }
});

test('the embedded run can be saved and shown again: the page is the same', async () => {
  const { saved } = await playPage(PAGE);
  const { figures, about } = readProofRun(saved);
  assert.equal(figures, MADE_UP);
  assert.is(proofHtml(figures, about), PAGE);
});

test('what a run contains never becomes markup or script', async () => {
  const evil = '</script><script>throw 1</script><img src=x onerror=alert(1)>"\'<!--&amp;';
  const names = (each: (typeof MADE_UP.contestants)[number]): typeof each => ({ ...each, name: `${evil}${each.name}` });
  const simulation = MADE_UP.simulation as NonNullable<ProofFigures['simulation']>;
  const figures: ProofFigures = {
    setup: { ...MADE_UP.setup, command: evil, redis: evil, leftOut: [evil] },
    contestants: MADE_UP.contestants.map(names),
    faults: MADE_UP.faults.map((fault) => ({ ...fault, contestant: evil })),
    simulation: {
      ...simulation,
      calibration: simulation.calibration.map((each) => Object.assign({}, each, { what: evil })),
      scaling: simulation.scaling.map((each) => Object.assign({}, each, { clients: evil })),
      limits: [evil],
    },
  };
  const page = proofHtml(figures, { version: evil, machine: evil, startedAt: evil, seconds: 1 });
  assert.is(page.match(/<script/g)?.length, 4);
  assert.not.match(markupOf(page), /<img|<!--|onerror=alert\(1\)>/);
  assert.not.match(markupOf(page), /="[^"]*"[^\s>]/, 'an attribute that ends early');
  assert.is((await playPage(page)).places.length, plotsOf(figures).length);
});

test('a run in which almost nothing was measured has a page too', async () => {
  const page = proofHtml(EMPTY, { ...ABOUT, seconds: Number.NaN });
  assert.match(page, /it answers nothing/);
  assert.not.match(markupOf(page), /\bNaN\b|undefined|Infinity/);
  assert.equal((await playPage(page)).places, []);
  const single = { ...EMPTY, contestants: MADE_UP.contestants.slice(0, 2) };
  assert.ok((await playPage(proofHtml(single, ABOUT))).places.length > 0);
});

test.run();
