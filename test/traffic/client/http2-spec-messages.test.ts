// RFC 9113, section 8, on raw connections: what makes a message malformed. None of these reaches a host: in the end the
// host has got as many requests as were to be answered.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FRAME } from '../../../lib/traffic/wire/http2-frames.js';
import type { Field } from '../../support/hpack.js';
import { dataFrame, getFields, headersFrame, postFields, resetFrame } from '../../support/http2-frames.js';
import { runCases, type SpecCase } from '../../support/http2-spec.js';

const test = suite('RFC 9113: messages');

/** The request head is refused. */
const refused = (name: string, fields: readonly Field[]): SpecCase => ({ name, send: headersFrame(1, fields), reset: 'PROTOCOL_ERROR' });

/** The request passes. */
const passes = (name: string, ...send: readonly Buffer[]): SpecCase => ({ name, send, status: 200 });

/** The fields of a GET without the one of a name. */
const without = (left: string, ...more: readonly Field[]): readonly Field[] => getFields(...more).filter(([name]) => name !== left);

const get = (...more: readonly Field[]): Buffer => headersFrame(1, getFields(...more));
const post = (...more: readonly Field[]): Buffer => headersFrame(1, postFields(...more), 0);

/** Runs cases; the host gets exactly those that have a status. */
const run = (cases: readonly SpecCase[]): Promise<void> =>
  runCases(cases, (seen) => assert.is(seen.length, cases.filter(({ status }) => status === 200).length, `the host got ${seen.join(', ')}`));

test('section 8.1: requests', () =>
  run([
    passes('GET', get()),
    passes('HEAD', headersFrame(1, [[':method', 'HEAD'], ...getFields().slice(1)])),
    passes('POST without a body', headersFrame(1, postFields())),
    passes('POST with a body', post(), dataFrame(1, 'hello', true)),
    passes('POST with trailers', post(), dataFrame(1, 'hello'), headersFrame(1, [['x-sum', '1']])),
    passes('trailers without a body', post(), headersFrame(1, [['x-sum', '1']])),
    {
      name: 'an answer has its date and length',
      send: get(),
      status: 200,
      check: ({ frames }) => assert.ok(frames.some(({ fields }) => fields.some(([name]) => name === 'date'))),
    },
    {
      name: 'the answer to HEAD has no DATA',
      send: headersFrame(1, [[':method', 'HEAD'], ...getFields().slice(1)]),
      status: 200,
      check: ({ frames }) => assert.not(frames.some(({ type }) => type === FRAME.data)),
    },
  ]));

test('section 8.1: a body that breaks', () =>
  runCases([
    {
      name: 'a second HEADERS that does not end the stream',
      send: [post(), headersFrame(1, [['x-sum', '1']], 0)],
      reset: 'PROTOCOL_ERROR',
    },
    {
      name: 'a pseudo-header field in trailers',
      send: [post(), dataFrame(1, 'x'), headersFrame(1, [[':method', 'GET']])],
      reset: 'PROTOCOL_ERROR',
    },
    { name: 'upper case in trailers', send: [post(), dataFrame(1, 'x'), headersFrame(1, [['X-Sum', '1']])], reset: 'PROTOCOL_ERROR' },
    {
      name: 'transfer-encoding in trailers',
      send: [post(), dataFrame(1, 'x'), headersFrame(1, [['transfer-encoding', 'chunked']])],
      reset: 'PROTOCOL_ERROR',
    },
    { name: 'CR LF in trailers', send: [post(), dataFrame(1, 'x'), headersFrame(1, [['x-sum', '1\r\nx: y']])], reset: 'PROTOCOL_ERROR' },
    { name: 'more DATA than Content-Length', send: [post(['content-length', '1']), dataFrame(1, 'xy', true)], either: 'PROTOCOL_ERROR' },
    {
      name: 'more DATA than Content-Length, in several frames',
      send: [post(['content-length', '3']), dataFrame(1, 'xy'), dataFrame(1, 'xy', true)],
      either: 'PROTOCOL_ERROR',
    },
    { name: 'less DATA than Content-Length', send: [post(['content-length', '3']), dataFrame(1, 'xy', true)], reset: 'PROTOCOL_ERROR' },
    {
      name: 'less DATA than Content-Length, before trailers',
      send: [post(['content-length', '3']), dataFrame(1, 'xy'), headersFrame(1, [['x-sum', '1']])],
      reset: 'PROTOCOL_ERROR',
    },
    { name: 'Content-Length, and an empty DATA', send: [post(['content-length', '1']), dataFrame(1, '', true)], reset: 'PROTOCOL_ERROR' },
    { name: 'the client breaks off', send: [post(), dataFrame(1, 'x'), resetFrame(1, 'INTERNAL_ERROR')], isServing: true },
  ]));

test('section 8.2.1: names and values', () =>
  run([
    refused('upper case in a name', getFields(['X-Test', '1'])),
    refused('one upper case letter', getFields(['x-tesT', '1'])),
    refused('an empty name', getFields(['', '1'])),
    refused('a blank in a name', getFields(['x test', '1'])),
    refused('a colon in a name', getFields(['x:y', '1'])),
    refused('CR LF in a name', getFields(['x\r\ny', '1'])),
    refused('NUL in a name', getFields(['x\0y', '1'])),
    refused('a byte above 0x7f in a name', getFields(['x\xe9', '1'])),
    refused('DEL in a name', getFields(['x\x7f', '1'])),
    refused('CR LF in a value', getFields(['x', 'y\r\nhost: z'])),
    refused('a bare LF in a value', getFields(['x', 'y\nz'])),
    refused('a bare CR in a value', getFields(['x', 'y\rz'])),
    refused('NUL in a value', getFields(['x', 'y\0'])),
    refused('a blank before a value', getFields(['x', ' y'])),
    refused('a blank after a value', getFields(['x', 'y '])),
    refused('a tab after a value', getFields(['x', 'y\t'])),
    passes('an empty value', get(['x', ''])),
    passes('a tab within a value', get(['x', 'y\tz'])),
    passes('bytes above 0x7f in a value', get(['x', 'caf\xc3\xa9'])),
    passes('a cookie in parts', get(['cookie', 'a=b'], ['cookie', 'c=d'])),
  ]));

test('section 8.2.2: fields of connections', () =>
  run([
    refused('connection', getFields(['connection', 'keep-alive'])),
    refused('proxy-connection', getFields(['proxy-connection', 'keep-alive'])),
    refused('keep-alive', getFields(['keep-alive', 'timeout=1'])),
    refused('transfer-encoding', postFields(['transfer-encoding', 'chunked'])),
    refused('upgrade', getFields(['upgrade', 'websocket'])),
    refused('te other than trailers', getFields(['te', 'trailers, deflate'])),
    passes('te: trailers', get(['te', 'trailers'])),
  ]));

test('section 8.3: pseudo-header fields', () =>
  run([
    refused('one that is not known', getFields().concat([[':test', '1']])),
    refused('one that is not known, first', [[':test', '1'], ...getFields()]),
    refused('one of answers', [...getFields(), [':status', '200']]),
    refused('one after a header', [...getFields(['x', 'y']), [':path', '/']].slice(0) as Field[]),
    refused(':path after a header', [...without(':path'), ['x', 'y'], [':path', '/']]),
    refused('none at all', [['x', 'y']]),
    refused('no :method', without(':method')),
    refused('no :scheme', without(':scheme')),
    refused('no :path', without(':path')),
    refused('no :authority and no host', without(':authority')),
    passes('host instead of :authority', headersFrame(1, without(':authority', ['host', 'x']))),
    refused('an empty :path', getFields().with(2, [':path', ''])),
    refused('a :path that does not begin with a slash', getFields().with(2, [':path', 'x'])),
    refused('an asterisk with GET', getFields().with(2, [':path', '*'])),
    passes(
      'an asterisk with OPTIONS',
      headersFrame(1, [
        [':method', 'OPTIONS'],
        [':scheme', 'http'],
        [':path', '*'],
        [':authority', 'x'],
      ]),
    ),
    refused('two :method', [[':method', 'GET'], ...getFields()]),
    refused('two :scheme', [[':scheme', 'http'], ...getFields()]),
    refused('two :path', [[':path', '/'], ...getFields()]),
    refused('two :authority', [[':authority', 'x'], ...getFields()]),
    refused('an empty :method', getFields().with(0, [':method', ''])),
    refused('a blank in :method', getFields().with(0, [':method', 'GET /x'])),
    refused('CR LF in :method', getFields().with(0, [':method', 'GET\r\n'])),
    refused('a blank in :path', getFields().with(2, [':path', '/ HTTP/1.1'])),
    refused('CR LF in :path', getFields().with(2, [':path', '/\r\nx: y'])),
    refused('NUL in :path', getFields().with(2, [':path', '/\0'])),
    refused('a scheme that is not http or https', getFields().with(1, [':scheme', 'ftp'])),
    refused('a blank in :authority', getFields().with(3, [':authority', 'x y'])),
    refused('CR LF in :authority', getFields().with(3, [':authority', 'x\r\ny: z'])),
    refused('an empty :authority', getFields().with(3, [':authority', ''])),
    refused(':authority and host that disagree', getFields(['host', 'y'])),
    refused('two host fields', getFields(['host', 'x'], ['host', 'x'])),
    passes(':authority and host that agree', get(['host', 'x'])),
  ]));

test('section 8.1.1: Content-Length in a head', () =>
  run([
    passes('the right one', post(['content-length', '5']), dataFrame(1, 'hello', true)),
    passes('0 without a body', headersFrame(1, postFields(['content-length', '0']))),
    refused('more than 0 without a body', postFields(['content-length', '5'])),
    refused('two', postFields(['content-length', '0'], ['content-length', '0'])),
    refused('a sign', postFields(['content-length', '+0'])),
    refused('hexadecimal', postFields(['content-length', '0x0'])),
    refused('a list', postFields(['content-length', '0, 0'])),
    refused('nothing', postFields(['content-length', ''])),
    refused('above 2^64', postFields(['content-length', '18446744073709551616'])),
  ]));

test('section 8.5: CONNECT', () =>
  runCases([
    {
      name: 'CONNECT is not served',
      send: headersFrame(
        1,
        [
          [':method', 'CONNECT'],
          [':authority', 'x:1'],
        ],
        0,
      ),
      status: 405,
    },
    {
      name: 'CONNECT with a path',
      send: headersFrame(1, [
        [':method', 'CONNECT'],
        [':scheme', 'http'],
        [':path', '/'],
        [':authority', 'x:1'],
      ]),
      reset: 'PROTOCOL_ERROR',
    },
  ]));

test.run();
