// The verdicts of `bench fleet` on made-up figures: who is compared with whom, in what, and that none is left out.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContestantFigures, FaultFigures, ProofFigures } from '../../../lib/lab/proof/figures.js';
import type { SetupWithRungs } from '../../../lib/lab/proof/metric.js';
import { countOutcomes, type Verdict, verdictsOf } from '../../../lib/lab/proof/verdicts.js';
import { around, MADE_UP } from '../../support/proof-figures.js';

const test = suite('bench fleet: verdicts');

/** The one verdict on this, against this opponent. */
function verdictOn(figures: ProofFigures, comparison: Verdict['comparison'], balancers: number, opponent: string, name: string): Verdict {
  const found = verdictsOf(figures).filter(
    (each) => each.comparison === comparison && each.balancers === balancers && each.opponent === opponent && each.name === name,
  );
  assert.is(found.length, 1, `${comparison}, ${balancers}, ${opponent}, ${name}`);
  return found[0] as Verdict;
}

function changed(index: number, change: Partial<ContestantFigures>): ProofFigures {
  return { ...MADE_UP, contestants: MADE_UP.contestants.map((each, at) => (at === index ? { ...each, ...change } : each)) };
}

function withFaults(change: (fault: FaultFigures) => Partial<FaultFigures>): ProofFigures {
  return { ...MADE_UP, faults: MADE_UP.faults.map((fault) => ({ ...fault, ...change(fault) })) };
}

const FLEET_OF_4 = 4;

test('a fleet is compared with one balancer and with as many independent ones, of each program that took part', () => {
  const opponents = (comparison: Verdict['comparison'], balancers: number): string[] => [
    ...new Set(
      verdictsOf(MADE_UP)
        .filter((each) => each.comparison === comparison && each.balancers === balancers)
        .map(({ opponent }) => opponent),
    ),
  ];
  assert.equal(opponents('total', 4), ['one meercat', 'one haproxy', '4 independent haproxy', 'one nginx', '4 independent nginx']);
  assert.equal(opponents('total', 2), ['one meercat', 'one haproxy', 'one nginx']);
  assert.equal(opponents('each', 4), ['one meercat', '4 independent haproxy', '4 independent nginx']);
  assert.equal(opponents('each', 2), []);
  assert.equal(opponents(null, 4), ['one meercat', '4 independent haproxy']);
});

test('every metric has a verdict at every load, with both figures and the ratio', () => {
  const own = verdictsOf(MADE_UP).filter(
    ({ comparison, balancers, opponent }) => comparison === 'total' && balancers === 4 && opponent === 'one meercat',
  );
  const names = own.map(({ name }) => name);
  assert.equal(names.slice(0, 2), ['highest load', 'memory']);
  for (const percent of [50, 70, 90])
    for (const metric of [
      'p50',
      'p99',
      'p99.9',
      'added p50',
      'errors',
      'unfairness to hosts',
      "Jain's index",
      'CPU per request',
      'CPU of coordination',
      'messages',
    ])
      assert.ok(names.includes(`${metric} at ${percent} %`), `${metric} at ${percent} %`);
  assert.is(names.length, 2 + 3 * 10);
  const { outcome, ratio, fleetFigure, opponentFigure } = verdictOn(MADE_UP, 'total', 4, 'one meercat', 'highest load');
  assert.is(outcome, 'worse');
  assert.is(ratio, 0.7);
  assert.equal([fleetFigure.median, opponentFigure.median], [560, 800]);
  assert.is(verdictOn(MADE_UP, 'each', 4, 'one meercat', 'highest load').outcome, 'better');
  assert.is(verdictOn(MADE_UP, 'each', 4, 'one meercat', 'highest load').ratio, 2.8);
});

test('a contestant of both comparisons is judged at the load of each, though the percentages are the same', () => {
  const slowAtLowLoads = MADE_UP.contestants[FLEET_OF_4]?.loads.map((load) =>
    load.perSecond < 200 ? { ...load, p50Ms: around(50) } : load,
  );
  const figures = changed(FLEET_OF_4, { loads: slowAtLowLoads ?? [] });
  assert.is(verdictOn(figures, 'each', 4, 'one meercat', 'p50 at 50 %').fleetFigure.median, 50);
  assert.is(verdictOn(figures, 'total', 4, 'one meercat', 'p50 at 50 %').fleetFigure.median, 7);
});

test('figures at another load are not compared', () => {
  const moved = MADE_UP.contestants[FLEET_OF_4]?.loads.map((load) => ({ ...load, perSecond: load.perSecond * 1.05 }));
  const names = verdictsOf(changed(FLEET_OF_4, { loads: moved ?? [] }))
    .filter(({ balancers, comparison }) => balancers === 4 && comparison !== null)
    .map(({ name }) => name);
  assert.equal([...new Set(names)], ['highest load', 'memory']);
});

test('coordination counts against a fleet, also where the others have none', () => {
  const { outcome, opponentFigure, ratio, difference } = verdictOn(
    MADE_UP,
    'total',
    4,
    '4 independent haproxy',
    'CPU of coordination at 70 %',
  );
  assert.is(outcome, 'worse');
  assert.is(opponentFigure.median, 0);
  assert.ok(Number.isNaN(ratio));
  assert.is(difference, 0.05);
});

test('memory is read once: a difference counts from about a fifth on, and equality is never claimed', () => {
  const [single] = [90];
  for (const [memoryMiB, outcome] of [
    [single, 'not shown'],
    [single * 1.2, 'not shown'],
    [single * 1.25, 'worse'],
    [single * 0.8, 'better'],
  ] as const)
    assert.is(verdictOn(changed(FLEET_OF_4, { memoryMiB }), 'total', 4, 'one meercat', 'memory').outcome, outcome, String(memoryMiB));
  const oneRound = { ...MADE_UP, setup: { ...MADE_UP.setup, rounds: 1 } };
  assert.is(verdictOn(oneRound, 'total', 4, 'one meercat', 'memory').outcome, 'worse');
});

test('with one round nothing that varies is shown, but its ratio is', () => {
  const verdicts = verdictsOf({ ...MADE_UP, setup: { ...MADE_UP.setup, rounds: 1 } }).filter(
    ({ comparison, metric }) => comparison !== null && metric !== 'memoryMiB',
  );
  assert.is(countOutcomes(verdicts)['not shown'], verdicts.length);
  assert.is(verdicts.find(({ name }) => name === 'highest load')?.ratio, 0.875);
});

test('a highest load one step of the search away is neither equal nor different', () => {
  const setup: SetupWithRungs = { ...MADE_UP.setup, rungs: [500, 560, 630, 710, 800, 900] };
  const outcomeOf = (highest: number, single: number): string => {
    const exactly = (value: number): { median: number; least: number; most: number } => ({ median: value, least: value, most: value });
    const contestants = MADE_UP.contestants.map((each, index) =>
      index === FLEET_OF_4
        ? { ...each, highestPerSecond: exactly(highest) }
        : index === 1
          ? { ...each, highestPerSecond: exactly(single) }
          : each,
    );
    return verdictOn({ ...MADE_UP, setup, contestants }, 'total', 4, 'one meercat', 'highest load').outcome;
  };
  assert.is(outcomeOf(560, 560), 'equal');
  assert.is(outcomeOf(560, 630), 'not shown');
  assert.is(outcomeOf(900, 800), 'not shown');
  assert.is(outcomeOf(560, 710), 'worse');
  assert.is(outcomeOf(800, 630), 'better');
});

test('a fault is compared with the same of the other; the master with any balancer, and Redis with none', () => {
  assert.is(verdictOn(MADE_UP, null, 4, 'one meercat', 'requests lost, kill a balancer').outcome, 'better');
  assert.is(verdictOn(MADE_UP, null, 4, 'one meercat', 'requests lost, kill the master').opponentFigure.median, 120);
  assert.is(verdictOn(MADE_UP, null, 4, '4 independent haproxy', 'requests lost, kill the master').opponentFigure.median, 4);
  const redis = verdictOn(MADE_UP, null, 4, '4 independent haproxy', 'requests lost, kill Redis');
  assert.is(redis.outcome, 'equal');
  assert.match(redis.reason, /haproxy has no Redis to lose/);
  const lossy = withFaults(({ fault, balancers }) => (fault === 'kill Redis' && balancers === 4 ? { lost: around(30) } : {}));
  assert.is(verdictOn(lossy, null, 4, '4 independent haproxy', 'requests lost, kill Redis').outcome, 'worse');
  assert.not.ok(
    verdictsOf(MADE_UP).some(({ name }) => name.endsWith('kill a host')),
    'only haproxy met it',
  );
});

test('a fault with one round on either side shows nothing', () => {
  const figures = withFaults(({ program }) => (program === 'haproxy' ? { rounds: 1, lost: around(500) } : {}));
  assert.is(verdictOn(figures, null, 4, '4 independent haproxy', 'requests lost, kill a balancer').outcome, 'not shown');
});

test('figures that are not there give no verdict and no failure', () => {
  assert.equal(verdictsOf({ ...MADE_UP, contestants: [], faults: [] }), []);
  assert.equal(verdictsOf({ ...MADE_UP, contestants: MADE_UP.contestants.filter(({ balancers }) => balancers < 2), faults: [] }), []);
  const unmeasured = { median: Number.NaN, least: Number.NaN, most: Number.NaN };
  const { outcome, reason } = verdictOn(changed(FLEET_OF_4, { highestPerSecond: unmeasured }), 'total', 4, 'one meercat', 'highest load');
  assert.equal([outcome, reason], ['not shown', 'not measured']);
});

test.run();
