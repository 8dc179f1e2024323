// The answers of `bench fleet` in words: they count every verdict, and name every metric in which a fleet is worse.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { answersOf } from '../../../lib/lab/proof/answer.js';
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
  assert.is(leading[0], 'The fleet of 4 with equal total CPU is better in: nothing.');
  assert.match(leading[1] ?? '', /^The fleet of 4 with equal total CPU is worse in: highest load; memory; /);
  assert.match(leading[4] ?? '', /with faults is better in: requests lost \(kill a balancer, kill the master, rolling restart\)/);
});

test.run();
