// The story of a request, with a lane whose attempts end as the test says. The pool and the shared table
// are the real ones: what is in flight must be back at 0, however the story goes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Policy } from '../../lib/model.js';
import type { OutcomeKind } from '../../lib/routing/retry.js';
import { type CounterName, counterOf, readCounters } from '../../lib/table/counters.js';
import { createTable, HEADER, openTable } from '../../lib/table/layout.js';
import { TableReader } from '../../lib/table/reader.js';
import { exchange, type ExchangeContext, type Lane, type Outcome } from '../../lib/traffic/exchange.js';
import { HostPool } from '../../lib/traffic/host-pool.js';

const test = suite('exchange');

const KINDS: readonly OutcomeKind[] = ['ok', 'connect-failed', 'reset', 'timeout', 'bad-response', 'client-gone'];

interface Scripted {
  readonly method?: string;
  readonly hasBody?: boolean;
  /** How each attempt ends. */
  readonly outcomes?: readonly Outcome[];
  /** What the policy picks, in turn; the hosts are in slots 0 and 1. */
  readonly picks?: readonly number[];
}

class Stage {
  nowMs = 5000;
  readonly columns = openTable(createTable(8));
  readonly said: string[] = [];
  readonly pool = new HostPool(this.columns, () => this.nowMs, {
    onVerdict: () => void this.said.push('verdict'),
    onReleased: (slot) => void this.said.push(`released ${slot}`),
  });

  constructor() {
    for (const slot of [0, 1]) this.pool.add({ slot, name: `h${slot}`, url: `http://h${slot}:80` });
  }

  /** Tells one story; gives what happened in it. */
  async tell({ method = 'GET', hasBody = false, outcomes = [], picks = [0, 1] }: Scripted): Promise<string[]> {
    const happened: string[] = [];
    const left = [...picks];
    const policy: Policy = {
      algorithm: 'round-robin',
      pick: (_view, _nowMs, excluded) => {
        const slot = left.shift() ?? -1;
        return slot === excluded ? -1 : slot;
      },
    };
    const ends = outcomes.values();
    const lane: Lane = {
      method,
      hasBody,
      forward: async (host) => {
        happened.push(`${host.name} with ${this.inFlight().join(' ')}`);
        return ends.next().value as Outcome;
      },
      answer: (code) => void happened.push(code),
    };
    const context: ExchangeContext = {
      view: new TableReader(this.columns), pool: this.pool, clock: () => this.nowMs, count: counterOf(this.columns.counters), policy,
    };
    await exchange(context, lane);
    return happened;
  }

  /** In flight on h0, on h1, and altogether. */
  inFlight(): number[] {
    return [this.columns.inflight[0] as number, this.columns.inflight[1] as number, this.columns.header[HEADER.inflight] as number];
  }

  counts(): Partial<Record<CounterName, number>> {
    return readCounters(this.columns.counters);
  }
}

const ends = (kind: OutcomeKind, hasStarted = kind === 'ok'): Outcome => ({ kind, hasStarted });

test('a request that is answered is in flight on its host while it is forwarded, and served afterwards', async () => {
  const stage = new Stage();
  assert.equal(await stage.tell({ outcomes: [ends('ok')] }), ['h0 with 1 0 1']);
  assert.equal(stage.inFlight(), [0, 0, 0]);
  assert.equal([stage.columns.served[0], stage.columns.served[1]], [1, 0]);
  assert.equal(stage.counts(), { requests: 1 });
});

test('a request is in flight exactly as long as it is forwarded, for every outcome, in every order', async () => {
  const stage = new Stage();
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
});

test('a failed attempt is made once more, on another host', async () => {
  const stage = new Stage();
  assert.equal(await stage.tell({ outcomes: [ends('reset'), ends('ok')] }), ['h0 with 1 0 1', 'h1 with 0 1 1']);
  assert.equal(stage.counts(), { requests: 1, requests_retried: 1 });
});

test('the second failure is answered by its own code, and there is no third attempt', async () => {
  for (const [kind, code] of [
    ['reset', 'MEERCAT_HOST_UNREACHABLE'], ['connect-failed', 'MEERCAT_HOST_UNREACHABLE'], ['timeout', 'MEERCAT_HOST_TIMEOUT'], ['bad-response', 'MEERCAT_BAD_RESPONSE'],
  ] as const) {
    const stage = new Stage();
    const happened = await stage.tell({ picks: [0, 1, 0, 1], outcomes: [ends('reset'), ends(kind), ends('ok')] });
    assert.equal(happened, ['h0 with 1 0 1', 'h1 with 0 1 1', code]);
    assert.equal(stage.counts(), { requests: 1, requests_retried: 1, requests_failed: 1 });
  }
});

test('a request with a body is never tried again', async () => {
  const stage = new Stage();
  assert.equal(await stage.tell({ hasBody: true, outcomes: [ends('connect-failed'), ends('ok')] }), ['h0 with 1 0 1', 'MEERCAT_HOST_UNREACHABLE']);
});

test('a POST without a body is tried again only when the host was never reached', async () => {
  assert.equal((await new Stage().tell({ method: 'POST', outcomes: [ends('connect-failed'), ends('ok')] })).length, 2);
  assert.equal(await new Stage().tell({ method: 'POST', outcomes: [ends('reset'), ends('ok')] }), ['h0 with 1 0 1', 'MEERCAT_HOST_UNREACHABLE']);
});

test('once a part of an answer was passed on there is neither another attempt nor an answer of ours', async () => {
  for (const kind of ['reset', 'timeout', 'bad-response'] as const) {
    const stage = new Stage();
    assert.equal(await stage.tell({ outcomes: [ends(kind, true), ends('ok')] }), ['h0 with 1 0 1']);
    assert.equal(stage.counts(), { requests: 1, requests_failed: 1 });
  }
});

test('a client that has gone is nobody\'s failure', async () => {
  const stage = new Stage();
  assert.equal(await stage.tell({ outcomes: [ends('client-gone')] }), ['h0 with 1 0 1']);
  assert.equal(stage.counts(), { requests: 1, requests_client_gone: 1 });
  assert.equal([stage.columns.avoidUntil[0], stage.columns.served[0]], [0, 0]);
});

test('without any host the client is told so', async () => {
  const stage = new Stage();
  assert.equal(await stage.tell({ picks: [] }), ['MEERCAT_NO_HOST']);
  assert.equal(stage.counts(), { requests: 1, requests_failed: 1, requests_refused_no_host: 1 });
});

test('when there is no other host for a second attempt, the first failure is told', async () => {
  const stage = new Stage();
  assert.equal(await stage.tell({ picks: [0, 0], outcomes: [ends('connect-failed')] }), ['h0 with 1 0 1', 'MEERCAT_HOST_UNREACHABLE']);
  assert.equal(await stage.tell({ picks: [0, 0], outcomes: [ends('bad-response')] }), ['h0 with 1 0 1', 'MEERCAT_BAD_RESPONSE']);
  assert.is(stage.counts().requests_refused_no_host, undefined);
});

test('a slot whose host is not known yet is passed over a few times, and then there is none', async () => {
  const stage = new Stage();
  assert.equal(await stage.tell({ picks: [5, 6, 5, 1], outcomes: [ends('ok')] }), ['h1 with 0 1 1']);
  assert.equal(await stage.tell({ picks: [5, 5, 5, 5, 1] }), ['MEERCAT_NO_HOST']);
});

test('a host that can\'t be reached is left alone for a while, failures at once count as one, and an answer clears it', async () => {
  const stage = new Stage();
  const { avoidUntil } = stage.columns;
  await stage.tell({ outcomes: [ends('connect-failed'), ends('ok')] });
  assert.is(avoidUntil[0], 6000);
  await stage.tell({ outcomes: [ends('connect-failed'), ends('ok')] });
  assert.is(avoidUntil[0], 6000);
  stage.nowMs = 6000;
  await stage.tell({ outcomes: [ends('connect-failed'), ends('ok')] });
  assert.is(avoidUntil[0], 8000, 'the second failure in a row counts for two seconds');
  assert.equal(stage.said, ['verdict', 'verdict']);
  await stage.tell({ outcomes: [ends('client-gone')] });
  assert.is(avoidUntil[0], 8000, 'a client that goes away says nothing of the host');
  await stage.tell({ outcomes: [ends('timeout')] });
  assert.is(avoidUntil[0], 0, 'it was reached');
  assert.is(stage.said.length, 3);
});

test('a host that left the table ends with its last request', async () => {
  const stage = new Stage();
  const host = stage.pool.get(0);
  assert.ok(host);
  stage.pool.begin(host);
  stage.pool.begin(host);
  stage.pool.remove(0);
  assert.equal(stage.pool.known().map(({ name }) => name), ['h1']);
  stage.pool.end(host, 'ok');
  assert.equal(stage.said, []);
  stage.pool.end(host, 'ok');
  assert.equal(stage.said, ['released 0']);
  assert.is(stage.pool.get(0), undefined);
  stage.pool.remove(1);
  stage.pool.remove(1);
  assert.equal(stage.said, ['released 0', 'released 1'], 'once');
  assert.is(stage.pool.nextSlot, 2);
});

test.run();
