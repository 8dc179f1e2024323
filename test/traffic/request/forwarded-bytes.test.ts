// Properties of forwarded requests, over arbitrary header lists: even a lax host can read them in one way only, and they
// contain no hop-by-hop headers and no claims of the client.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chunkedEnd, chunkHead } from '../../../lib/traffic/wire/chunked.js';
import { clientFacts, headText, passedTrailers, requestHeaders, responseHeaders } from '../../../lib/traffic/wire/headers.js';
import { isRefusal, readRequestHead, type RequestHead } from '../../../lib/traffic/wire/request-head.js';
import { readResponseHead } from '../../../lib/traffic/wire/response-head.js';
import { type NamePolicy, TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { header, RUNS } from '../../support/arbitrary-bytes.js';
import { LAX_READERS, readRequests, type ReferenceRequest } from '../../support/reference-parser.js';

const test = suite('forwarded bytes');

const PSEUDONYM = 'meercat-0badcafe';
const CLIENT = clientFacts('192.0.2.1', 8080, false, false);
const PROXY = clientFacts('192.0.2.1', 8080, true, true);

const HOP_BY_HOP = ['keep-alive', 'proxy', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization', 'upgrade'];

const requestLine = fc.constantFrom(
  'GET / HTTP/1.1',
  'POST /a?b HTTP/1.1',
  'HEAD http://X:80/ HTTP/1.1',
  'OPTIONS * HTTP/1.1',
  'GET / HTTP/1.0',
  'POST / HTTP/1.0',
  'DELETE //x HTTP/1.1',
);
const headers = fc.array(header, { maxLength: 8 });
const framing = fc.constantFrom('', '', 'Content-Length: 5\r\n', 'Transfer-Encoding: chunked\r\n');

/** A head that is accepted, and the text that it was. */
const head = (oddNames: NamePolicy): fc.Arbitrary<RequestHead> =>
  fc
    .tuple(requestLine, headers, framing)
    .map(([line, list, framed]) =>
      readRequestHead(
        `${line}\r\nHost: x\r\n${list
          .filter(([name]) => !/^(?:host|content-length|transfer-encoding|expect)$/i.test(name))
          .map(([name, value]) => `${name}: ${value}\r\n`)
          .join('')}${framed}\r\n`,
        { ...TRAFFIC_DEFAULTS, oddNames },
      ),
    )
    .filter((read): read is RequestHead => !isRefusal(read));

/** What a host gets for a head and its body, as an attempt sends it. */
function forwarded(read: RequestHead, client = CLIENT, trailers: readonly string[] = []): string {
  const lines = requestHeaders(read, client, { authority: '10.0.0.7:80', pseudonym: PSEUDONYM, isUpgrade: read.upgrade !== undefined });
  const body =
    read.framing === 'length'
      ? '12345'
      : read.framing === 'chunked'
        ? `${chunkHead(5)}12345\r\n${chunkedEnd(passedTrailers(trailers))}`
        : '';
  return headText(`${read.method} ${read.target} HTTP/1.1`, lines) + body;
}

const valuesOf = ({ headers: list }: Pick<ReferenceRequest, 'headers'>, name: string): string[] =>
  list.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value);

/** What the Connection headers of a head name. */
function namedBy({ headers: list }: RequestHead): string[] {
  return list.flatMap((name, i) =>
    i % 2 === 0 && name.toLowerCase() === 'connection' ? (list[i + 1] as string).split(',').map((each) => each.trim().toLowerCase()) : [],
  );
}

/** The one request that the strict reader reads. */
function only(text: string): ReferenceRequest {
  const { requests, rest, fault } = readRequests(text);
  assert.equal([requests.length, rest, fault], [1, '', ''], text);
  return requests[0] as ReferenceRequest;
}

for (const policy of ['refuse', 'drop'] as const) {
  test(`what is forwarded is read in one way only, when odd names are to be ${policy === 'drop' ? 'dropped' : 'refused'}`, () => {
    let count = 0;
    fc.assert(
      fc.property(head(policy), headers, fc.boolean(), (read, trailers, isTrusted) => {
        count++;
        const plain = trailers
          .filter(([name]) => /^[0-9A-Za-z-]+$/.test(name))
          .flat()
          .map((each) => each.trim());
        const text = forwarded(read, isTrusted ? PROXY : CLIENT, plain);
        const strict = only(text);
        assert.is(strict.body, read.framing === 'none' ? '' : '12345');
        for (const lax of LAX_READERS)
          assert.equal(readRequests(text, lax), { requests: [strict], rest: '', fault: '' }, JSON.stringify(lax));
      }),
      RUNS,
    );
    assert.ok(count >= RUNS.numRuns);
  });
}

test('a forwarded request has one Host, a length or chunks but not both, and what its client sent of each', () => {
  fc.assert(
    fc.property(head('pass'), (read) => {
      const request = only(forwarded(read));
      assert.equal(valuesOf(request, 'host'), ['x']);
      assert.equal(valuesOf(request, 'transfer-encoding'), read.framing === 'chunked' ? ['chunked'] : []);
      assert.equal(valuesOf(request, 'content-length'), read.framing === 'length' ? ['5'] : []);
      assert.is(request.line, `${read.method} ${read.target} HTTP/1.1`);
    }),
    RUNS,
  );
});

test("nothing of the client's connection is forwarded, nor what its Connection names", () => {
  fc.assert(
    fc.property(head('pass'), (read) => {
      const request = only(forwarded(read));
      const isUpgrade = read.upgrade !== undefined;
      for (const name of HOP_BY_HOP) if (!(isUpgrade && name === 'upgrade')) assert.equal(valuesOf(request, name), [], name);
      assert.ok(
        ['keep-alive', 'keep-alive, TE', 'Upgrade'].includes(valuesOf(request, 'connection').join('|')),
        valuesOf(request, 'connection').join('|'),
      );
      assert.ok(['', 'trailers'].includes(valuesOf(request, 'te').join('|')));
      if (read.framing !== 'chunked') assert.equal(valuesOf(request, 'trailer'), []);
      for (const name of namedBy(read))
        if (['x-a', 'x-b', 'cookie'].includes(name)) assert.equal(valuesOf(request, name), [], `Connection names ${name}`);
    }),
    RUNS,
  );
});

test("a client's claims of origin are not forwarded, and those of a trusted proxy come before ours", () => {
  fc.assert(
    fc.property(head('pass'), (read) => {
      const request = only(forwarded(read));
      const claims = request.headers.filter(([name]) => /^(?:x-forwarded-.*|forwarded)$/i.test(name));
      assert.equal(claims, [
        ['X-Forwarded-For', '192.0.2.1'],
        ['X-Forwarded-Proto', 'http'],
        ['X-Forwarded-Host', 'x'],
        ['X-Forwarded-Port', '8080'],
        ['Forwarded', 'for=192.0.2.1;host="x";proto=http'],
      ]);
      const trusted = only(forwarded(read, PROXY));
      assert.match(valuesOf(trusted, 'x-forwarded-for').join('|'), /(?:^|, )192\.0\.2\.1$/);
      assert.match(valuesOf(trusted, 'forwarded').join('|'), /(?:^|, )for=192\.0\.2\.1;host="x";proto=https$/);
      for (const name of ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-port', 'forwarded'])
        assert.is(valuesOf(trusted, name).length, 1, name);
    }),
    RUNS,
  );
});

test('all other headers are forwarded as they came, in their order', () => {
  fc.assert(
    fc.property(head('pass'), (read) => {
      const named = new Set(namedBy(read));
      const kept = read.headers.filter((_, i) => {
        const name = (read.headers[i & ~1] as string).toLowerCase();
        return (
          (name === 'host' || name === 'content-length' || !named.has(name)) &&
          !/^(?:connection|te|trailer|transfer-encoding|upgrade|keep-alive|proxy.*|x-forwarded-.*|forwarded|expect)$/.test(name)
        );
      });
      const request = only(forwarded(read));
      assert.equal(
        request.headers
          .filter(([name]) => !/^trailer$/i.test(name))
          .flat()
          .slice(0, kept.length),
        kept,
      );
    }),
    RUNS,
  );
});

test("what a client gets of an answer's headers says nothing of the host's connection", () => {
  fc.assert(
    fc.property(headers, framing, (list, framed) => {
      const lines = list
        .filter(([name]) => !/^(?:content-length|transfer-encoding)$/i.test(name))
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('');
      const read = readResponseHead(`HTTP/1.1 200 OK\r\n${lines}${framed}\r\n`, false);
      if (read === undefined) return;
      for (const passesTrailers of [false, true]) {
        const passed = responseHeaders(read, passesTrailers);
        const names = passed.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase());
        for (const name of [...HOP_BY_HOP, 'connection', 'transfer-encoding', 'te']) assert.not.ok(names.includes(name), name);
        if (names.includes('trailer')) assert.ok(passesTrailers && read.framing === 'chunked');
        assert.is(names.filter((name) => name === 'content-length').length, framed.startsWith('Content-Length') ? 1 : 0);
      }
    }),
    RUNS,
  );
});

test.run();
