// Properties of the reading of answers, over arbitrary bytes: it does not matter how they are cut, nothing throws,
// and garbage never becomes an answer.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readResponseHead, type ResponseHead } from '../../../lib/traffic/wire/response-head.js';
import { ResponseParser, type ResponseSink } from '../../../lib/traffic/host/response-parser.js';
import { answerBytes, cutAt, cuts, garbage, RUNS } from '../../support/arbitrary-bytes.js';
import { readAnswer } from '../../support/reference-answer.js';

const test = suite('framing of answers');

/** What a parser made of the bytes of one answer. */
interface Told {
  informational: number[];
  head: ResponseHead | undefined;
  body: string;
  trailers: readonly string[];
  /** `whole`, `wrong`, `broken` when the connection ended too early. */
  end: string;
  /** Bytes of the answer. */
  size: number;
}

/** Reads the pieces, and then the end of the connection. */
function read(pieces: readonly string[], method: string): Told {
  const told: Told = { informational: [], head: undefined, body: '', trailers: [], end: '', size: 0 };
  const sink: ResponseSink = {
    onInformational: ({ status }) => void told.informational.push(status),
    onHead(head) {
      assert.is(told.head, undefined, 'one head');
      told.head = head;
    },
    onBody(bytes) {
      assert.ok(told.head !== undefined && told.end === '');
      told.body += bytes.toString('latin1');
    },
    onEnd(trailers) {
      assert.ok(told.head !== undefined && told.end === '');
      told.trailers = trailers;
      told.end = 'whole';
    },
  };
  const parser = new ResponseParser(32 << 10);
  parser.begin(method);
  for (const piece of pieces) {
    if (!parser.isReading) break;
    const taken = parser.execute(Buffer.from(piece, 'latin1'), sink);
    if (taken < 0) return { ...told, end: 'wrong', size: 0 };
    told.size += taken;
  }
  if (parser.isReading && !parser.finish(sink)) return { ...told, end: 'broken', size: 0 };
  return told;
}

const method = fc.constantFrom('GET', 'GET', 'HEAD', 'POST');

test('answers are read in the same way however they are cut', () => {
  const ends: Record<string, number> = {};
  fc.assert(
    fc.property(answerBytes, cuts, method, (text, shares, asked) => {
      const whole = read([text], asked);
      ends[whole.end] = (ends[whole.end] ?? 0) + 1;
      for (const pieces of [cutAt(text, shares), cutAt(text, 'every')]) {
        const cut = read(pieces, asked);
        // What is wrong further on may be seen only after a part was handed on, or before.
        if (whole.end === 'wrong') assert.is(cut.end, 'wrong');
        else assert.equal(cut, whole);
      }
    }),
    RUNS,
  );
  for (const end of ['whole', 'wrong', 'broken']) assert.ok((ends[end] ?? 0) > RUNS.numRuns / 20, JSON.stringify(ends));
});

test('an answer that is whole is one for another reader too, with the same body and the same end', () => {
  fc.assert(
    fc.property(answerBytes, method, (text, asked) => {
      const told = read([text], asked);
      if (told.end !== 'whole') return;
      const other = readAnswer(text, asked, 'end');
      assert.equal(
        [other.state, other.status, other.body, other.informational, text.length - other.rest.length],
        ['whole', told.head?.status, told.body, told.informational, told.size],
      );
    }),
    RUNS,
  );
});

test('a head that is handed on reads the same when read again', () => {
  fc.assert(
    fc.property(fc.oneof(garbage, answerBytes), method, (text, asked) => {
      const { head } = read([text], asked);
      if (head === undefined) return;
      const at = [...text.matchAll(/\r\n\r\n/g)].map(({ index }) => index + 4);
      const starts = [0, ...at];
      const isThere = starts.some(
        (start, i) =>
          at[i] !== undefined && JSON.stringify(readResponseHead(text.slice(start, at[i]), asked === 'HEAD')) === JSON.stringify(head),
      );
      assert.ok(isThere, JSON.stringify(head));
      assert.ok(head.status >= 200 && head.status <= 999 && Number.isSafeInteger(head.length));
    }),
    RUNS,
  );
});

test('garbage is never an answer', () => {
  fc.assert(
    fc.property(garbage, cuts, method, (text, shares, asked) => {
      const told = read([text], asked);
      assert.is(told.head, undefined);
      assert.ok(told.end === 'wrong' || told.end === 'broken', told.end);
      assert.is(read(cutAt(text, shares), asked).end, told.end);
    }),
    RUNS,
  );
});

test('several answers on one connection are read one after the other, each from where the last one ended', () => {
  fc.assert(
    fc.property(answerBytes, (text) => {
      const seen: number[] = [];
      let rest = text;
      for (let i = 0; i < 5 && rest !== ''; i++) {
        const told = read([rest], 'GET');
        if (told.end !== 'whole') break;
        assert.ok(told.size > 0 && told.size <= rest.length);
        seen.push(told.head?.status ?? 0);
        rest = rest.slice(told.size);
      }
      assert.ok(seen.every((status) => status >= 200));
    }),
    RUNS,
  );
});

test.run();
