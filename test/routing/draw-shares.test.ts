// How often adaptive looks at each host: in proportion to capacity, also where a capacity is not known.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type HostView, LOOK, type PickTrace } from '../../lib/model.js';
import { Adaptive } from '../../lib/routing/adaptive.js';
import { Random } from '../../lib/routing/random.js';
import { isWithin } from '../support/bench.js';
import { buildView } from '../support/host-views.js';

const test = suite('draw shares');

const NOW_MS = 1000;
const PICKS = 40_000;

/** Looks at each slot, which all must have been eligible. */
class LookCounts implements PickTrace {
  readonly looks: number[];

  constructor(slots: number) {
    this.looks = Array.from({ length: slots }, () => 0);
  }

  look(_view: HostView, slot: number, _nowMs: number, look: number): void {
    assert.is(look, LOOK.eligible);
    this.looks[slot] = (this.looks[slot] as number) + 1;
  }
}

for (const [what, capacity, expected] of [
  ['are in proportion to capacity', [1, 2, 4, 3, 2], [1, 2, 4, 3, 2]],
  ['go to a host of unknown capacity as to one of the neutral capacity', [1, Number.NaN, 4, 3, 4], [1, 2, 4, 3, 4]],
  ['are the same for equal hosts', [4, 4, 4, 4, 4], [1, 1, 1, 1, 1]],
] as const) {
  test(`looks ${what}`, () => {
    const counts = new LookCounts(capacity.length);
    const policy = new Adaptive(new Random(5), counts);
    const fleet = { loadsAt: NOW_MS, othersShare: 1, meanCost: 10, neutralSpeed: 1, neutralCapacity: 2, mostCapacity: 4 };
    const view = buildView(capacity.length, { capacity, fleet });
    for (let i = 0; i < PICKS; i++) policy.pick(view, NOW_MS, -1, 10);
    const all = 3 * PICKS;
    assert.is(
      counts.looks.reduce((sum, each) => sum + each, 0),
      all,
    );
    const total = expected.reduce((sum: number, each) => sum + each, 0);
    counts.looks.forEach((looks, slot) => {
      const share = (expected[slot] as number) / total;
      // Four standard deviations.
      const off = 4 * Math.sqrt((share * (1 - share)) / all);
      isWithin(looks / all, share - off, share + off, `share of slot ${slot}`);
    });
  });
}

test.run();
