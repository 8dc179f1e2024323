// What of a run is simulated too: fleets of two and four with equal total CPU, at each of their loads.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { ContestantFigures, LoadFigures, Spread } from '../../../lib/lab/proof/figures.js';
import { measuredFleetsOf } from '../../../lib/lab/proof/simulation-part.js';

const test = suite('simulation of bench fleet');

const exactly = (value: number): Spread => ({ median: value, least: value - 1, most: value + 1 });

function loadWith(perSecond: number, p50: number, p99: number): LoadFigures {
  const none = exactly(0);
  return {
    percent: 50,
    perSecond,
    p50Ms: exactly(p50),
    p99Ms: exactly(p99),
    p999Ms: none,
    errors: none,
    hostMaxOverMean: none,
    jain: none,
    cpuMicros: none,
    coordinationCores: null,
    messagesPerSecond: null,
    addedP50Ms: none,
  };
}

function contestantWith(fields: Partial<ContestantFigures>): ContestantFigures {
  return {
    name: 'meercat',
    program: 'meercat',
    balancers: 4,
    comparisons: ['total', 'each'],
    cpuEach: 0.1,
    highestPerSecond: exactly(900),
    loads: [loadWith(100, 5, 50), loadWith(200, 6, 60)],
    memoryMiB: 1,
    ...fields,
  };
}

test('loads that were an overload are not compared', () => {
  const failing = { ...loadWith(100, 5, 50), errors: exactly(0.001) };
  const [fleet] = measuredFleetsOf([contestantWith({ loads: [failing, loadWith(901, 5, 50), loadWith(300, 6, 60)] })]);
  assert.equal(fleet?.loads, [{ percent: 50, perSecond: 300, p50Ms: 6, p99Ms: 60 }]);
});

test('it is fleets of two and four with equal total CPU, by medians', () => {
  const floor = contestantWith({ program: 'floor', balancers: 1, comparisons: [], cpuEach: null, loads: [loadWith(200, 4, 40)] });
  const others = [
    contestantWith({ balancers: 1, comparisons: ['total'] }),
    contestantWith({ balancers: 2, comparisons: ['each'] }),
    contestantWith({ balancers: 8, comparisons: ['total'] }),
    contestantWith({ program: 'haproxy' }),
  ];
  const two = contestantWith({ balancers: 2, comparisons: ['total'], cpuEach: 0.2, loads: [] });
  assert.equal(measuredFleetsOf([floor, ...others, two, contestantWith({})]), [
    { balancers: 2, cores: 0.2, highestPerSecond: 900, loads: [] },
    {
      balancers: 4,
      cores: 0.1,
      highestPerSecond: 900,
      loads: [
        { percent: 50, perSecond: 100, p50Ms: 5, p99Ms: 50 },
        { percent: 50, perSecond: 200, p50Ms: 6, p99Ms: 60 },
      ],
    },
  ]);
  assert.equal(measuredFleetsOf([]), []);
});

test.run();
