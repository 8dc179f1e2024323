// The report of `bench fleet` for the terminal: numbers, tables, notes and the goal.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContestantFigures, LoadFigures, ProofFigures, Spread } from '../../../lib/lab/proof/figures.js';
import type { SetupWithRungs } from '../../../lib/lab/proof/metric.js';
import { proofMarkdown } from '../../../lib/lab/proof/markdown.js';
import { reportProof } from '../../../lib/lab/proof/report.js';
import { highestName, latencyName } from '../../../lib/lab/proof/simulate.js';
import { exactText, numberText, ratioText, spreadText } from '../../../lib/lab/proof/spread.js';
import { verdictsOf } from '../../../lib/lab/proof/verdicts.js';
import { formatReport } from '../../../lib/lab/report.js';
import { around, MADE_UP } from '../../support/proof-figures.js';

const test = suite('bench fleet: report');

const ABOUT = { version: '0.1.0', machine: '2 cores of A CPU', startedAt: '2026-11-30T12:00:00.000Z', seconds: 420 };
const REPORT = reportProof(MADE_UP);
const TEXT = formatReport('fleet', REPORT);

test('numbers have three digits, integers from 100 on are in full, and what was not measured is a dash', () => {
  for (const [value, text] of [
    [0, '0'],
    [7, '7'],
    [0.00123, '0.00123'],
    [0.0000001, '0'],
    [-0.5, '-0.500'],
    [0.99951, '1.00'],
    [1.234, '1.23'],
    [9.996, '10.0'],
    [12.34, '12.3'],
    [99.96, '100'],
    [1234.5, '1,235'],
    [Number.NaN, '–'],
    [Number.POSITIVE_INFINITY, '∞'],
  ] as const)
    assert.is(numberText(value), text);
  assert.is(exactText(0.4), '0.4');
  assert.is(exactText(100), '100');
  assert.is(exactText(1200), '1,200');
  assert.is(spreadText({ median: 0.05, least: 0.04, most: 0.06 }, 100), '5 (4–6)');
  assert.is(spreadText(around(0)), '0');
  assert.is(ratioText(1.3), '× 1.30');
  assert.is(ratioText(Number.NaN), '–');
});

test('the tables have each comparison, the faults, the simulation and the verdicts', () => {
  const captions = REPORT.tables.map(([heading = []]) => String(heading[0]));
  assert.equal(
    captions.filter((caption) => !caption.startsWith('At ')),
    [
      'Highest load within the SLO, equal total CPU',
      'Highest load within the SLO, equal CPU per balancer',
      'Faults',
      'The simulation beside real processes',
      'Simulated: 100 hosts, a core for each balancer, clients: even',
      'Simulated: 1000 hosts, a core for each balancer, clients: even',
      'Simulated: 1000 hosts, equal total CPU, clients: even',
      'Verdicts: Fleet of 2, equal total CPU, against',
      'Verdicts: Fleet of 4, equal total CPU, against',
      'Verdicts: Fleet of 4, equal CPU per balancer, against',
      'Verdicts: Fleet of 4, faults, against',
      'All verdicts',
    ],
  );
  assert.is(captions.filter((caption) => caption.startsWith('At ')).length, 6);
  assert.match(TEXT, /\nmeercat, fleet of 4 +0\.1 +560 \(554–566\) +× 0\.700 +70 % +50\.9 % +360\n/);
  assert.match(TEXT, /\nkill a balancer +meercat, one +120 \(108–132\) +1,200 \(1,080–1,320\) +90 \(89\.1–90\.9\) +– +400 +2\n/);
  for (const row of REPORT.tables) for (const cells of row) assert.is(cells.length, row[0]?.length);
});

test('a contestant is marked at loads above its highest', () => {
  const namesAt = (percent: number): unknown[] => {
    const table = REPORT.tables.find(
      ([heading = []]) => String(heading[0]).startsWith(`At ${percent} %`) && String(heading[0]).endsWith('total CPU'),
    );
    return (table ?? []).map(([name]) => name).filter((name) => String(name).startsWith('meercat, fleet of 4'));
  };
  // It serves 560 of 800 requests/s, 566 in one round.
  assert.equal([50, 70, 90].map(namesAt), [['meercat, fleet of 4'], ['meercat, fleet of 4'], ['meercat, fleet of 4 (overloaded)']]);
});

test('no verdict is hidden: each one is in the tables, with its ratio', () => {
  const cells = REPORT.tables
    .filter(([heading = []]) => String(heading[0]).startsWith('Verdicts: '))
    .flatMap(([, ...rows]) => rows.flatMap((row) => row.slice(2).filter((cell) => cell !== '–')));
  const verdicts = verdictsOf(MADE_UP);
  assert.is(cells.length, verdicts.length);
  const worse = verdicts.filter(({ outcome }) => outcome === 'worse').length;
  assert.ok(worse > 0);
  assert.is(cells.filter((cell) => String(cell).startsWith('worse')).length, worse);
});

test('the notes say how CPU was limited, that a core was scaled down, what was left out, and how sure the verdicts are', () => {
  const notes = REPORT.notes.join('\n');
  for (const part of [
    /cgroup v1, cpu\.cfs_quota_us/,
    /scaled down to 0\.4 of a core/,
    /left out: caddy/,
    /H0: /,
    /in 1 of 3 cases by chance/,
    /worse in \d+ of 32/,
  ])
    assert.match(notes, part);
  const setup: SetupWithRungs = { ...MADE_UP.setup, notes: ['medians are of all rounds together'] };
  assert.ok(reportProof({ ...MADE_UP, setup }).notes.includes('medians are of all rounds together;'));
  const whole = reportProof({ ...MADE_UP, setup: { ...MADE_UP.setup, quota: 'taskset', cpu: 1, rounds: 1 } }).notes.join('\n');
  assert.match(whole, /binding all balancers to one core that they share \(taskset\), without a quota/);
  assert.match(whole, /one round, thus no spread/);
  assert.not.match(whole, /scaled down/);
});

test('the goal is that simulation and real processes agree within 15 %', () => {
  const goalWith = (simulation: ProofFigures['simulation']): { isReached: boolean | null; value: number; lack?: string } | undefined =>
    reportProof({ ...MADE_UP, simulation }).goals[0];
  const simulation = MADE_UP.simulation as NonNullable<ProofFigures['simulation']>;
  assert.is(REPORT.goals.length, 1);
  assert.equal([goalWith(simulation)?.isReached, goalWith(simulation)?.value], [true, 7.1]);
  const [first, ...rest] = simulation.calibration;
  const off = (simulated: number): ProofFigures['simulation'] => ({
    ...simulation,
    calibration: [{ ...(first as NonNullable<typeof first>), simulated }, ...rest],
  });
  assert.is(goalWith(off(150 * 1.16))?.isReached, false);
  assert.is(goalWith(off(150 * 0.84))?.isReached, false);
  assert.is(goalWith(off(Number.NaN))?.isReached, null);
  assert.is(goalWith(null)?.isReached, null);
  const within = (simulated: number): unknown =>
    reportProof({ ...MADE_UP, simulation: off(simulated) })
      .tables.find(([heading = []]) => heading[0] === 'The simulation beside real processes')?.[1]
      ?.at(-1);
  assert.equal([within(150 * 1.14), within(150 * 1.16), within(150 * 0.84), within(Number.NaN)], ['yes', 'no', 'no', '–']);
  assert.ok(goalWith({ ...simulation, calibration: [] })?.lack !== undefined);
});

test('the report says whether the simulation can be trusted', () => {
  const simulation = MADE_UP.simulation as NonNullable<ProofFigures['simulation']>;
  const notesWith = (calibration: typeof simulation.calibration): string =>
    reportProof({ ...MADE_UP, simulation: { ...simulation, calibration } }).notes.join('\n');
  assert.match(
    notesWith(simulation.calibration),
    /2 of 2 simulated figures agree .* up to 4 balancers\. Beyond that the simulation extrapolates/,
  );
  const off = { what: 'p50', balancers: 2, real: 1, simulated: 3 };
  assert.match(notesWith([...simulation.calibration, off]), /2 of 3 simulated figures agree .* as a shape, not as a size/);
  assert.match(notesWith([]), /was not compared with real processes/);
});

test('a real figure stands beside a simulated one with the spread of its rounds', () => {
  const simulation = MADE_UP.simulation as NonNullable<ProofFigures['simulation']>;
  const fleet = MADE_UP.contestants.find(({ program, balancers }) => program === 'meercat' && balancers === 4) as ContestantFigures;
  const [load] = fleet.loads as [LoadFigures];
  const cores = fleet.cpuEach as number;
  const off = (what: string, { most }: Spread, simulated: number) => ({ what, balancers: 4, real: most / 1.2, simulated });
  const calibration = [
    off(highestName(cores), fleet.highestPerSecond, fleet.highestPerSecond.most),
    off(latencyName('p99', load.perSecond, cores), load.p99Ms, load.p99Ms.most),
    off(latencyName('p50', load.perSecond, cores), load.p50Ms, 2 * load.p50Ms.most),
  ];
  const report = reportProof({ ...MADE_UP, simulation: { ...simulation, calibration } });
  const rows = report.tables.find(([heading = []]) => heading[0] === 'The simulation beside real processes')?.slice(1) ?? [];
  assert.equal(
    rows.map((row) => row[2]),
    [fleet.highestPerSecond, load.p99Ms, load.p50Ms].map((spread) => spreadText(spread)),
  );
  assert.match(report.notes.join('\n'), /0 of 3 simulated figures agree .* Of the others 2 are between what single rounds/);
});

test('faults show the longest wait, and what was not back to normal by the end', () => {
  const [first] = MADE_UP.faults;
  if (first === undefined) throw new Error('no fault');
  const worstMs = { median: 1234, least: 1200, most: 1300 };
  const shown = (fields: object): string =>
    formatReport('fleet', reportProof({ ...MADE_UP, faults: [{ ...first, ...fields }] })).replaceAll(/ +/g, ' ');
  assert.match(shown({ worstMs, unrecovered: 1, rounds: 2 }), /, 1 of 2 not by the end .* 1,234 \(1,200–1,300\)/);
  assert.not.match(shown({ worstMs, unrecovered: 0 }), /by the end/);
});

test('there is no NaN or undefined in it, nor with figures that are missing', () => {
  const nothing = { median: Number.NaN, least: Number.NaN, most: Number.NaN };
  const bare: ProofFigures = {
    ...MADE_UP,
    contestants: MADE_UP.contestants.map((each) => ({ ...each, highestPerSecond: nothing, memoryMiB: Number.NaN })),
    faults: MADE_UP.faults.map((fault) => ({ ...fault, recoverMs: nothing })),
  };
  for (const figures of [MADE_UP, bare, { ...bare, contestants: [], faults: [], simulation: null }]) {
    assert.not.match(formatReport('fleet', reportProof(figures)), /\bNaN\b|undefined|Infinity|\[object/);
    assert.not.match(proofMarkdown(figures, ABOUT), /\bNaN\b|undefined|Infinity|\[object/);
  }
});

test.run();
