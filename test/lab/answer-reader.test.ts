// The answer reader that the lab's loads share: it compares every byte, wherever chunks are cut.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AnswerReader } from '../../lib/lab/answer-reader.js';

const test = suite('answer reader');

const EXPECTED = Buffer.from('as expected');
const answerOf = (body: string, status = '200 OK', length = body.length): Buffer =>
  Buffer.from(`HTTP/1.1 ${status}\r\nX-A: b\r\nContent-Length: ${length}\r\n\r\n${body}`);

test('an answer is right wherever it is cut, and so is the next one on the same connection', () => {
  const bytes = answerOf('as expected');
  const reader = new AnswerReader(EXPECTED);
  for (let cut = 1; cut < bytes.length; cut++) {
    assert.is(reader.push(bytes.subarray(0, cut)), 'more', `cut at ${cut}`);
    assert.is(reader.push(bytes.subarray(cut)), 'right', `cut at ${cut}`);
  }
});

test('one wrong byte is noticed, also in the first of two chunks; the next answer may be right', () => {
  const reader = new AnswerReader(EXPECTED);
  const bytes = answerOf('aS expected');
  assert.is(reader.push(bytes), 'wrong');
  assert.is(reader.push(bytes.subarray(0, bytes.length - 3)), 'more');
  assert.is(reader.push(bytes.subarray(bytes.length - 3)), 'wrong');
  assert.is(reader.push(answerOf('as expected')), 'right');
});

test('another status and another length are refused', () => {
  assert.is(new AnswerReader(EXPECTED).push(answerOf('as expected', '502 Bad Gateway')), 'refused');
  assert.is(new AnswerReader(EXPECTED).push(answerOf('as expected', '200 OK', 10)), 'refused');
  assert.is(new AnswerReader(EXPECTED).push(Buffer.from('HTTP/1.1 200 OK\r\n\r\nas expected')), 'refused');
});

test.run();
