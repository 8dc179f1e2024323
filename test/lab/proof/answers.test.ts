// The answers of `bench fleet` in words: they count every verdict, and name every metric in which a fleet is worse.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answersOf, highestLoadNotes } from '../../../lib/lab/proof/answer.js';
import { leadingOutcomes, listOutcome } from '../../../lib/lab/proof/outcomes.js';
import { countOutcomes, verdictsOf } from '../../../lib/lab/proof/verdicts.js';
import { MADE_UP } from '../../support/proof-figures.js';

const test = suite('bench fleet: answers');

test('the answers count every verdict and the lists name every metric that is worse', () => {
  const own = verdictsOf(MADE_UP).filter(
    ({ comparison, balancers, opponent }) => comparison === 'total' && balancers === 4 && opponent === 'one meercat',
  );
  const { better, equal, worse, 'not shown': notShown } = countOutcomes(own);
  assert.is(better + equal + worse + notShown, own.length);
  assert.ok(worse > 5);
  const [answer = ''] = answersOf(own);
  assert.match(
    answer,
    new RegExp(`better in ${better}, equal in ${equal}, worse in ${worse} of ${own.length} figures, not shown in ${notShown}`),
  );
  const list = listOutcome(own, 'worse');
  for (const { name, outcome } of own) {
    const [metric = ''] = name.split(' at ');
    if (outcome === 'worse')
      assert.ok(
        list.split('; ').some((each) => each === metric || each.startsWith(`${metric} at `)),
        `${metric}: ${list}`,
      );
  }
  assert.match(list, /(?:^|; )p99 at 50, 70, 90 %(?:;|$)/);
  const leading = leadingOutcomes(verdictsOf(MADE_UP));
  assert.is(leading.length, 6);
  assert.is(leading[0], 'The fleet of 4 with equal total CPU is better than one Meercat balancer in: nothing.');
  assert.match(leading[1] ?? '', /^The fleet of 4 with equal total CPU is worse than one Meercat balancer in: highest load; memory; /);
  assert.match(
    leading[4] ?? '',
    /with faults is better than one Meercat balancer in: requests lost \(kill a balancer, kill the master, rolling restart\)/,
  );
  // As many balancers that know nothing of each other are in the hypothesis too.
  const all = answersOf(verdictsOf(MADE_UP));
  const independent = verdictsOf(MADE_UP).find(
    ({ against, balancers }) => against.program !== 'meercat' && against.balancers === balancers,
  );
  assert.ok(
    independent !== undefined && all.some((each) => each.includes(`, against ${independent.opponent}: better in `)),
    all.join('\n'),
  );
});

test('a highest load at the limit of the hosts is named as such', () => {
  const atLimit = (name: string): boolean =>
    highestLoadNotes(MADE_UP).some((note) => note.startsWith('These carried all') && note.includes(name));
  const floor = MADE_UP.contestants.find(({ program }) => program === 'floor')?.highestPerSecond.median ?? Number.NaN;
  for (const { program, name, highestPerSecond } of MADE_UP.contestants)
    if (program !== 'floor') assert.is(atLimit(name), highestPerSecond.median >= floor, name);
  const [first, ...rest] = MADE_UP.contestants.filter(({ program }) => program !== 'floor');
  if (first === undefined) throw new Error('no contestant');
  const carried = { ...first, highestPerSecond: { median: floor, least: floor, most: floor } };
  const floors = MADE_UP.contestants.filter(({ program }) => program === 'floor');
  assert.match(
    highestLoadNotes({ ...MADE_UP, contestants: [...floors, carried, ...rest] }).join('\n'),
    new RegExp(`all that the hosts can.*${first.name}`),
  );
});

test.run();
