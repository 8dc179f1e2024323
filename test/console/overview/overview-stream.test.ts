// The stream of the dashboard over a source and clients of the test's own: who gets the whole, who gets what changed, and that each
// is rendered once.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { OverviewStream } from '../../../lib/console/overview/overview-stream.js';
import type { PageReply } from '../../../lib/console/page-request.js';
import type { Overview } from '../../../lib/overview.js';
import { buildOverview } from '../../support/overviews.js';

const test = suite('stream of the dashboard');

class FakeReply implements PageReply {
  text = '';
  isClosed = false;
  pendingBytes = 0;
  #onClose: (() => void)[] = [];

  head(status: number, headers: Readonly<Record<string, string>>): void {
    this.text += `${status} ${headers['Content-Type']}\n`;
  }
  write(content: string): void {
    this.text += content;
  }
  end(): void {
    this.isClosed = true;
  }
  onClose(call: () => void): void {
    this.#onClose.push(call);
  }
  /** The client goes away. */
  leave(): void {
    this.isClosed = true;
    for (const call of this.#onClose) call();
  }
  /** What was sent since the last call: the data of events. */
  take(): string[] {
    const data = [...this.text.matchAll(/^data: (.*)$/gm)].map(([, each]) => each ?? '');
    this.text = '';
    return data;
  }
}

function openStage() {
  let push: ((overview: Overview) => void) | undefined;
  let rendered = 0;
  const stream = new OverviewStream({
    source: {
      current: () => Promise.reject(new Error('a stream does not ask')),
      subscribe(onChange) {
        push = onChange;
        return () => (push = undefined);
      },
      close: () => undefined,
    },
    renderDelta(before, now) {
      rendered++;
      if (before === undefined) return `whole ${now.term}`;
      return before.term === now.term ? '' : `from ${before.term} to ${now.term}`;
    },
  });
  return {
    stream,
    open(): FakeReply {
      const reply = new FakeReply();
      stream.open(reply);
      return reply;
    },
    push: (term: number) => push?.(buildOverview({ term })),
    isWatching: () => push !== undefined,
    renderings: () => rendered,
  };
}

test('A stream begins with the time of a retry and the whole, and goes on with what changed', () => {
  const { open, push } = openStage();
  const reply = open();
  assert.is(reply.text, '200 text/event-stream; charset=utf-8\nretry: 1000\n\n');
  push(1);
  push(2);
  push(2);
  assert.match(reply.text, 'id: 2\ndata: from 1 to 2\n\n');
  assert.equal(reply.take(), ['whole 1', 'from 1 to 2']);
});

test('Any number of clients cost one rendering', () => {
  const { open, push, renderings } = openStage();
  const replies = Array.from({ length: 10 }, open);
  push(1);
  push(2);
  assert.is(renderings(), 2);
  for (const reply of replies) assert.equal(reply.take(), ['whole 1', 'from 1 to 2']);
});

test('Who comes later gets the whole at once, and then what changed', () => {
  const { open, push } = openStage();
  const first = open();
  push(1);
  const second = open();
  assert.equal(second.take(), ['whole 1']);
  push(2);
  assert.equal(second.take(), ['from 1 to 2']);
  assert.equal(first.take(), ['whole 1', 'from 1 to 2']);
});

test('A client that takes nothing is skipped, and gets the whole when it has caught up', () => {
  const { open, push } = openStage();
  const slow = open();
  push(1);
  slow.take();
  slow.pendingBytes = 1 << 20;
  push(2);
  assert.equal(slow.take(), []);
  slow.pendingBytes = 0;
  push(3);
  assert.equal(slow.take(), ['whole 3']);
});

test('When the last client has gone nothing is watched, and the next one begins with the whole', () => {
  const { open, push, isWatching } = openStage();
  const [one, other] = [open(), open()];
  push(1);
  one.leave();
  assert.ok(isWatching());
  other.leave();
  assert.not(isWatching());
  const next = open();
  push(5);
  assert.equal(next.take(), ['whole 5']);
});

test('All streams end with the thread', () => {
  const { stream, open, isWatching } = openStage();
  const reply = open();
  stream.close();
  assert.ok(reply.isClosed);
  assert.not(isWatching());
});

test.run();
