// The budgets of an HTTP/2 connection, on a clock of the test's own.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Excess, FrameBudget } from '../../../lib/traffic/client/frame-budget.js';
import { FrameWalker } from '../../../lib/traffic/wire/http2-frames.js';
import { dataFrame, getFields, goaway, headersFrame, pingFrame, resetFrame, windowFrame } from '../../support/http2-frames.js';

const test = suite('frame-budget');

const AT_ONCE = 100;

/** A budget, and what it says of frames of either side. */
function stage(maxStreams = AT_ONCE) {
  let nowMs = 0;
  const codes: number[] = [];
  const budget = new FrameBudget(
    { maxStreams, maxHeaderSize: 16_384 },
    () => nowMs,
    (code) => codes.push(code),
    (code) => codes.push(-code),
  );
  let excess: Excess | undefined;
  const received = new FrameWalker((frame) => (excess = budget.onReceived(frame)) === undefined);
  const sent = new FrameWalker((frame) => (excess = budget.onSent(frame)) === undefined);
  const say = (walker: FrameWalker, frames: readonly Buffer[]): string => {
    excess = undefined;
    walker.walk(Buffer.concat(frames));
    return (excess as Excess | undefined)?.counter ?? 'ok';
  };
  return {
    budget,
    codes,
    pass: (ms: number) => (nowMs += ms),
    client: (...frames: readonly Buffer[]) => say(received, frames),
    balancer: (...frames: readonly Buffer[]) => say(sent, frames),
  };
}

const many = (count: number, unit: (n: number) => readonly Buffer[]): Buffer[] => Array.from({ length: count }, (_, n) => unit(n)).flat();
const ask = (n: number): Buffer => headersFrame(2 * n + 1, getFields());
const cancel = (n: number): Buffer => resetFrame(2 * n + 1, 'CANCEL');
const answer = (n: number): Buffer => headersFrame(2 * n + 1, [[':status', '200']], 0);

test('resets: as many as may be open at once, and one more for each answer', () => {
  const { client, balancer } = stage();
  assert.is(client(...many(AT_ONCE, (n) => [ask(n), cancel(n)])), 'ok');
  assert.is(client(ask(100)), 'ok');
  assert.is(balancer(answer(100)), 'ok');
  assert.is(client(ask(101), cancel(101)), 'ok');
  assert.is(client(ask(102), cancel(102)), 'http2_refused_rapid_reset');
});

test('a reset after the answer has begun is free', () => {
  const { client, balancer } = stage();
  for (let n = 0; n < 10 * AT_ONCE; n++) {
    assert.is(client(ask(n)), 'ok');
    assert.is(balancer(answer(n)), 'ok');
    assert.is(client(cancel(n)), 'ok');
  }
});

test('what is allowed at once is allowed again after a second, but is not saved up', () => {
  const { client, pass } = stage();
  assert.is(client(...many(AT_ONCE, () => [pingFrame()])), 'ok');
  pass(999);
  assert.is(client(pingFrame()), 'http2_refused_ping');
  const patient = stage();
  assert.is(patient.client(...many(AT_ONCE, () => [pingFrame()])), 'ok');
  patient.pass(3_600_000);
  assert.is(patient.client(...many(AT_ONCE, () => [pingFrame()])), 'ok');
  assert.is(patient.client(pingFrame()), 'http2_refused_ping');
});

test('work adds to the budget of other frames: requests, bodies, and each KiB of an answer', () => {
  const { client, balancer } = stage();
  assert.is(client(...many(AT_ONCE, () => [windowFrame(0, 1)])), 'ok');
  // Two for the request, two for its DATA, and two for each of 16 KiB.
  client(headersFrame(1, getFields(), 0), dataFrame(1, 'x'));
  balancer(dataFrame(1, 'x'.repeat(16_384)));
  assert.is(client(...many(36, () => [windowFrame(0, 1)])), 'ok');
  assert.is(client(windowFrame(0, 1)), 'http2_refused_window_update');
});

test('resets of ours: those that the client causes count, our own do not', () => {
  const { client, balancer, codes } = stage();
  assert.is(balancer(...many(10 * AT_ONCE, (n) => [resetFrame(2 * n + 1, 'CANCEL'), resetFrame(2 * n + 1, 'INTERNAL_ERROR')])), 'ok');
  assert.is(balancer(...many(AT_ONCE, (n) => [resetFrame(2 * n + 1, 'PROTOCOL_ERROR')])), 'ok');
  assert.is(balancer(resetFrame(1, 'ENHANCE_YOUR_CALM')), 'http2_refused_made_reset');
  assert.is(codes.at(-1), 11);
  assert.is(client(ask(0), cancel(0)), 'http2_refused_rapid_reset');
});

test('requests above the last stream of a GOAWAY count as resets: they are decoded and not served', () => {
  const { client, balancer } = stage();
  client(ask(0));
  balancer(goaway(1, 'NO_ERROR'));
  assert.is(client(...many(AT_ONCE, (n) => [ask(n + 1)])), 'ok');
  assert.is(client(ask(200)), 'http2_refused_rapid_reset');
});

test('fewer streams at once do not make the budgets smaller than what clients assume at first', () => {
  const { client } = stage(1);
  assert.is(client(...many(AT_ONCE, (n) => [ask(n), cancel(n)])), 'ok');
});

test('the last stream that the client has opened is known', () => {
  const { client, budget } = stage();
  client(ask(4), ask(1));
  assert.is(budget.lastStreamId, 9);
});

test.run();
