// Requests over HTTP/2 that are malformed, or that HTTP/1 would refuse too: each is reset or answered before a host sees
// a byte of it, and the connection still serves.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { IS_STRICTER, CODE_OF_GOAWAY, CODE_OF_RESET, type HttpTurn, mayEndConnection, withHttp2Target } from '../../support/http2-turns.js';
import type { Field } from '../../support/hpack.js';
import { until } from '../../support/brackets.js';

const test = suite('http2-malformed');

const METHOD: Field = [':method', 'GET'];
const SCHEME: Field = [':scheme', 'http'];
const PATH: Field = [':path', '/'];
const AUTHORITY: Field = [':authority', 'x'];
const GET: readonly Field[] = [METHOD, SCHEME, PATH, AUTHORITY];
const POST: readonly Field[] = [[':method', 'POST'], SCHEME, PATH, AUTHORITY];

const WEBSOCKET: readonly Field[] = [[':method', 'CONNECT'], [':protocol', 'websocket'], SCHEME, PATH, AUTHORITY];

const withPath = (path: string): Field[] => [METHOD, SCHEME, [':path', path], AUTHORITY];
const withMethod = (method: string): Field[] => [[':method', method], SCHEME, PATH, AUTHORITY];
const withAuthority = (authority: string): Field[] => [METHOD, SCHEME, PATH, [':authority', authority]];

/** What is reset with PROTOCOL_ERROR. */
const RESET: readonly (readonly [name: string, fields: readonly Field[], turn?: HttpTurn])[] = [
  ['LF in a value', [...GET, ['a', 'b\nc: d']]],
  ['CR in a value', [...GET, ['a', 'b\rc']]],
  ['CR LF and a header in a value', [...GET, ['a', 'b\r\ntransfer-encoding: chunked']]],
  ['NUL in a value', [...GET, ['a', 'b\0c']]],
  ['another control character in a value', [...GET, ['a', 'b\x01c']]],
  ['DEL in a value', [...GET, ['a', 'b\x7fc']]],
  ['a blank before a value', [...GET, ['a', ' b']]],
  ['a tab after a value', [...GET, ['a', 'b\t']]],
  ['a colon in a name', [...GET, ['a:b', 'c']]],
  ['a space in a name', [...GET, ['a b', 'c']]],
  ['CR LF in a name', [...GET, ['a\r\nb', 'c']]],
  ['a byte above ASCII in a name', [...GET, ['\xe4', 'c']]],
  ['upper case in a name', [...GET, ['Accept', 'c']]],
  ['an empty name', [...GET, ['', 'c']]],
  ['two :path', [...GET, PATH]],
  ['two :method', [METHOD, ...GET]],
  ['two :authority', [...GET, AUTHORITY]],
  ['two :scheme', [...GET, SCHEME]],
  ['no :method', [SCHEME, PATH, AUTHORITY]],
  ['no :scheme', [METHOD, PATH, AUTHORITY]],
  ['no :path', [METHOD, SCHEME, AUTHORITY]],
  ['neither :authority nor host', [METHOD, SCHEME, PATH]],
  ['an empty :path', withPath('')],
  ['an empty :method', withMethod('')],
  ['an empty :authority', withAuthority('')],
  ['a :path without a slash', withPath('a')],
  ['a :path with a scheme', withPath('http://x/')],
  ['a space in :path', withPath('/ HTTP/1.1')],
  ['CR LF in :path', withPath('/\r\nx: y')],
  ['a tab in :path', withPath('/\t')],
  ['a * with GET', withPath('*')],
  ['a space in :method', withMethod('GET /')],
  ['CR LF in :method', withMethod('GET\r\n')],
  ['a colon in :method', withMethod('G:T')],
  ['CR LF in :authority', withAuthority('x\r\ny: z')],
  ['a space in :authority', withAuthority('x y')],
  ['a :scheme of another protocol', [METHOD, [':scheme', 'ftp'], PATH, AUTHORITY]],
  ['a :scheme that would end its line', [METHOD, [':scheme', 'http\r\n'], PATH, AUTHORITY]],
  ['a pseudo-header after a header', [METHOD, SCHEME, ['a', 'b'], PATH, AUTHORITY]],
  ['a pseudo-header of answers', [...GET, [':status', '200']]],
  ['an unknown pseudo-header', [...GET, [':unknown', 'x']]],
  ['an extended CONNECT that ends at once', WEBSOCKET],
  ['an extended CONNECT with a content-length', [...WEBSOCKET, ['content-length', '2']], { body: 'ok' }],
  ['an extended CONNECT with a content-length of 0', [...WEBSOCKET, ['content-length', '0']], { body: '' }],
  ['connection', [...GET, ['connection', 'close']]],
  ['transfer-encoding', [...POST, ['transfer-encoding', 'chunked']]],
  ['upgrade', [...GET, ['upgrade', 'websocket']]],
  ['keep-alive', [...GET, ['keep-alive', 'timeout=5']]],
  ['proxy-connection', [...GET, ['proxy-connection', 'keep-alive']]],
  ['te with more than trailers', [...GET, ['te', 'trailers, deflate']]],
  [':authority and host that disagree', [...GET, ['host', 'y']]],
  ['two host headers', [METHOD, SCHEME, PATH, ['host', 'x'], ['host', 'x']]],
  ['two content-length headers', [...POST, ['content-length', '2'], ['content-length', '2']], { body: 'ok' }],
  ['a list in content-length', [...POST, ['content-length', '2, 2']], { body: 'ok' }],
  ['a sign in content-length', [...POST, ['content-length', '+2']], { body: 'ok' }],
  ['a content-length that is no number', [...POST, ['content-length', 'x']], { body: 'ok' }],
  ['a content-length without a body', [...POST, ['content-length', '2']]],
  ['a body shorter than its content-length', [...POST, ['content-length', '3']], { body: 'ok' }],
  ['a body longer than its content-length', [...POST, ['content-length', '1']], { body: 'ok' }],
  ['a pseudo-header in trailers', POST, { body: 'ok', trailers: [[':path', '/']] }],
  ['upper case in a name of trailers', POST, { body: 'ok', trailers: [['A', 'b']] }],
  ['CR LF in a value of trailers', POST, { body: 'ok', trailers: [['a', 'b\r\nc: d']] }],
  ['transfer-encoding in trailers', POST, { body: 'ok', trailers: [['transfer-encoding', 'chunked']] }],
];

test('what is malformed resets its stream, no host sees a whole request, and the connection still serves', () =>
  withHttp2Target({}, async ({ ask, isServing, wholeRequests, counter }) => {
    const onOne = RESET.filter(([, fields, turn]) => !mayEndConnection(fields, turn?.body));
    for (const [index, [name, fields, turn = {}]] of onOne.entries()) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, on one connection
      assert.is(await ask(fields, turn), CODE_OF_RESET, name);
      // oxlint-disable-next-line no-await-in-loop -- as above
      await isServing();
      assert.equal(
        wholeRequests(),
        Array.from({ length: index + 1 }, () => 'GET /still HTTP/1.1'),
        name,
      );
      assert.is(counter('refused_http2_message'), index + 1, name);
    }
  }));

test('a body that breaks its content-length ends the stream, or the connection, and no host sees a whole request', async () => {
  for (const [name, fields, turn = {}] of RESET.filter(([, each, { body } = {}]) => mayEndConnection(each, body))) {
    // oxlint-disable-next-line no-await-in-loop -- one connection each
    await withHttp2Target({}, async ({ ask, wholeRequests }) => {
      const end = await ask(fields, turn);
      assert.ok(end === CODE_OF_RESET || end === CODE_OF_GOAWAY, `${name}: ${end}`);
      assert.equal(wholeRequests(), [], name);
    });
  }
});

/** What is answered as in HTTP/1. */
const REFUSED: readonly (readonly [name: string, fields: readonly Field[], status: number, counter: string])[] = [
  [
    'a plain CONNECT',
    [
      [':method', 'CONNECT'],
      [':authority', 'x:1'],
    ],
    405,
    'refused_method',
  ],
  ['TRACE', withMethod('TRACE'), 405, 'refused_method'],
  ['a method that is too long', withMethod('X'.repeat(33)), 501, 'refused_method'],
  ['a fragment in :path', withPath('/a#b'), 400, 'refused_target'],
  ['a byte above ASCII in :path', withPath('/\xe4'), 400, 'refused_target'],
  ['a target that is too long', withPath(`/${'x'.repeat(9000)}`), 414, 'refused_url_size'],
  ['too many fields', [...GET, ...Array.from({ length: 101 }, (_, i): Field => [`a${i}`, 'b'])], 431, 'refused_header_size'],
  ['an :authority with a port that is none', withAuthority('x:99999'), 400, 'refused_host_header'],
  ...(IS_STRICTER ? [] : [['an :authority with credentials', withAuthority('a@x'), 400, 'refused_host_header'] as const]),
  ['another expectation', [...GET, ['expect', 'tea']], 417, 'refused_expectation'],
];

test('what HTTP/1 would refuse too gets the same answer, and the connection still serves', () =>
  withHttp2Target({}, async ({ ask, isServing, wholeRequests, counter }) => {
    const counted = new Map<string, number>();
    for (const [name, fields, status, refused] of REFUSED) {
      // oxlint-disable-next-line no-await-in-loop -- one after the other, on one connection
      assert.is(await ask(fields, {}), status, name);
      counted.set(refused, (counted.get(refused) ?? 0) + 1);
      assert.is(counter(refused), counted.get(refused), name);
    }
    await isServing();
    assert.equal(wholeRequests(), ['GET /still HTTP/1.1']);
  }));

test('a refused request is in the access log with its line and reason', () =>
  withHttp2Target({}, async ({ ask, lines }) => {
    assert.is(await ask(withPath('/a#b'), {}), 400);
    await until(() => lines.some((line) => line.includes('request refused')));
    assert.match(lines.find((line) => line.includes('request refused')) as string, /"reason":"\\"#\\" in the target"/);
  }));

test('a body above --max-body-size is answered 413, said in its head or not', () =>
  withHttp2Target({ maxBodySize: 4 }, async ({ ask, isServing, wholeRequests, counter }) => {
    assert.is(await ask([...POST, ['content-length', '5']], { body: 'hello' }), 413);
    assert.is(await ask(POST, { body: 'hello' }), 413);
    await isServing();
    assert.equal(wholeRequests(), ['GET /still HTTP/1.1']);
    assert.is(counter('refused_body_size'), 2);
  }));

const PASSES: readonly (readonly [name: string, fields: readonly Field[], turn?: HttpTurn])[] = [
  ['host without :authority', [METHOD, SCHEME, PATH, ['host', 'x']]],
  [':authority and host that agree but for case and port', [...GET, ['host', 'X:80']]],
  ['te: trailers', [...GET, ['te', 'trailers']]],
  ['an empty value', [...GET, ['a', '']]],
  ['OPTIONS *', [[':method', 'OPTIONS'], SCHEME, [':path', '*'], AUTHORITY]],
  ['a content-length that fits', [...POST, ['content-length', '2']], { body: 'ok' }],
  ['content-length 0 and an empty end', [...POST, ['content-length', '0']], { body: '' }],
  ['trailers', POST, { body: 'ok', trailers: [['a', 'b']] }],
];

test('what is unusual and unambiguous is served', () =>
  withHttp2Target({}, async ({ ask }) => {
    // oxlint-disable-next-line no-await-in-loop -- one after the other, on one connection
    for (const [name, fields, turn = {}] of PASSES) assert.is(await ask(fields, turn), 200, name);
  }));

test.run();
