// Properties of the reading of requests, over arbitrary bytes: it does not matter how they are cut, and what is
// accepted is read in the same way by every other parser, the lax ones too.

import { createServer, METHODS } from 'node:http';
import { Duplex } from 'node:stream';
import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HeadRules } from '../../../lib/traffic/wire/request-head.js';
import { RequestParser } from '../../../lib/traffic/client/request-parser.js';
import { TRAFFIC_DEFAULTS } from '../../../lib/config/traffic-config.js';
import { cutAt, cuts, garbage, requestBytes, RUNS } from '../../support/arbitrary-bytes.js';
import { LAX_READERS, readRequests } from '../../support/reference-parser.js';
import { scaled } from '../../support/scale.js';
import { until } from '../../support/until.js';

const test = suite('framing of requests');

/** A request as two parsers can agree on it. */
interface Seen {
  readonly line: string;
  readonly headers: readonly string[];
  readonly body: string;
  readonly trailers: readonly string[];
}

interface Read {
  readonly requests: readonly Seen[];
  /** The answer to what is refused; empty when nothing is. */
  readonly refusal: string;
  /** Bytes that were accepted, from the first one on. */
  readonly accepted: number;
}

/** What is left out of a request can't be compared with what others read. */
const RULES: HeadRules = { ...TRAFFIC_DEFAULTS, oddNames: 'refuse' };

/** Reads the pieces as a connection does: what is not whole is read again with the next piece. */
function read(pieces: readonly string[], rules: HeadRules = RULES): Read {
  const parser = new RequestParser(rules);
  const requests: Seen[] = [];
  let held: Buffer = Buffer.alloc(0);
  let accepted = 0;
  let total = 0;
  let body = '';
  const end = (): void => {
    const { head } = parser;
    if (head === undefined) throw new Error('a body without a head');
    requests.push({
      line: `${head.method} ${head.target} HTTP/${head.version}`,
      headers: head.headers,
      body,
      trailers: parser.trailers,
    });
    accepted = total;
    body = '';
  };
  for (const piece of pieces) {
    const bytes = Buffer.concat([held, Buffer.from(piece, 'latin1')]);
    let offset = 0;
    for (;;) {
      const next = parser.read(bytes, offset);
      if (parser.step === 'refused') return { requests, refusal: parser.refusal?.code ?? '', accepted };
      total += next - offset;
      if (parser.step === 'head' && parser.isBetween) end();
      else if (parser.step === 'body' || parser.step === 'end') body += bytes.toString('latin1', parser.payloadStart, next);
      if (parser.step === 'end') end();
      offset = next;
      if (parser.step === 'more') break;
    }
    held = bytes.subarray(offset);
  }
  return { requests, refusal: '', accepted };
}

const flat = (headers: readonly (readonly [string, string])[]): string[] => headers.flat();

/** A request line and headers as they are forwarded: an absolute target is split into path and Host, and no version is above 1.1. */
function asForwarded(line: string, headers: readonly string[]): Pick<Seen, 'line' | 'headers'> {
  const [method, target, version] = line.split(' ') as [string, string, string];
  const [, authority, rest = ''] = /^https?:\/\/([^/?]*)(.*)$/i.exec(target) ?? [];
  const newest = version.replace(/[2-9]$/, '1');
  if (authority === undefined) return { line: `${method} ${target} ${newest}`, headers };
  const path = rest === '' && method === 'OPTIONS' ? '*' : rest.startsWith('/') ? rest : `/${rest}`;
  const host = authority.toLowerCase().replace(/:(?:0*80)?$/, '');
  return {
    line: `${method} ${path} ${newest}`,
    headers: headers.map((value, i) => (i % 2 === 1 && headers[i - 1]?.toLowerCase() === 'host' ? host : value)),
  };
}

let accepted = 0;
let refusals = 0;

test('requests are read in the same way however they are cut', () => {
  fc.assert(
    fc.property(requestBytes, cuts, (text, shares) => {
      const whole = read([text]);
      accepted += whole.requests.length;
      if (whole.refusal !== '') refusals++;
      assert.equal(read(cutAt(text, shares)), whole);
      assert.equal(read(cutAt(text, 'every')), whole);
    }),
    RUNS,
  );
});

test('the inputs are of both kinds', () => {
  assert.ok(accepted > RUNS.numRuns / 2 && refusals > RUNS.numRuns / 4, `${accepted} accepted, ${refusals} refused`);
});

test('what is accepted is read in the same way by a parser that takes what the standard says, and by all that are lax', () => {
  fc.assert(
    fc.property(requestBytes, (text) => {
      const { requests, accepted: size } = read([text]);
      // The empty lines that may stand before a request are not part of it.
      const taken = text.slice(0, size).replace(/^(?:\r\n)+/, '');
      for (const lax of LAX_READERS) {
        const other = readRequests(withoutEmptyLines(taken, requests.length), lax);
        assert.equal(
          other.requests.map(({ line, headers, body, trailers }) => ({
            ...asForwarded(line, flat(headers)),
            body,
            trailers: flat(trailers),
          })),
          requests,
          JSON.stringify(lax),
        );
        assert.equal([other.rest, other.fault], ['', ''], JSON.stringify(lax));
      }
    }),
    RUNS,
  );
});

/** Reads with the strict reader, taking away the empty lines between requests that ours passes over. */
function withoutEmptyLines(text: string, count: number): string {
  let rest = text;
  let kept = '';
  for (let i = 0; i < count; i++) {
    rest = rest.replace(/^(?:\r\n)+/, '');
    const size = read([rest]).requests.length === 0 ? 0 : sizeOfFirst(rest);
    kept += rest.slice(0, size);
    rest = rest.slice(size);
  }
  return kept + rest;
}

function sizeOfFirst(text: string): number {
  const parser = new RequestParser(RULES);
  const bytes = Buffer.from(text, 'latin1');
  let offset = 0;
  do offset = parser.read(bytes, offset);
  while (!(parser.step === 'end' || (parser.step === 'head' && parser.isBetween)));
  return offset;
}

test("what is accepted is read in the same way by Node's own parser", async () => {
  await fc.assert(
    fc.asyncProperty(requestBytes, async (text) => {
      const { requests, accepted: size } = read([text]);
      const wanted = requests.filter(({ line, headers, trailers }) => isPlain(headers) && isKnownToNode(line) && trailers.length === 0);
      if (wanted.length !== requests.length || requests.length === 0 || / HTTP\/1\.[2-9]\r\n/.test(text)) return;
      assert.equal(
        await readByNode(text.slice(0, size), requests.length),
        requests.map(({ line, headers, body }) => ({ line, headers, body })),
      );
    }),
    { ...RUNS, numRuns: scaled(300, 1500) },
  );
});

/** Node knows some methods only, and ends connections of HTTP/1.0. */
function isKnownToNode(line: string): boolean {
  return line.endsWith('1.1') && METHODS.includes(line.split(' ', 1)[0] as string);
}

/** Node ends connections and switches protocols by itself, and answers Expect: those are looked at elsewhere. */
function isPlain(headers: readonly string[]): boolean {
  return !headers.some((name, i) => i % 2 === 0 && /^(?:connection|upgrade|expect|proxy-connection)$/i.test(name));
}

async function readByNode(text: string, count: number): Promise<unknown[]> {
  const seen: unknown[] = [];
  const faults: string[] = [];
  const server = createServer({ requireHostHeader: false }, (request, response) => {
    let body = '';
    request.on('data', (bytes: Buffer) => (body += bytes.toString('latin1')));
    request.on('end', () => {
      seen.push({ ...asForwarded(`${request.method} ${request.url} HTTP/${request.httpVersion}`, request.rawHeaders), body });
      response.shouldKeepAlive = true;
      response.end();
    });
  });
  server.on('clientError', (error) => faults.push(String(error)));
  const socket = new Duplex({ read: () => undefined, write: (_bytes, _encoding, done) => done() });
  socket.on('error', () => undefined);
  server.emit('connection', socket);
  socket.push(Buffer.from(text, 'latin1'));
  await until(() => seen.length >= count || faults.length > 0, {
    everyMs: 1,
    timeoutMs: 2000,
    what: () => `Node to read ${JSON.stringify(text)}: ${JSON.stringify(seen)}`,
  });
  socket.destroy();
  return [...faults, ...seen];
}

test('garbage is refused or waited for, and never read as a request', () => {
  fc.assert(
    fc.property(garbage, cuts, (text, shares) => {
      const whole = read([text]);
      assert.equal(whole.requests, []);
      assert.equal(read(cutAt(text, shares)), whole);
    }),
    RUNS,
  );
});

test('small limits hold however requests are cut', () => {
  const rules: HeadRules = { ...TRAFFIC_DEFAULTS, maxHeaderSize: 120, maxUrlSize: 8, maxHeaders: 3, maxBodySize: 10, oddNames: 'drop' };
  fc.assert(
    fc.property(requestBytes, cuts, (text, shares) => {
      const whole = read([text], rules);
      for (const { line, headers, body } of whole.requests) {
        assert.ok((line.split(' ')[1] as string).length <= 8 && headers.length <= 6 && body.length <= 10);
        assert.ok(line.length + headers.join('').length <= 120);
      }
      for (const pieces of [cutAt(text, shares), cutAt(text, 'every')]) {
        const cut = read(pieces, rules);
        // What is wrong in two ways may be refused for either.
        assert.is(cut.refusal === '', whole.refusal === '');
        assert.equal(cut.requests, whole.requests);
      }
    }),
    RUNS,
  );
});

test.run();
