// The matrix of hosts, bodies: what each one answers byte by byte, what its client gets, how often it was asked.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { asPost, runHostMatrix } from '../../support/host-stage.js';
import { BODY_ANSWERS } from './host-answers-bodies.js';

const test = suite('host matrix, bodies');

test('whatever a host sends for a body, its client never takes for whole what is not, nor more than there is', () =>
  runHostMatrix(BODY_ANSWERS));

test('whatever a host sends for a body, a POST is delivered once', () => runHostMatrix(asPost(BODY_ANSWERS)));

test('there are as many of them as were promised', () => {
  assert.ok(BODY_ANSWERS.length >= 40);
  assert.is(new Set(BODY_ANSWERS.map(({ name }) => name)).size, BODY_ANSWERS.length, 'each has a name of its own');
});

test.run();
