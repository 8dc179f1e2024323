// The expected cost of a request: from its class, else the rest, else the mean, else the default.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FLEET } from '../../lib/model.js';
import { ClassCosts, expectedCost } from '../../lib/table/class-costs.js';
import { createTable, openTable } from '../../lib/table/layout.js';

const test = suite('class costs');

test('a class has its published cost, else that of the rest, else the mean, else one', () => {
  const columns = openTable(createTable(1));
  const costs = new ClassCosts(columns);
  costs.setClass(0, '(rest)');
  costs.setClass(1, 'GET /a');
  const both = () => [expectedCost(columns, 1), expectedCost(columns, 0)];
  assert.equal(both(), [1, 1]);
  columns.fleet[FLEET.meanCost] = 3;
  assert.equal(both(), [3, 3]);
  costs.take([['(rest)', 20]]);
  assert.equal(both(), [20, 20]);
  costs.take([
    ['(rest)', 20],
    ['GET /a', 5],
  ]);
  assert.equal(both(), [5, 20]);
  costs.setClass(1, null);
  assert.equal(both(), [20, 20]);
});

test.run();
