// traceparent and tracestate: what is valid is read, and whatever is not counts as absent.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clientFacts, requestText } from '../../../lib/traffic/wire/headers.js';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { isRefusal, readRequestHead } from '../../../lib/traffic/wire/request-head.js';
import { readTraceContext, traceLines } from '../../../lib/traffic/wire/trace-context.js';

const test = suite('trace context');

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const PARENT = `00-${TRACE}-${SPAN}-01`;

test('a valid traceparent is read: ids, flags, and versions that are yet to come', () => {
  for (const [text, flags] of [
    [PARENT, 1],
    [`00-${TRACE}-${SPAN}-00`, 0],
    [`00-${TRACE}-${SPAN}-ff`, 255],
    [`01-${TRACE}-${SPAN}-03`, 3],
    [`fe-${TRACE}-${SPAN}-01-what-the-future-brings`, 1],
    [`cc-${TRACE}-${SPAN}-01-`, 1],
  ] as const)
    assert.equal(readTraceContext(text, undefined), {
      traceId: TRACE,
      parentId: SPAN,
      flags,
      state: '',
      lines: `\r\ntraceparent: ${text}`,
    });
});

test('a malformed traceparent is none', () => {
  for (const text of [
    '',
    '00',
    `${PARENT}-`,
    `${PARENT}-more`,
    `${PARENT}.`,
    `ff-${TRACE}-${SPAN}-01`,
    `0-${TRACE}-${SPAN}-01`,
    `0x-${TRACE}-${SPAN}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN.toUpperCase()}-01`,
    `00-${'0'.repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${'0'.repeat(16)}-01`,
    `00-${TRACE.slice(1)}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}1-01`,
    `00-${TRACE}-${SPAN}-1`,
    `00-${TRACE}-${SPAN}-0A`,
    `00-${TRACE}-${SPAN}`,
    `00_${TRACE}_${SPAN}_01`,
    `cc-${TRACE}-${SPAN}-01.x`,
    `cc-${TRACE}-${SPAN}-01-caf\xe9`,
    `cc-${TRACE}-${SPAN}-01-${'x'.repeat(512)}`,
    ` ${PARENT}`,
    `${PARENT}\n`,
    `${PARENT}, ${PARENT}`,
  ])
    assert.is(readTraceContext(text, 'a=1'), undefined, text);
});

test('a tracestate passes if all its members are valid, and else alone is dropped', () => {
  const members = (count: number): string => Array.from({ length: count }, (_, i) => `k${i}=v`).join(',');
  for (const state of [
    'a=1',
    'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE',
    '0tenant@system=x',
    'a=1 , b=2,\tc=3',
    'a=1,,b=2',
    'a= with spaces inside',
    'a_-*/9=~!',
    `${'k'.repeat(256)}=${'v'.repeat(256)}`,
    members(32),
  ])
    assert.is(readTraceContext(PARENT, state)?.state, state, state);
  for (const state of [
    '',
    ',',
    'a',
    '=1',
    'a=',
    'A=1',
    '0a=1',
    'a=1=2',
    'a b=1',
    'a=caf\xe9',
    'a=\x7f',
    'a@b@c=1',
    members(33),
    `a=${'v'.repeat(257)}`,
    'a=1,b',
  ])
    assert.is(readTraceContext(PARENT, state)?.state, '', state);
});

test('whatever is read is written again as it came', () => {
  const hex = (length: number): fc.Arbitrary<string> =>
    fc
      .array(fc.integer({ min: 0, max: 15 }), { minLength: length, maxLength: length })
      .map((digits) => digits.map((each) => each.toString(16)).join(''));
  fc.assert(
    fc.property(hex(32), hex(16), fc.integer({ min: 0, max: 255 }), (trace, span, flags) => {
      const lines = traceLines(trace, span, flags, '');
      const read = readTraceContext(lines.slice('\r\ntraceparent: '.length), undefined);
      if (/^0+$/.test(trace) || /^0+$/.test(span)) assert.is(read, undefined);
      else assert.equal(read, { traceId: trace, parentId: span, flags, state: '', lines });
    }),
  );
});

/** The trace lines that a host gets, for a request with these lines. */
function passed(...lines: readonly string[]): string[] {
  const head = readRequestHead(`GET / HTTP/1.1\r\n${['Host: x', ...lines].join('\r\n')}\r\n\r\n`, TRAFFIC_DEFAULTS);
  if (isRefusal(head)) throw new Error(head.counter);
  const rules = { authority: 'h:1', pseudonym: 'me', ownLines: head.trace?.lines ?? '' };
  return requestText(head, clientFacts('192.0.2.1', 80, false, false), rules)
    .split('\r\n')
    .filter((line) => /^trace/i.test(line));
}

test('a head has a trace only with one valid traceparent; several tracestate fields are one list', () => {
  const parent = `traceparent: ${PARENT}`;
  assert.equal(passed(`TraceParent: ${PARENT}`, 'TraceState: a=1', 'tracestate: b=2'), [parent, 'tracestate: a=1,b=2']);
  assert.equal(passed(parent, 'tracestate: bad'), [parent]);
  assert.equal(passed('tracestate: a=1'), []);
  assert.equal(passed(parent, parent), []);
  assert.equal(passed(parent, 'traceparent: x', 'tracestate: a=1'), []);
  assert.equal(passed('traceparent: x', 'tracestate: a=1'), []);
  assert.equal(passed(parent, 'Connection: close, TraceParent'), []);
});

test.run();
