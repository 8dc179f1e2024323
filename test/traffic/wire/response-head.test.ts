// Length and connection in the head of an answer: ambiguous lengths are refused, equal ones are merged, and `close` wins
// over anything else. Hostile heads are read in linear time.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseLength } from '../../../lib/traffic/wire/grammar.js';
import {
  NO_LOAD,
  readResponseHead,
  type ResponseHead,
  ResponseHeadReader,
  SEVERAL_LOADS,
} from '../../../lib/traffic/wire/response-head.js';

const test = suite('response head');

function read(lines: readonly string[], version = 'HTTP/1.1'): ResponseHead | undefined {
  return readResponseHead([`${version} 200 OK`, ...lines, '', ''].join('\r\n'), false);
}

const LENGTHS: readonly (readonly [string, number | undefined])[] = [
  ['0', 0],
  ['5', 5],
  ['10', 10],
  ['999999999999999', 999_999_999_999_999],
  ['00', undefined],
  ['05', undefined],
  ['010', undefined],
  ['+5', undefined],
  ['-5', undefined],
  ['-0', undefined],
  ['0x5', undefined],
  ['5e1', undefined],
  ['5.0', undefined],
  ['5 5', undefined],
  ['', undefined],
  ['1000000000000000', undefined],
  ['9007199254740993', undefined],
  ['\xb2', undefined],
  ['5\xa0', undefined],
];

for (const [value, length] of LENGTHS) {
  test(`the length ${JSON.stringify(value)} is ${length === undefined ? 'none' : `${length} bytes`}`, () => {
    assert.equal([parseLength(value)], [length ?? Number.NaN]);
    const head = read([`Content-Length: ${value}`, 'Connection: keep-alive']);
    assert.is(head?.framing === 'none' ? 0 : head?.length, length);
  });
}

const REPEATED: readonly (readonly [lines: readonly string[], passed: readonly string[] | undefined])[] = [
  [
    ['content-length: 5', 'A: 1', 'Content-Length: 5', 'B: 2'],
    ['content-length', '5', 'A', '1', 'B', '2'],
  ],
  [['Content-Length: 5,5 ,\t5'], ['Content-Length', '5']],
  [
    ['A: 1', 'Content-Length: 5, 5', 'Content-Length: 5'],
    ['A', '1', 'Content-Length', '5'],
  ],
  [['Content-Length: 5', 'Content-Length: 6'], undefined],
  [['Content-Length: 5, 6'], undefined],
  [['Content-Length: 5', 'Content-Length: 6, 6'], undefined],
  [['Content-Length: 5', 'Content-Length: 05'], undefined],
  [['Content-Length: 5,'], undefined],
  [['Content-Length: ,5'], undefined],
  [['Content-Length: 5;5'], undefined],
  [['Content-Length: 5\xa0, 5'], undefined],
  [['Content-Length: 5, 5', 'Transfer-Encoding: chunked'], undefined],
];

for (const [lines, passed] of REPEATED) {
  test(`${JSON.stringify(lines.join('\n'))} is ${passed === undefined ? 'no head' : 'a head with one length'}`, () => {
    assert.equal(read(lines)?.headers, passed);
  });
}

test('a load report is found after repeated lengths were removed', () => {
  const report = 'Endpoint-Load-Metrics: TEXT cpu_utilization=0.5';
  const head = read(['Content-Length: 5', 'Content-Length: 5', 'Content-Length: 5', 'A: 1', report, 'Content-Length: 5']);
  assert.is(head?.headers[head.loadAt], 'Endpoint-Load-Metrics');
  assert.is(read(['Content-Length: 5', 'Content-Length: 5', report, report])?.loadAt, SEVERAL_LOADS);
  assert.is(read(['Content-Length: 5', 'Content-Length: 5'])?.loadAt, NO_LOAD);
});

const CONNECTIONS: readonly (readonly [lines: readonly string[], inOld: boolean, inNew: boolean])[] = [
  [[], false, true],
  [['Connection: keep-alive'], true, true],
  [['connection: Keep-Alive'], true, true],
  [['Connection: X-A, keep-alive'], true, true],
  [['Connection: close'], false, false],
  [['Connection: close', 'Connection: keep-alive'], false, false],
  [['Connection: keep-alive', 'Connection: close'], false, false],
  [['CONNECTION: CLOSE', 'connection: KEEP-ALIVE'], false, false],
  [['Connection: close, keep-alive'], false, false],
  [['Connection: keep-alive,close'], false, false],
  [['Connection: keep-alive', 'A: 1', 'Connection: X-A, close'], false, false],
  [['Proxy-Connection: keep-alive'], false, true],
  [['Xonnection: keep-alive'], false, true],
  [['Xonnection: close'], false, true],
];

for (const [lines, inOld, inNew] of CONNECTIONS) {
  test(`a connection with ${JSON.stringify(lines.join('\n'))} is ${inNew ? 'kept' : 'closed'}, in HTTP/1.0 ${inOld ? 'kept' : 'closed'}`, () => {
    const all = [...lines, 'Content-Length: 2'];
    assert.equal([read(all, 'HTTP/1.0')?.isKeptAlive, read(all)?.isKeptAlive], [inOld, inNew]);
    assert.is(read(lines)?.isKeptAlive, false, 'without a length it ends with the connection');
  });
}

const TIMEOUTS: readonly (readonly [values: readonly string[], seconds: number])[] = [
  [[], Number.POSITIVE_INFINITY],
  [['timeout=5'], 5],
  [['timeout=5, max=100'], 5],
  [['max=100,timeout=5'], 5],
  [['max=100;TIMEOUT = "5"'], 5],
  [['timeout=0'], 0],
  [['timeout=0.5'], 0],
  [['timeout=5', 'timeout=0'], 0],
  [['timeout=0', 'timeout=5'], 0],
  [['timeout=9', 'max=3'], 9],
  [['xtimeout=5'], Number.POSITIVE_INFINITY],
  [['timeout=soon'], Number.POSITIVE_INFINITY],
];

for (const [values, seconds] of TIMEOUTS) {
  test(`Keep-Alive: ${JSON.stringify(values)} is ${seconds} s`, () => {
    assert.is(read(values.map((value) => `Keep-Alive: ${value}`))?.keepAliveSeconds, seconds);
  });
}

test('a head of 1 MiB is read, whatever it is made of', () => {
  const size = 1 << 20;
  const repeated = (line: string): string[] => Array.from({ length: Math.floor(size / (line.length + 2)) }, () => line);
  assert.is(read(repeated('Content-Length: 2'))?.headers.length, 2);
  assert.is(read([`Content-Length: ${'2,'.repeat(size / 2)}2`])?.length, 2);
  assert.is(read([`Content-Length: 2${' '.repeat(size)}x, 2`]), undefined);
  assert.is(read([`Content-Length: 2,${' '.repeat(size)}x`]), undefined);
  assert.is(read([`Keep-Alive: timeout${' '.repeat(size)}`])?.keepAliveSeconds, Number.POSITIVE_INFINITY);
  assert.is(read([`A: ${'a'.repeat(size)}`])?.headers[1]?.length, size);
  assert.is(read([`A: ${'a'.repeat(size)}\0`]), undefined);
  assert.is(read(repeated('A:'))?.headers.length, (size / 4) * 2);
});

test('a head that is repeated is the same object; a long one is not kept for that', () => {
  const reader = new ResponseHeadReader();
  const text = (length: number): string => `HTTP/1.1 200 OK\r\nA: ${'a'.repeat(length)}\r\n\r\n`;
  assert.is(reader.read(text(1000), false), reader.read(text(1000), false));
  assert.is.not(reader.read(text(1000), false), reader.read(text(1000), true));
  assert.is.not(reader.read(text(20_000), false), reader.read(text(20_000), false));
  assert.is(reader.read(text(20_000), false)?.headers[1]?.length, 20_000);
});

test.run();
