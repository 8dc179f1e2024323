// The search of `bench fleet` for the highest load: it must find the right rung in few turns, from wherever it begins.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLOOR_RUNGS, floorAt, HighestSearch, LADDER } from '../../../lib/lab/proof/search.js';

const test = suite('search of bench fleet');

function turnsUntil(search: HighestSearch, highest: number): number {
  let turns = 0;
  for (let rung = search.next; rung !== null; rung = search.next) {
    search.record(rung <= highest);
    turns++;
    assert.ok(turns < 100, 'it ends');
  }
  assert.is(search.result, highest);
  return turns;
}

test('it finds any rung of the ladder by halves in six turns', () => {
  for (let highest = -1; highest < LADDER.length; highest++)
    assert.ok(turnsUntil(new HighestSearch(LADDER.length), highest) <= 6, `${highest}`);
});

test('from an earlier result it takes three turns for the same one, and finds any other', () => {
  for (let start = -1; start < LADDER.length; start++) {
    for (let highest = -1; highest < LADDER.length; highest++) {
      const turns = turnsUntil(new HighestSearch(LADDER.length, start), highest);
      if (highest === start) assert.ok(turns <= 3, `${start}: ${turns} turns`);
      assert.ok(turns <= 11, `${start} to ${highest}: ${turns} turns`);
    }
  }
});

test('a rung that is refused once by chance does not end the search', () => {
  for (let unlucky = 0; unlucky <= 20; unlucky++) {
    for (const start of [undefined, 3, 20, 29]) {
      const search = new HighestSearch(LADDER.length, start);
      let isUnlucky = true;
      let turns = 0;
      for (let rung = search.next; rung !== null && turns < 100; rung = search.next, turns++) {
        search.record(rung <= 20 && !(rung === unlucky && isUnlucky));
        if (rung === unlucky) isUnlucky = false;
      }
      assert.is(search.result, 20, `${unlucky} from ${start}`);
    }
  }
});

test('one rung is enough', () => {
  assert.is(turnsUntil(new HighestSearch(1), 0), 1);
  assert.is(turnsUntil(new HighestSearch(1, 0), -1), 2);
});

test('the rungs are equal steps of a percentage, and the floor is measured at both ends', () => {
  const steps = LADDER.slice(1).map((share, index) => share / (LADDER[index] as number));
  assert.ok(Math.max(...steps) / Math.min(...steps) < 1.000001);
  assert.ok(steps.every((step) => step > 1.02 && step < 1.2));
  assert.ok((LADDER.at(-1) as number) < 1);
  assert.is(FLOOR_RUNGS[0], 0);
  assert.is(FLOOR_RUNGS.at(-1), LADDER.length - 1);
});

test("between two loads the floor's p99 is their geometric mean, weighted by distance", () => {
  const measured = [
    { share: 0.1, p99Ms: 10 },
    { share: 0.5, p99Ms: 40 },
    { share: 0.9, p99Ms: 400 },
  ];
  const near = (share: number, expected: number): void => assert.ok(Math.abs(floorAt(measured, share) - expected) < 1e-9, `${share}`);
  near(0.1, 10);
  near(0.3, 20);
  near(0.5, 40);
  near(0.6, 40 * 10 ** 0.25);
  near(0.05, 10);
  near(0.95, 400);
  assert.ok(Number.isNaN(floorAt([], 0.5)));
});

test.run();
