// The tests of steady-reports.test.ts with more rates, seeds and requests: an exhibit, not needed to prove the rules.

import { suite } from 'uvu';
import { addSteadyTests } from '../support/steady-cases.js';

const test = suite('steady reports, all');

addSteadyTests(test, { rates: [2, 5, 20, 100], seeds: [1, 2, 3], picks: 400 });

test.run();
