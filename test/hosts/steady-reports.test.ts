// Nobody starves: equal hosts get equal shares when their reports never change, whatever was believed of them before,
// and a host that was bad is tried again within seconds, however few requests there are.

import { suite } from 'uvu';
import { addSteadyTests } from '../support/steady-cases.js';

const test = suite('steady reports');

// The fewest requests leave the most time between two of them, in which beliefs must fade.
addSteadyTests(test, { rates: [2, 100], seeds: [1], picks: 150 });

test.run();
