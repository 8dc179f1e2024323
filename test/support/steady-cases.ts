// What a fleet of hosts whose reports never change must do, as tests of a given size: steady-reports.test.ts has the
// smallest that proves it, steady-reports.long.ts every algorithm with every rate, report, belief and seed.

import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { ALGORITHMS, type HostFigures } from '../../lib/model.js';
import { type Belief, steadyFleet } from './steady-reports.js';

type Steady = Pick<HostFigures, 'cpu' | 'cores'> | null;

/** Constant figures that hosts can report. */
const REPORTS: readonly (readonly [says: string, report: Steady])[] = [
  ['`up 50%`', { cpu: 0.5, cores: null }],
  ['`up 50%` with 4 cores', { cpu: 0.5, cores: 4 }],
  ['`up 100%`', { cpu: 0, cores: null }],
  ['`up`', { cpu: null, cores: null }],
  ['nothing, without an agent', null],
];

const GOOD: Belief = { capacity: 4, speed: 1 };
const BAD: Belief = { capacity: 0.01, speed: 0.1 };
const BELIEFS: readonly (readonly [believed: string, beliefs: readonly Belief[]])[] = [
  ['nothing is believed', []],
  ['the first is believed to be bad', [BAD, GOOD]],
  ['the second is believed to be bad', [GOOD, BAD]],
];

/** How much is simulated. */
export interface SteadySizes {
  /** Requests per second, each in turn. */
  readonly rates: readonly number[];
  readonly seeds: readonly number[];
  /** How many requests shares are counted of. */
  readonly picks: number;
}

/** Adds the tests to a suite. */
export function addSteadyTests(test: Test, { rates, seeds, picks }: SteadySizes): void {
  for (const algorithm of ALGORITHMS) {
    for (const [says, report] of REPORTS) {
      test(`${algorithm}: each of two hosts that say ${says} gets 40 to 60 % of the requests, whatever was believed`, () => {
        for (const [believed, beliefs] of BELIEFS) {
          for (const rps of rates) {
            const fleet = steadyFleet({ algorithm, reports: [report, report], beliefs });
            fleet.serve(10, rps);
            const { counts } = fleet.serve(picks / rps, rps);
            const share = (counts[0] as number) / ((counts[0] as number) + (counts[1] as number));
            assert.ok(share >= 0.4 && share <= 0.6, `${rps} requests/s, ${believed}: ${counts.join(' and ')}`);
          }
        }
      });

      test(`${algorithm}: a host that says ${says} and was slow gets requests again within 10 s, and then its share`, () => {
        for (const rps of rates) {
          for (const seed of seeds) {
            const fleet = steadyFleet({ algorithm, reports: [report, report, report], seed });
            fleet.serve(20, rps, [20, 1, 1]);
            const first = fleet.serve(10, rps).counts;
            assert.ok((first[0] as number) > 0, `${rps} requests/s, seed ${seed}, in the first 10 s: ${first.join(', ')}`);
            fleet.serve(20, rps);
            const { counts } = fleet.serve(picks / rps, rps);
            assert.ok((counts[0] as number) > picks / 6, `${rps} requests/s, seed ${seed}, later: ${counts.join(', ')}`);
          }
        }
      });
    }

    test(`${algorithm}: a host that answered 500 gets requests again within 14 s`, () => {
      for (const rps of rates) {
        for (const seed of seeds) {
          const fleet = steadyFleet({ algorithm, reports: [null, null], seed });
          fleet.serve(10, rps, [], [500, 200]);
          const { counts } = fleet.serve(14, rps);
          assert.ok((counts[0] as number) > 0, `${rps} requests/s, seed ${seed}: ${counts.join(' and ')}`);
        }
      }
    });
  }
}
