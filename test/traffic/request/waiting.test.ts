// Requests that wait for a full host: when let in, they check the host again. The known hosts and the table are the real ones;
// the test moves the clock and ends the attempts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Host } from '../../../lib/traffic/host/host.js';
import { until } from '../../support/brackets.js';
import { ends, type Outcome, type Stage, withStage } from '../../support/story-stage.js';

const test = suite('waiting');

/** Two hosts with room for one request each; h0 has one, which ends when `finish` is called. */
function withFull(fn: (stage: Stage, h0: Host, finish: () => Promise<void>) => Promise<void>): Promise<void> {
  return withStage(
    async (stage) => {
      let end: (outcome: Outcome) => void = () => undefined;
      const first = stage.tell({ picks: [0], outcomes: [new Promise<Outcome>((resolve) => (end = resolve))] });
      await fn(stage, stage.traffic.hosts.get(0) as Host, async () => {
        end(ends('ok'));
        await first;
      });
      assert.equal(stage.inFlight(), [0, 0, 0]);
    },
    { hostMaxInflight: 1, queueTimeoutMs: 1000 },
  );
}

for (const [what, takeOut] of [
  ['drained', ({ traffic }) => void (traffic.columns.operator[0] = 1)],
  ['found to be down', ({ traffic }) => void (traffic.columns.out[0] = 1)],
  ['ejected', ({ traffic }) => void (traffic.columns.ejectedUntil[0] = Number.POSITIVE_INFINITY)],
] as readonly (readonly [string, (stage: Stage) => void])[]) {
  test(`requests do not go to a host that was ${what} while they waited for it, and none of them is lost`, () =>
    withFull(async (stage, _h0, finish) => {
      const waiting = [stage.tell({ picks: [0, 1], outcomes: [ends('ok')] }), stage.tell({ picks: [0, 1], outcomes: [ends('ok')] })];
      takeOut(stage);
      await finish();
      assert.equal(
        (await Promise.all(waiting)).map(([line = '']) => line.slice(0, 2)),
        ['h1', 'h1'],
      );
      assert.equal([stage.counts().requests_queued, stage.counts().timeouts_queue], [2, undefined]);
    }));

  test(`requests that wait for a host that was ${what} pick another one even while its own requests continue`, () =>
    withFull(async (stage, _h0, finish) => {
      const waiting = stage.tell({ picks: [0, 1], outcomes: [ends('ok')] });
      takeOut(stage);
      assert.equal(await waiting, ['h1 with 1 1 2']);
      await finish();
    }));
}

test('a host that is out is still used when there is no other one', () =>
  withFull(async (stage, _h0, finish) => {
    const waiting = stage.tell({ picks: [0, 0], outcomes: [ends('ok')] });
    stage.traffic.columns.out[0] = 1;
    await finish();
    assert.equal(await waiting, ['h0 with 1 0 1']);
  }));

test('a request that is let in checks for room again, and goes on waiting if another one took it', () =>
  withFull(async (stage, h0, finish) => {
    const waiting = stage.tell({ picks: [0, 0], outcomes: [ends('ok')] });
    h0.queue.letIn();
    await until(() => h0.queue.isWaitedFor, { what: 'the request to wait again' });
    assert.equal(stage.inFlight(), [1, 0, 1]);
    await finish();
    assert.equal(await waiting, ['h0 with 1 0 1']);
    assert.is(stage.counts().requests_queued, 1, 'however often it waits');
  }));

test('all waits of a request together are bounded by the queue timeout', () =>
  withFull(async (stage, h0, finish) => {
    const waiting = stage.tell({ picks: Array.from({ length: 50 }, () => 0) });
    let hasEnded = false;
    void waiting.finally(() => (hasEnded = true));
    for (let i = 0; i < 10; i++) {
      stage.nowMs += 90;
      h0.queue.letIn();
      // oxlint-disable-next-line no-await-in-loop -- one after the other
      await until(() => h0.queue.isWaitedFor, { what: 'the request to wait again' });
    }
    assert.is(hasEnded, false);
    stage.nowMs += 101;
    assert.equal(await waiting, ['MEERCAT_BUSY']);
    assert.is(stage.counts().timeouts_queue, 1);
    await finish();
  }));

test('a request whose deadline passes as it is let in is not refused while there is room for it', () =>
  withFull(async (stage, _h0, finish) => {
    const waiting = stage.tell({ picks: [0, 0], outcomes: [ends('ok')] });
    stage.nowMs += 999;
    await finish();
    assert.equal(await waiting, ['h0 with 1 0 1']);
  }));

test('a client that goes away as it is let in passes its place on', () =>
  withFull(async (stage, h0, finish) => {
    let asked = -1;
    // It is there when it is let in, and gone when it checks again.
    const gone = stage.tell({ picks: [0], isGone: () => asked >= 0 && ++asked > 1 });
    const next = stage.tell({ picks: [0], outcomes: [ends('ok')] });
    assert.is(h0.queue.isWaitedFor, true);
    asked = 0;
    await finish();
    assert.equal([await gone, await next], [[], ['h0 with 1 0 1']]);
  }));

test.run();
