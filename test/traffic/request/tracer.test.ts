// Which requests are traced: the share that was asked for, those whose clients ask, and never more spans than the limit,
// half of which clients outside of --trust can't take.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Random } from '../../../lib/routing/random.js';
import { SPANS_PER_SECOND, Tracer } from '../../../lib/traffic/request/tracer.js';
import type { TraceContext } from '../../../lib/traffic/wire/trace-context.js';

const test = suite('tracer');

const ASKED: TraceContext = { traceId: '0af7651916cd43dd8448eb211c80319c', parentId: 'b7ad6b7169203331', flags: 1, state: '', lines: '' };

/** A tracer at a time that stands still, and what it says of drops. */
function buildTracer(share: number) {
  const said: number[] = [];
  const tracer = new Tracer({
    share,
    clock: () => 0,
    random: new Random(7),
    isTrustedAddress: () => false,
    onRecords: (_records, dropped) => void said.push(dropped),
  });
  return { tracer, said };
}

test('the share of requests is that of the flag, within a tenth', () => {
  const { tracer } = buildTracer(0.02);
  let traced = 0;
  // A second for each request: the limit is no matter here.
  for (let i = 0; i < 50_000; i++) if (tracer.begin(undefined, false, i * 1000) !== undefined) traced++;
  assert.ok(Math.abs(traced - 1000) < 100, String(traced));
});

test('without a share only what a client samples is traced', () => {
  const { tracer } = buildTracer(0);
  assert.is(tracer.begin(undefined, true, 0), undefined);
  assert.is(tracer.begin({ ...ASKED, flags: 0 }, true, 0), undefined);
  assert.ok(tracer.begin(ASKED, false, 0));
});

test('clients outside of --trust get half of the spans of a second, and those inside the rest', () => {
  const { tracer, said } = buildTracer(0);
  const begin = (isTrusted: boolean, nowMs: number, times: number): number => {
    let traced = 0;
    for (let i = 0; i < times; i++) if (tracer.begin(ASKED, isTrusted, nowMs) !== undefined) traced++;
    return traced;
  };
  const half = begin(false, 0, 2 * SPANS_PER_SECOND);
  assert.ok(Math.abs(half - SPANS_PER_SECOND / 2) <= 1, String(half));
  assert.is(begin(true, 0, 2 * SPANS_PER_SECOND), SPANS_PER_SECOND - half);
  assert.is(begin(true, 100, 2 * SPANS_PER_SECOND), SPANS_PER_SECOND / 10);
  tracer.flush();
  assert.equal(said, [6 * SPANS_PER_SECOND - SPANS_PER_SECOND - SPANS_PER_SECOND / 10]);
});

test('spans of attempts count against the limit, too', () => {
  const { tracer } = buildTracer(1);
  const traced = tracer.begin(undefined, false, 0);
  for (let i = 0; i < SPANS_PER_SECOND; i++) traced?.beginAttempt();
  assert.is(tracer.begin(undefined, false, 0), undefined);
});

test.run();
