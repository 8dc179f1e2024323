// The plots of `bench fleet` as data, and as SVG: what they show, that scales hold every point, and that images are
// well-formed and legible in both colour schemes.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ProofFigures } from '../../../lib/lab/proof/figures.js';
import { type Plot, plotRows, shownPlot } from '../../../lib/lab/proof/plot.js';
import { scalesOf } from '../../../lib/lab/proof/plot-scale.js';
import { plotsOf } from '../../../lib/lab/proof/plots.js';
import { svgPlot } from '../../../lib/lab/proof/svg-plot.js';
import { around, MADE_UP } from '../../support/proof-figures.js';

const test = suite('bench fleet: plots');

function plotOf(figures: ProofFigures, id: string): Plot {
  const found = plotsOf(figures).find((plot) => plot.id === id);
  assert.ok(found, id);
  return found as Plot;
}

/** The medians of a series, by place. */
function lineOf(plot: Plot, name: string): [number, number][] {
  const found = plot.series.find((each) => each.name === name);
  assert.ok(found, `${plot.id}: ${name}`);
  return (found?.points ?? []).map(({ x, y }) => [x, y.median]);
}

test('the ideal line is flat with equal total CPU, and grows with the balancers where each has its own', () => {
  const total = plotOf(MADE_UP, 'highest-total');
  assert.equal(lineOf(total, 'meercat, fleet'), [
    [1, 800],
    [2, 700],
    [4, 560],
  ]);
  assert.equal(lineOf(total, 'ideal'), [
    [1, 800],
    [2, 800],
    [4, 800],
  ]);
  assert.equal(lineOf(plotOf(MADE_UP, 'highest-each'), 'ideal'), [
    [1, 200],
    [4, 800],
  ]);
});

test('latencies stand at the loads of their comparison, with the floor', () => {
  const plot = plotOf(MADE_UP, 'p99-each');
  assert.equal(lineOf(plot, 'meercat, fleet of 4'), [
    [100, 140],
    [140, 196],
    [180, 252],
  ]);
  assert.is(lineOf(plot, 'omniscient floor').length, 3);
  assert.not.ok(
    plot.series.some(({ name }) => name === 'haproxy, one'),
    'it is not part of this comparison',
  );
});

test('the linear line of simulated fleets starts at the smallest, and there is none for equal total CPU', () => {
  const plot = plotOf(MADE_UP, 'scaling');
  const linear = lineOf(plot, 'linear, a core for each balancer');
  const [, first = 0] = linear[0] ?? [];
  assert.equal(
    linear.map(([, y]) => Math.round(y / first)),
    [1, 2, 4, 8, 16, 32, 64],
  );
  assert.is(plot.series.filter(({ name }) => name.startsWith('linear')).length, 1);
});

test('what was not measured is left out, and a plot without anything measured is none', () => {
  const nothing = { median: Number.NaN, least: Number.NaN, most: Number.NaN };
  const contestants = MADE_UP.contestants.map((each) => ({ ...each, highestPerSecond: nothing }));
  const ids = plotsOf({ ...MADE_UP, contestants, faults: [], simulation: null }).map(({ id }) => id);
  assert.equal(ids, ['p50-total', 'p99-total', 'p999-total', 'p50-each', 'p99-each', 'p999-each']);
  assert.equal(plotsOf({ ...MADE_UP, contestants: [], faults: [], simulation: null }), []);
});

test('a value that a logarithmic axis cannot show is left out of the plot', () => {
  const plot = plotOf(MADE_UP, 'p50-total');
  const [first, ...rest] = plot.series;
  const changed = {
    ...plot,
    series: [
      {
        ...(first as Plot['series'][number]),
        points: [
          { x: 1, y: around(0) },
          { x: 2, y: around(5) },
        ],
      },
      ...rest,
    ],
  };
  assert.is(shownPlot(changed)?.series[0]?.points.length, 1);
});

test('the table of a plot has a row for each place and a column for each series', () => {
  const rows = plotRows(plotOf(MADE_UP, 'fault-lost'));
  assert.equal(rows[0], ['fault', 'meercat, one', 'meercat, fleet of 4', 'haproxy, 4 independent']);
  assert.equal(rows[1], ['kill a balancer', '120 (108–132)', '4 (3.60–4.40)', '4 (3.60–4.40)']);
  assert.equal(
    rows.find(([name]) => name === 'kill a host'),
    ['kill a host', '–', '–', '9 (8.10–9.90)'],
  );
});

const positive = fc.double({ min: 1e-9, max: 1e9, noNaN: true });
const anyPlot = fc
  .record({
    xLog: fc.boolean(),
    yLog: fc.boolean(),
    points: fc.array(fc.record({ x: positive, y: positive, share: fc.double({ min: 0, max: 0.9, noNaN: true }) }), {
      minLength: 1,
      maxLength: 8,
    }),
  })
  .map(
    ({ xLog, yLog, points }): Plot => ({
      id: 'any',
      title: 'Any',
      about: 'Any points.',
      x: { label: 'x', isLog: xLog },
      y: { label: 'y', isLog: yLog },
      series: [{ name: 'one', colour: 'meercat', dash: 0, points: points.map(({ x, y, share }) => ({ x, y: around(y, share) })) }],
    }),
  );

const NARROW: Omit<Plot, 'series'> = {
  id: 'any',
  title: 'Any',
  about: 'Any.',
  x: { label: 'x', isLog: false },
  y: { label: 'y', isLog: false },
};

test('a scale is finite, holds every point with its spread, and has a few ascending ticks within it', () => {
  fc.assert(
    fc.property(anyPlot, (plot) => {
      const { x, y } = scalesOf(plot);
      for (const { least, most, ticks } of [x, y]) {
        assert.ok(Number.isFinite(least) && Number.isFinite(most) && least < most, `${least} to ${most}`);
        assert.ok(ticks.length > 0 && ticks.length < 25, String(ticks.length));
        ticks.forEach(({ at }, index) => assert.ok(at >= least && at <= most && (index === 0 || at > (ticks[index - 1]?.at ?? 0))));
      }
      for (const point of plot.series[0]?.points ?? []) {
        assert.ok(point.x >= x.least && point.x <= x.most);
        assert.ok(point.y.least >= y.least && point.y.most <= y.most);
      }
      assert.not.match(svgPlot(plot), /NaN|Infinity|undefined/);
    }),
  );
});

test('values that differ by rounding only have a scale like one value', () => {
  for (const value of [1e-9, 0.1, 700, 1e9]) {
    const points = [value, value * (1 + 3e-16), value * (1 + 1e-12)].map((x) => ({ x, y: around(x, 0) }));
    const { x, y } = scalesOf({ ...NARROW, series: [{ name: 'one', colour: 'meercat', dash: 0, points }] });
    for (const { ticks } of [x, y]) assert.ok(ticks.length > 0 && ticks.length < 10, `${value}: ${ticks.length}`);
  }
});

test('an image is well-formed, has a title and a description, and follows the colour scheme of its reader', () => {
  for (const plot of plotsOf(MADE_UP)) {
    const svg = svgPlot(plot);
    const open: string[] = [];
    for (const [, end, tag = '', self] of svg.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (end === '/') assert.is(open.pop(), tag, plot.id);
      else if (self === '') open.push(tag);
    }
    assert.equal(open, [], plot.id);
    assert.ok(svg.includes('<title id="title">') && svg.includes('<desc id="about">'));
    assert.match(svg, /@media \(prefers-color-scheme: dark\)/);
    assert.not.match(svg, /NaN|Infinity|undefined|href|script/);
    for (const [, x, y] of svg.matchAll(/<circle [^>]*cx="([^"]*)" cy="([^"]*)"/g))
      assert.ok(Number(x) >= 88 && Number(x) <= 700 && Number(y) >= 44 && Number(y) <= 348, `${plot.id}: ${x}, ${y}`);
  }
});

test('names in an image are escaped', () => {
  const faults = MADE_UP.faults.map((fault) => ({ ...fault, contestant: '</text><script>&"' }));
  assert.not.match(svgPlot(plotOf({ ...MADE_UP, faults }, 'fault-lost')), /<script>|&"/);
});

test.run();
