// The matrix of hosts, heads: what each one answers byte by byte, what its client gets, how often it was asked.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { asPost, runHostMatrix } from '../../support/host-stage.js';
import { HEAD_ANSWERS } from './host-answers-heads.js';

const test = suite('host matrix, heads');

test('whatever a host sends for a head, its client gets an answer that says so, and another host is asked', () =>
  runHostMatrix(HEAD_ANSWERS));

test('whatever a host sends for a head, a POST is delivered once', () => runHostMatrix(asPost(HEAD_ANSWERS)));

test('there are as many of them as were promised', () => {
  assert.ok(HEAD_ANSWERS.length >= 40);
  assert.is(new Set(HEAD_ANSWERS.map(({ name }) => name)).size, HEAD_ANSWERS.length, 'each has a name of its own');
});

test.run();
