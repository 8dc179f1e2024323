// Messages posted before their thread is started: none is lost, and their order is kept.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Outbox } from '../lib/outbox.js';

const test = suite('outbox');

test('messages posted before the thread is connected arrive first, in order, with their transfer lists', () => {
  const got: unknown[] = [];
  const outbox = new Outbox<string>();
  const { port1 } = new MessageChannel();
  outbox.post('first', [port1]);
  outbox.post('second');
  outbox.connect({ post: (message, transfer = []) => void got.push([message, transfer.length]) });
  outbox.post('third', [port1]);
  port1.close();
  assert.equal(got, [
    ['first', 1],
    ['second', 0],
    ['third', 1],
  ]);
});

test('messages posted while the queue is delivered come after it', () => {
  const got: string[] = [];
  const outbox = new Outbox<string>();
  for (const message of ['first', 'second']) outbox.post(message);
  outbox.connect({
    post(message) {
      got.push(message);
      if (message === 'first') outbox.post('reply');
    },
  });
  assert.equal(got, ['first', 'second', 'reply']);
});

test.run();
