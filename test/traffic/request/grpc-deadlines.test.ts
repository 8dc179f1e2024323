// The deadline of a call of gRPC bounds the whole of its exchange, and that it has passed is nobody's failure.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { TrafficConfig } from '../../../lib/config/traffic-config.js';
import { ends, type Scripted, type Stage, withStage as withAnyStage } from '../../support/story-stage.js';

const test = suite('deadlines of gRPC');

const withStage = (fn: (stage: Stage) => Promise<void>, overrides: Partial<TrafficConfig> = {}): Promise<void> =>
  withAnyStage(fn, overrides, 'h2');

const call = (timeout: string): Scripted => ({
  method: 'POST',
  version: '2.0',
  hasBody: true,
  headers: ['content-type', 'application/grpc', 'grpc-timeout', timeout],
});

/** Attempts that failed through h0 or h1, and requests of the pool that were errors. */
function errorsOf({ traffic: { columns } }: Stage): number[] {
  return [columns.hostErrors[0] as number, columns.hostErrors[1] as number, columns.poolErrors[0] as number];
}

test('an attempt that ends by the deadline is not made again, is answered, and is no evidence against its host', () =>
  withStage(async (stage) => {
    const happened = await stage.tell({ ...call('1S'), outcomes: [ends('deadline'), ends('ok')] });
    assert.equal(happened, ['h0 with 1 0 1', 'MEERCAT_DEADLINE_EXCEEDED']);
    assert.equal(stage.inFlight(), [0, 0, 0]);
    assert.equal(errorsOf(stage), [0, 0, 0]);
    assert.is(stage.traffic.columns.failing[0], 0);
    assert.equal(stage.counts(), { requests: 1, requests_failed: 1 });
  }));

test('after the deadline nothing more is sent when the answer has begun', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ ...call('1S'), outcomes: [ends('deadline', true)] }), ['h0 with 1 0 1']);
    assert.equal(errorsOf(stage), [0, 0, 0]);
  }));

test('a call whose deadline has passed asks no host', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell(call('0n')), ['MEERCAT_DEADLINE_EXCEEDED']);
    assert.equal(stage.counts(), { requests: 1, requests_failed: 1, timeouts_deadline: 1 });
    assert.equal(errorsOf(stage), [0, 0, 0]);
  }));

test('no retry begins after the deadline', () =>
  withStage(async (stage) => {
    const late = new Promise<ReturnType<typeof ends>>((resolve) => {
      setImmediate(() => {
        stage.nowMs += 1000;
        resolve(ends('connect-failed'));
      });
    });
    assert.equal(await stage.tell({ ...call('1S'), outcomes: [late, ends('ok')] }), ['h0 with 1 0 1', 'MEERCAT_DEADLINE_EXCEEDED']);
    assert.is(stage.counts().timeouts_deadline, 1);
  }));

test('a call waits for room on a host no longer than its deadline', () =>
  withStage(
    async (stage) => {
      let end = (): void => undefined;
      const first = stage.tell({ outcomes: [new Promise((resolve) => (end = () => resolve(ends('ok'))))] });
      const second = stage.tell({ ...call('1S'), picks: [0] });
      stage.nowMs += 999;
      stage.traffic.deadlines.look(stage.nowMs);
      stage.nowMs += 1;
      stage.traffic.deadlines.look(stage.nowMs);
      assert.equal(await second, ['MEERCAT_DEADLINE_EXCEEDED']);
      assert.is(stage.counts().timeouts_deadline, 1);
      end();
      await first;
      assert.equal(stage.inFlight(), [0, 0, 0]);
    },
    { hostMaxInflight: 1, queueTimeoutMs: 10_000 },
  ));

test('other requests have no deadline, whatever they say', () =>
  withStage(async (stage) => {
    for (const other of [
      { version: '1.1' },
      { method: 'PUT' },
      { headers: ['grpc-timeout', '0n'] },
      { headers: ['content-type', 'application/grpc-web', 'grpc-timeout', '0n'] },
    ] as const)
      assert.equal(await stage.tell({ ...call('0n'), ...other, outcomes: [ends('ok')] }), ['h0 with 1 0 1']);
  }));

test.run();
