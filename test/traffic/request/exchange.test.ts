// The life of a request, with a lane whose attempts end as the test says. The known hosts and the shared table are the real
// ones: the in-flight count must return to 0, whatever happens.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { LeastRequest } from '../../../lib/routing/least-request.js';
import { Random } from '../../../lib/routing/random.js';
import type { OutcomeKind } from '../../../lib/routing/retry.js';
import type { Host } from '../../../lib/traffic/host/host.js';
import { ends, type Outcome, withStage } from '../../support/story-stage.js';

const test = suite('exchange');

const KINDS: readonly OutcomeKind[] = ['ok', 'connect-failed', 'reset', 'timeout', 'bad-response', 'client-gone'];

test('a request is counted in flight on its host while it is forwarded, and as served afterwards', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ outcomes: [ends('ok')] }), ['h0 with 1 0 1']);
    assert.equal(stage.inFlight(), [0, 0, 0]);
    assert.equal([stage.traffic.columns.served[0], stage.traffic.columns.served[1]], [1, 0]);
    assert.equal(stage.counts(), { requests: 1 });
  }));

test('a request is in flight exactly while it is forwarded, for every outcome, in every order', () =>
  withStage(async (stage) => {
    let stories = 0;
    for (const first of KINDS) {
      for (const second of KINDS) {
        for (const hasStarted of [false, true]) {
          for (const method of ['GET', 'POST']) {
            for (const hasBody of [false, true]) {
              const happened = await stage.tell({ method, hasBody, outcomes: [ends(first, hasStarted || first === 'ok'), ends(second)] });
              assert.is(happened[0], 'h0 with 1 0 1');
              assert.ok(happened[1] === undefined || happened[1] === 'h1 with 0 1 1' || happened[1].startsWith('MEERCAT_'), happened[1]);
              assert.equal(stage.inFlight(), [0, 0, 0], `${first}, ${second}, ${hasStarted}, ${method}, ${hasBody}`);
              stories++;
            }
          }
        }
      }
    }
    assert.is(stage.counts().requests, stories);
  }));

test('a failed attempt is retried once, on another host', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ outcomes: [ends('reset'), ends('ok')] }), ['h0 with 1 0 1', 'h1 with 0 1 1']);
    assert.equal(stage.counts(), { requests: 1, requests_retried: 1, retries_reset: 1 });
  }));

test('the second failure is answered by its own code, and there is no third attempt', async () => {
  for (const [kind, code] of [
    ['reset', 'MEERCAT_HOST_UNREACHABLE'],
    ['connect-failed', 'MEERCAT_HOST_UNREACHABLE'],
    ['timeout', 'MEERCAT_HOST_TIMEOUT'],
    ['bad-response', 'MEERCAT_BAD_RESPONSE'],
  ] as const) {
    await withStage(async (stage) => {
      const happened = await stage.tell({ picks: [0, 1, 0, 1], outcomes: [ends('reset'), ends(kind), ends('ok')] });
      assert.equal(happened, ['h0 with 1 0 1', 'h1 with 0 1 1', code]);
      const { requests, requests_retried: retried, requests_failed: failed } = stage.counts();
      assert.equal([requests, retried, failed], [1, 1, 1]);
    });
  }
});

test('a request with a body is retried when the host was never reached, and only while none of its body was taken', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ hasBody: true, method: 'POST', outcomes: [ends('connect-failed'), ends('ok')] }), [
      'h0 with 1 0 1',
      'h1 with 0 1 1',
    ]);
    assert.equal(await stage.tell({ hasBody: true, isBodyTaken: true, outcomes: [ends('connect-failed'), ends('ok')] }), [
      'h0 with 1 0 1',
      'MEERCAT_HOST_UNREACHABLE',
    ]);
    assert.equal(await stage.tell({ hasBody: true, outcomes: [ends('reset'), ends('ok')] }), ['h0 with 1 0 1', 'MEERCAT_HOST_UNREACHABLE']);
  }));

test('a POST without a body is retried only when the host was never reached', () =>
  withStage(async (stage) => {
    assert.equal((await stage.tell({ method: 'POST', outcomes: [ends('connect-failed'), ends('ok')] })).length, 2);
    assert.equal(await stage.tell({ method: 'POST', outcomes: [ends('reset'), ends('ok')] }), [
      'h0 with 1 0 1',
      'MEERCAT_HOST_UNREACHABLE',
    ]);
  }));

test('once part of an answer was passed on there is neither a retry nor an answer of our own', async () => {
  for (const kind of ['reset', 'timeout', 'bad-response'] as const) {
    await withStage(async (stage) => {
      assert.equal(await stage.tell({ outcomes: [ends(kind, true), ends('ok')] }), ['h0 with 1 0 1']);
      assert.equal(stage.counts(), { requests: 1, requests_failed: 1 });
    });
  }
});

test("a client that has gone is nobody's failure", () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ outcomes: [ends('client-gone')] }), ['h0 with 1 0 1']);
    assert.equal(stage.counts(), { requests: 1, requests_client_gone: 1 });
    const { avoidUntil, served, failing } = stage.traffic.columns;
    assert.equal([avoidUntil[0], served[0], failing[0]], [0, 0, 0]);
  }));

test('without any host the answer is MEERCAT_NO_HOST', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ picks: [] }), ['MEERCAT_NO_HOST']);
    assert.equal(stage.counts(), { requests: 1, requests_failed: 1, requests_refused_no_host: 1 });
  }));

test('when there is no other host for a retry, the first failure is answered', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ picks: [0, 0], outcomes: [ends('connect-failed')] }), ['h0 with 1 0 1', 'MEERCAT_HOST_UNREACHABLE']);
    assert.equal(await stage.tell({ picks: [0, 0], outcomes: [ends('bad-response')] }), ['h0 with 1 0 1', 'MEERCAT_BAD_RESPONSE']);
    assert.is(stage.counts().requests_refused_no_host, undefined);
  }));

test('a slot whose host is not known yet is skipped a few times, and then no host is picked', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ picks: [5, 6, 5, 1], outcomes: [ends('ok')] }), ['h1 with 0 1 1']);
    assert.equal(await stage.tell({ picks: [5, 5, 5, 5, 1] }), ['MEERCAT_NO_HOST']);
  }));

test('a host that left the table is skipped', () =>
  withStage(async (stage) => {
    const host = stage.traffic.hosts.get(0) as Host;
    host.isRemoved = true;
    assert.equal(await stage.tell({ picks: [0, 0, 1], outcomes: [ends('ok')] }), ['h1 with 0 1 1']);
  }));

test('retries stop when the budget is used up, and are counted by reason', () =>
  withStage(
    async (stage) => {
      for (let i = 0; i < 12; i++) await stage.tell({ outcomes: [ends('bad-response'), ends('ok')] });
      const { requests_retried: retried, retries_bad_response: byReason, retries_denied_budget: denied } = stage.counts();
      assert.equal([retried, byReason, denied], [10, 10, 2]);
    },
    { ejectAfter: 1000 },
  ));

test('a budget of 0 means no second attempt at all', () =>
  withStage(
    async (stage) => {
      assert.equal(await stage.tell({ outcomes: [ends('connect-failed'), ends('ok')] }), ['h0 with 1 0 1', 'MEERCAT_HOST_UNREACHABLE']);
    },
    { retryBudgetPercent: 0 },
  ));

test('a request with our name in Via gets 508, and one during a memory shortage 503, and neither reaches a host', () =>
  withStage(async (stage) => {
    assert.equal(await stage.tell({ headers: ['Via', '1.1 meercat-test'] }), ['MEERCAT_LOOP']);
    (stage.traffic.context.memory as { isOver: boolean }).isOver = true;
    assert.equal(await stage.tell({}), ['MEERCAT_OVERLOADED']);
    assert.equal(stage.counts(), { requests: 2, requests_failed: 2, refused_loop: 1, refused_memory: 1 });
  }));

test('a full host is skipped for one with room; when all are full, requests wait, and those beyond the queues are refused at once', () =>
  withStage(
    async (stage) => {
      stage.offer(0, 1);
      const policy = new LeastRequest(new Random(1));
      const open: ((outcome: Outcome) => void)[] = [];
      const held = (): Promise<Outcome> => new Promise((resolve) => open.push(resolve));
      const first = stage.tell({ policy, outcomes: [held()] });
      const second = stage.tell({ policy, outcomes: [held()] });
      assert.equal(stage.inFlight(), [1, 1, 2]);
      const waiting = [stage.tell({ policy, outcomes: [ends('ok')] }), stage.tell({ policy, outcomes: [ends('ok')] })];
      assert.equal(await stage.tell({ policy }), ['MEERCAT_BUSY'], 'the queues of one each are full');
      assert.equal([stage.counts().requests_queued, stage.counts().refused_queue_full], [2, 1]);
      for (const end of open) end(ends('ok'));
      assert.equal(
        (await Promise.all([first, second, ...waiting])).map((happened) => happened.map((line) => line.slice(0, 2))).toSorted(),
        [['h0'], ['h0'], ['h1'], ['h1']],
      );
      assert.equal(stage.inFlight(), [0, 0, 0]);
    },
    { hostMaxInflight: 1, hostQueue: 1 },
  ));

test('a request that waits too long is refused, and one whose client has gone is not answered', () =>
  withStage(
    async (stage) => {
      let finish: (outcome: Outcome) => void = () => undefined;
      const first = stage.tell({ picks: [0], outcomes: [new Promise<Outcome>((resolve) => (finish = resolve))] });
      let isGone = false;
      const gone = stage.tell({ picks: [0], isGone: () => isGone });
      const late = stage.tell({ picks: [0] });
      isGone = true;
      assert.equal(await gone, []);
      stage.nowMs += 1001;
      assert.equal(await late, ['MEERCAT_BUSY']);
      finish(ends('ok'));
      await first;
      const { timeouts_queue: timeouts, requests_client_gone: left } = stage.counts();
      assert.equal([timeouts, left], [1, 1]);
    },
    { hostMaxInflight: 1, queueTimeoutMs: 1000 },
  ));

test('requests that wait for a host that is ejected go to another one', () =>
  withStage(
    async (stage) => {
      let fail: (outcome: Outcome) => void = () => undefined;
      const first = stage.tell({ picks: [0, 0], outcomes: [new Promise<Outcome>((resolve) => (fail = resolve))] });
      const waiting = stage.tell({ picks: [0, 1], outcomes: [ends('ok')] });
      fail(ends('connect-failed'));
      assert.equal(await first, ['h0 with 1 0 1', 'MEERCAT_HOST_UNREACHABLE']);
      assert.equal(await waiting, ['h1 with 0 1 1']);
      assert.is(stage.counts().requests_queued, 1);
    },
    { hostMaxInflight: 1 },
  ));

test.run();
