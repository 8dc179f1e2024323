// Full hosts, at their limit of requests: no policy picks one while another has room, the picks stay fair among those
// with room, and the cost of a pick is bounded. Seeded; chi-square within five standard deviations.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ALGORITHMS } from '../../lib/model.js';
import { createPolicy } from '../../lib/routing/policy.js';
import { Random } from '../../lib/routing/random.js';
import { buildView, chiSquare, chiSquareLimit, countPicks, countReads } from '../support/host-views.js';

const test = suite('full hosts');

/** A full host has three requests, one with room has none. */
const MAX_INFLIGHT = 3;
const inflight = (slots: number, isFull: (slot: number) => boolean): number[] =>
  Array.from({ length: slots }, (_, slot) => (isFull(slot) ? MAX_INFLIGHT : 0));

for (const algorithm of ALGORITHMS) {
  test(`the one host with room is always picked, wherever it is in the list (${algorithm})`, () => {
    for (const hosts of [2, 3, 50, 1000]) {
      for (const room of [0, Math.floor(hosts / 2), hosts - 1]) {
        const view = buildView(hosts, { maxInflight: MAX_INFLIGHT, inflight: inflight(hosts, (slot) => slot !== room) });
        assert.is(
          countPicks(createPolicy(algorithm, new Random(hosts + room)), view, hosts, 500)[room],
          500,
          `${hosts} hosts, room on ${room}`,
        );
      }
    }
  });

  test(`picks are fair among hosts with room, wherever the full ones are (${algorithm})`, () => {
    for (const [what, hosts, isFull] of [
      ['one of three', 3, (slot) => slot === 1],
      ['two of four, side by side', 4, (slot) => slot < 2],
      ['a run of 40 of 50', 50, (slot) => slot < 40],
      ['a run of 45 of 50', 50, (slot) => slot >= 2 && slot < 47],
      ['each other one of 50', 50, (slot) => slot % 2 === 0],
      ['a few of 50', 50, (slot) => slot % 17 === 0],
      ['all but three of 50', 50, (slot) => ![3, 4, 40].includes(slot)],
      ['a run of 600 of 1000', 1000, (slot) => slot < 600],
    ] as readonly (readonly [string, number, (slot: number) => boolean])[]) {
      const view = buildView(hosts, { maxInflight: MAX_INFLIGHT, inflight: inflight(hosts, isFull) });
      const counts = countPicks(createPolicy(algorithm, new Random(11)), view, hosts, 20_000);
      const roomy = counts.slice(0, hosts).filter((_, slot) => !isFull(slot));
      assert.is(
        roomy.reduce((sum, count) => sum + count, 0),
        20_000,
        `${what}: ${counts}`,
      );
      const found = chiSquare(
        roomy,
        roomy.map(() => 1 / roomy.length),
      );
      assert.ok(found < chiSquareLimit(roomy.length - 1), `${what}: ${found}: ${roomy}`);
    }
  });

  test(`when all are full each is picked equally often, and never the excluded one (${algorithm})`, () => {
    const view = buildView(10, { maxInflight: MAX_INFLIGHT, inflight: inflight(10, () => true) });
    const counts = countPicks(createPolicy(algorithm, new Random(3)), view, 10, 10_000);
    const found = chiSquare(
      counts.slice(0, 10),
      counts.slice(0, 10).map(() => 1 / 10),
    );
    assert.ok(counts[10] === 0 && found < chiSquareLimit(9), `${counts}`);
    const others = countPicks(createPolicy(algorithm, new Random(3)), view, 10, 10_000, 0, 4);
    assert.equal([others[4], others[10]], [0, 0]);
  });

  test(`a full host is preferred to an avoided one, and a warming one to a full one (${algorithm})`, () => {
    const full = inflight(4, (slot) => slot < 2);
    const avoided = buildView(4, { maxInflight: MAX_INFLIGHT, inflight: full, avoidUntil: { 2: 1000, 3: 1000 } });
    const counts = countPicks(createPolicy(algorithm, new Random(5)), avoided, 4, 1000);
    assert.equal([counts[2], counts[3], counts[4]], [0, 0, 0]);
    const warming = buildView(4, {
      maxInflight: MAX_INFLIGHT,
      inflight: full,
      avoidUntil: { 3: 1000 },
      warmSince: [0, 0, 1, 0],
      slowStartMs: 1e9,
    });
    assert.is(countPicks(createPolicy(algorithm, new Random(5)), warming, 4, 1000, 2)[2], 1000);
  });

  test(`a pick among 10,000 mostly full hosts reads no more than it must (${algorithm})`, () => {
    for (const [share, most] of [
      [0.5, 150],
      [0.9, 450],
      [0.99, 5000],
    ] as const) {
      const random = new Random(1);
      const { view, reads } = countReads(
        buildView(10_000, {
          maxInflight: MAX_INFLIGHT,
          inflight: inflight(10_000, () => random.below(1000) < share * 1000),
          fleet: { loadsAt: 0, othersShare: 1 },
        }),
      );
      const policy = createPolicy(algorithm, new Random(2));
      for (let i = 0; i < 200; i++) policy.pick(view, 0, -1, 10);
      assert.ok(reads.now / 200 < most, `${share}: ${reads.now / 200} cells on average`);
    }
  });
}

test.run();
