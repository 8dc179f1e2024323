// How accurately request costs are learned in larger fleets, with three seeds. MEERCAT_SHOW=1 prints the figures.

import { suite } from 'uvu';
import { checkCosts, GOAL, SCENARIOS } from '../support/cost-scenarios.js';

const test = suite('cost model, large fleets');

for (const title of Object.keys(SCENARIOS)) {
  test(`after a minute every class that matters is known within a factor of ${GOAL}, in fleets of 20 and 50: ${title}`, () => {
    for (const hosts of [20, 50]) for (const seed of [1, 2, 3]) checkCosts(title, hosts, seed);
  });
}

test.run();
