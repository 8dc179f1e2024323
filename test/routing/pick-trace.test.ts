// What policies report to a trace: every host that mattered for the decision, and tracing does not change it.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALGORITHMS, type HostView, LOOK, LOOKS, type PickTrace } from '../../lib/model.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { Random } from '../../lib/routing/random.js';
import { buildView, type ViewOptions } from '../support/host-views.js';

const test = suite('pick trace');

const NOW_MS = 1000;

class Looks implements PickTrace {
  all: { slot: number; look: number; score: number }[] = [];

  look(_view: HostView, slot: number, _nowMs: number, look: number, score: number): void {
    this.all.push({ slot, look, score });
  }
}

/** Views of every kind: even and uneven hosts, a single one, many, and some that may not be picked. */
const VIEWS: Readonly<Record<string, readonly [slots: number, options: ViewOptions]>> = {
  one: [1, {}],
  two: [2, { inflight: [3, 1], usage: [0.2, 0.9], othersInflight: [0, 5], fleet: { loadsAt: 990 } }],
  uneven: [
    6,
    {
      inflight: [0, 1, 2, 3, 4, 5],
      work: [0, 5, 9, 30, 2, 1],
      usage: [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
      capacity: [4, 1, 2, 4, 4, 1],
      speed: [1, 0.5, 1, 1, 0.6, 1],
      failing: [0, 0, 0.5, 0, 0, 1],
    },
  ],
  many: [200, { fleet: { loadsAt: 900, meanCost: 3 }, inflight: Array.from({ length: 200 }, (_, slot) => slot % 7) }],
  avoided: [5, { avoidUntil: { 1: NOW_MS + 1, 3: NOW_MS + 1 } }],
  'all avoided': [3, { avoidUntil: { 0: NOW_MS + 1, 1: NOW_MS + 1, 2: NOW_MS + 1 } }],
  warming: [4, { warmSince: [NOW_MS - 1, 0, NOW_MS - 500, 0], slowStartMs: 10_000 }],
  'all warming': [3, { warmSince: [NOW_MS - 1, NOW_MS - 1, NOW_MS - 1], slowStartMs: 600_000 }],
  'some full': [5, { inflight: [2, 0, 2, 1, 2], maxInflight: 2, avoidUntil: { 3: NOW_MS + 1 } }],
  'all full': [60, { inflight: Array.from({ length: 60 }, () => 2), maxInflight: 2 }],
  'all but the last full': [60, { inflight: Array.from({ length: 60 }, (_, slot) => (slot < 59 ? 2 : 0)), maxInflight: 2 }],
  none: [0, {}],
};

for (const algorithm of ALGORITHMS) {
  for (const [kind, [slots, options]] of Object.entries(VIEWS)) {
    for (const excluded of [-1, 0]) {
      test(`${algorithm}, ${kind}${excluded < 0 ? '' : ', one excluded'}: tracing does not change the pick, and the trace contains it`, () => {
        const view = buildView(slots, options);
        const looks = new Looks();
        const [untraced, traced] = [createPolicy(algorithm, new Random(7)), createPolicy(algorithm, new Random(7), looks)];
        for (let i = 0; i < 300; i++) {
          looks.all = [];
          const slot = traced.pick(view, NOW_MS, excluded, 5);
          assert.is(slot, untraced.pick(view, NOW_MS, excluded, 5));
          if (slot >= 0)
            assert.ok(
              looks.all.some((each) => each.slot === slot),
              JSON.stringify(looks.all),
            );
          for (const { slot: seen, look, score } of looks.all) {
            assert.ok(seen >= 0 && seen < slots && LOOKS[look] !== undefined);
            const isHeld = (view.avoidUntil[seen] as number) > NOW_MS;
            if (seen === excluded) assert.is(look, LOOK.excluded);
            else if ((view.inflight[seen] as number) >= view.maxInflight) assert.is(look, LOOK.full);
            else if (isHeld) assert.is(look, LOOK.avoided);
            else assert.ok(look === LOOK.eligible || (look === LOOK.warming && (view.warmSince[seen] as number) > 0));
            if (algorithm === 'round-robin') assert.ok(Number.isNaN(score));
          }
          const rated = looks.all.filter(({ look, score }) => look === LOOK.eligible && !Number.isNaN(score));
          const own = rated.filter((each) => each.slot === slot).map(({ score }) => score);
          // A host picked by score had the lowest of those that could be picked.
          if (own.length > 0)
            assert.ok(
              rated.every(({ score }) => score >= Math.min(...own)),
              JSON.stringify([slot, looks.all]),
            );
        }
      });
    }
  }
}

test('every policy reports excluded, avoided and warming hosts as such', () => {
  const view = buildView(4, { avoidUntil: { 1: NOW_MS + 1 }, warmSince: [0, 0, NOW_MS, 0], slowStartMs: 600_000 });
  for (const algorithm of ALGORITHMS) {
    const looks = new Looks();
    const policy = createPolicy(algorithm, new Random(3), looks);
    for (let i = 0; i < 500; i++) policy.pick(view, NOW_MS, 0, 5);
    assert.equal(
      [...new Set(looks.all.map(({ slot, look }) => `${slot} ${LOOKS[look]}`))].toSorted(),
      [
        '0 excluded',
        '1 avoided',
        ...(looks.all.some(({ slot, look }) => slot === 2 && look === LOOK.eligible) ? ['2 eligible'] : []),
        '2 warming',
        '3 eligible',
      ],
      algorithm,
    );
  }
});

test.run();
