// A pool's limit on requests in flight, where requests meet it: places come back once, to the one who waits longest and whose
// client is still there; an exchange gives its place back however it ends.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Deadlines } from '../../../lib/deadlines.js';
import { SHARE_CELL, SHARE_CELLS, ShareKeeper } from '../../../lib/routing/fleet-limit.js';
import { PoolLimit } from '../../../lib/traffic/request/pool-limit.js';

const test = suite('pool limit');

/** A limit with a share of so many places, and so many that may wait; on a clock that stands still. */
function withLimit<T>(share: number, queue: number, fn: (limit: PoolLimit, cells: Float64Array) => T): T {
  const cells = new Float64Array(SHARE_CELLS);
  new ShareKeeper('web', cells, 100, 1, 0).apply(share, 1000);
  const deadlines = new Deadlines(() => 0);
  try {
    return fn(new PoolLimit(cells, 100, queue, deadlines), cells);
  } finally {
    deadlines.stop();
  }
}

test('a place that comes back goes to the one who waits longest and whose client is still there', () =>
  withLimit(1, 3, async (limit, cells) => {
    assert.ok(limit.tryBegin(0));
    assert.not.ok(limit.tryBegin(0));
    const gone = limit.wait(1000, () => false);
    const first = limit.wait(1000, () => true);
    const second = limit.wait(1000, () => true);
    assert.ok(limit.isQueueFull);
    limit.end(0);
    await Promise.all([gone, first]);
    assert.is(cells[SHARE_CELL.inflight], 1);
    limit.end(0);
    assert.is(await second, 'room');
    limit.end(0);
    assert.is(cells[SHARE_CELL.inflight], 0);
  }));

test('a place for which nobody waits any more stays free', () =>
  withLimit(1, 3, async (limit, cells) => {
    limit.tryBegin(0);
    const gone = limit.wait(1000, () => false);
    limit.end(0);
    await gone;
    assert.is(cells[SHARE_CELL.inflight], 0);
    assert.ok(limit.tryBegin(0));
  }));

test('a share that grows lets in as many as it has places, and all that wait when there is no limit any more', () =>
  withLimit(1, 9, async (limit, cells) => {
    limit.tryBegin(0);
    const waiting = Array.from({ length: 4 }, () => limit.wait(1000, () => true));
    cells[SHARE_CELL.share] = 3;
    limit.letIn(0);
    assert.is(cells[SHARE_CELL.inflight], 3);
    limit.retire();
    assert.equal(await Promise.all(waiting), ['room', 'room', 'gone', 'gone']);
    assert.is(cells[SHARE_CELL.inflight], 3);
  }));

test('whatever comes, ends, leaves or changes: never more in flight than the share, and nobody waits beside a free place', () =>
  fc.assert(
    fc.asyncProperty(fc.array(fc.record({ what: fc.integer({ min: 0, max: 3 }), share: fc.integer({ min: 0, max: 5 }) })), (steps) =>
      withLimit(2, 1000, async (limit, cells) => {
        let [share, inflight] = [2, 0];
        const waiting: { isThere: boolean }[] = [];
        for (const step of steps) {
          if (step.what === 0) {
            if (limit.tryBegin(0)) inflight++;
            else {
              const client = { isThere: true };
              waiting.push(client);
              void limit
                .wait(1000, () => client.isThere)
                .then((end) => {
                  if (end === 'room' && client.isThere) inflight++;
                  waiting.splice(waiting.indexOf(client), 1);
                });
            }
          } else if (step.what === 1 && inflight > 0) {
            inflight--;
            limit.end(0);
          } else if (step.what === 2 && waiting.length > 0) {
            (waiting[step.share % waiting.length] as { isThere: boolean }).isThere = false;
          } else if (step.what === 3) {
            const before = inflight;
            share = step.share;
            cells[SHARE_CELL.share] = share;
            limit.letIn(0);
            assert.ok((cells[SHARE_CELL.inflight] as number) <= Math.max(share, before));
          }
          // oxlint-disable-next-line no-await-in-loop -- those who were let in go on before the next step
          await new Promise((resolve) => setImmediate(resolve));
          assert.is(cells[SHARE_CELL.inflight], inflight);
          assert.ok(inflight >= share || !waiting.some(({ isThere }) => isThere), 'somebody waits beside a free place');
        }
      }),
    ),
    { numRuns: 100 },
  ));

test.run();
