// The tables in docs/ against the code: what is forwarded, what is refused, every flag with its default, every
// answer of a balancer itself. What stands there is tried, not compared with a copy.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { BALANCER_FLAGS } from '../bin/balancer-flags.js';
import { DEFAULTS } from '../lib/config/config.js';
import { FIELDS } from '../lib/config/fields.js';
import { AGENT_FIELDS, FLEET_FIELDS } from '../lib/config/options.js';
import * as library from '../lib/index.js';
import { ERROR_CODES } from '../lib/errors.js';
import { COUNTERS } from '../lib/table/counters.js';
import { type AccessRecord, formatAccess } from '../lib/traffic/log/access-log.js';
import { ANSWERS } from '../lib/traffic/wire/answers.js';
import { CLAIMS } from '../lib/traffic/wire/claims.js';
import { clientFacts, requestHeaders, responseHeaders } from '../lib/traffic/wire/headers.js';
import { isOddName } from '../lib/traffic/wire/header-names.js';
import { whyRefused } from '../lib/traffic/wire/refusal-reasons.js';
import type { Refusal } from '../lib/traffic/wire/refusals.js';
import { isRefusal, readRequestHead, type RequestHead } from '../lib/traffic/wire/request-head.js';
import { RequestParser } from '../lib/traffic/client/request-parser.js';
import { codeIn, readPage, tableBelow as tableOf } from './support/documents.js';

const test = suite('docs');

/** The rows of the table below a heading of a page in docs/, as cells; the heading's own row is left out. */
const tableBelow = (page: string, heading: string): string[][] => tableOf(readPage(`docs/${page}`), heading);

test('every flag of a balancer is in its table, with the default that is in force', () => {
  const rows = tableBelow('flags.md', '## `meercat balancer`').filter(([first = '']) => !first.startsWith('**'));
  const flags = BALANCER_FLAGS.flatMap(([, each]) => each);
  assert.equal(
    rows.map(([first = '']) => codeIn(first)[0]),
    flags.map((flag) => flag.flags),
  );
  for (const [index, { field, shown, parse = (text: string) => text, flags: name, isRepeatable }] of flags.entries()) {
    if (shown === '') continue;
    assert.is(rows[index]?.[1], shown, name);
    const fallback = (DEFAULTS as Readonly<Record<string, unknown>>)[field];
    assert.equal(parse(shown), isRepeatable ? (fallback as readonly unknown[])[0] : fallback, name);
  }
});

test('every field of the options of a program is in its table, with its flag, what it can be and its default', () => {
  const order = BALANCER_FLAGS.flatMap(([, flags]) => flags.map(({ field }) => field));
  const withoutFlag = (Object.keys(FIELDS) as (keyof typeof FIELDS)[]).filter((field) => !order.includes(field));
  assert.equal(
    tableBelow('library.md', '## The fields of a balancer'),
    [...order, ...withoutFlag].map((field) => {
      const { flag, allowed } = FIELDS[field];
      return [`\`${field}\``, flag === '' ? '–' : `\`${flag}\``, allowed, `\`${JSON.stringify(DEFAULTS[field])}\``];
    }),
  );
  for (const [heading, fields] of [
    ['## `startAgent(options, log?)`', AGENT_FIELDS],
    ['## `readFleet(options?)`', FLEET_FIELDS],
  ] as const)
    assert.equal(
      tableBelow('library.md', heading).map(([field = '', flag = '']) => [codeIn(field)[0], codeIn(flag)[0] ?? '']),
      Object.entries(fields).map(([field, { flag }]) => [field, flag]),
    );
});

test('every export of the package is in the list at the top of its page, with a section of its own', () => {
  const { text } = readPage('docs/library.md');
  const [list = ''] = /\n\| export \|[^]*?\n\n/.exec(text) ?? [];
  const names = [...list.matchAll(/^\| \[`(\w+)`\]/gm)].map(([, name]) => name as string);
  assert.equal(names.toSorted(), Object.keys(library).toSorted());
  assert.ok(text.indexOf(list) < text.indexOf('\n## '), 'at the top');
  for (const name of names) assert.match(text, new RegExp(`^## \`${name}\\b`, 'm'));
});

test('every code of an error is in its table', () => {
  const { text } = readPage('docs/flags.md');
  const [table = ''] = /\n\| code \| when \|\n[^]*?\n\n/.exec(text) ?? [];
  assert.equal(
    [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code),
    [...ERROR_CODES, 'MEERCAT_INTERNAL'],
  );
});

test('every answer of a balancer itself is in its table', () => {
  const rows = tableBelow('http.md', '## Answers of a balancer itself').map(([status, code = '', meaning]) => [
    Number(status),
    codeIn(code)[0],
    meaning,
  ]);
  assert.equal(
    rows,
    Object.entries(ANSWERS).map(([code, { status, message }]) => [status, code, message]),
  );
});

const RULES = { ...DEFAULTS };

function headOf(lines: readonly string[]): RequestHead {
  const head = readRequestHead(`POST / HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, RULES);
  if (isRefusal(head)) throw new Error(`refused: ${head.counter}`);
  return head;
}

/** A value that the header of this name can have, and that nobody else would set. */
function sampleOf(name: string): string {
  const samples: Readonly<Record<string, string>> = {
    Host: 'sample.example',
    'Content-Length': '4711',
    'Transfer-Encoding': 'chunked',
    Expect: '100-continue',
  };
  return samples[name] ?? 'x-sample';
}

const valuesOf = (headers: readonly string[], name: string): string[] =>
  headers.filter((_, i) => i % 2 === 1 && headers[i - 1]?.toLowerCase() === name.toLowerCase());

function check(what: string | undefined, name: string, headers: readonly string[]): void {
  const values = valuesOf(headers, name);
  const sample = sampleOf(name);
  const passed = values.filter((value) => value === sample).length;
  switch (what) {
    case 'passes':
      assert.equal(values, [sample], name);
      break;
    case 'dropped':
      // A chunked body has a framing of its own on each side.
      if (name !== 'Transfer-Encoding') assert.equal(values, [], name);
      break;
    case 'set':
      assert.ok(values.length === 1 && passed === 0, `${name}: ${values.join()}`);
      break;
    case 'added':
      assert.ok(values.length === 2 && passed === 1, `${name}: ${values.join()}`);
      break;
    default:
      throw new Error(`${name}: what is "${what}"?`);
  }
}

test('what is said to be forwarded is, both ways', () => {
  const client = clientFacts('192.0.2.9', 8080, false, false);
  const names = new Set<string>();
  for (const [cell = '', toHost, toClient] of tableBelow('http.md', '## Forwarded')) {
    for (const name of codeIn(cell).filter((each) => !each.endsWith('-'))) {
      names.add(name);
      const others = name === 'Host' ? [] : ['Host: other.example'];
      const request = headOf([...others, `${name}: ${sampleOf(name)}`]);
      // The id is in a line that the request's exchange adds.
      check(toHost, name, [...requestHeaders(request, client, { authority: 'h:1', pseudonym: 'me' }), 'X-Request-Id', 'made']);
      check(toClient, name, responseHeaders({ headers: [name, sampleOf(name)], status: 200, framing: 'length' }, true));
    }
  }
  for (const name of ['Connection', 'Via', 'Forwarded', 'X-Forwarded-For', 'Cookie']) assert.ok(names.has(name), name);
});

test('what a host may take for a header that does not pass as it came has an odd name', () => {
  let tried = 0;
  for (const [cell = '', toHost] of tableBelow('http.md', '## Forwarded')) {
    if (toHost === 'passes') continue;
    for (const name of codeIn(cell).filter((each) => each.includes('-'))) {
      for (const sign of ['_', '.', '+']) assert.ok(isOddName(name.replaceAll('-', sign)), `${name} with ${sign}`);
      assert.not.ok(isOddName(name), name);
      tried++;
    }
  }
  assert.ok(tried > 8);
});

test('every claim of origin is in the table, is dropped of a peer that is not trusted, and passes of one that is', () => {
  const names = tableBelow('http.md', '## Forwarded').flatMap(([cell = '']) => codeIn(cell));
  const proxy = clientFacts('192.0.2.9', 8080, false, true);
  const rules = { authority: 'h:1', pseudonym: 'me' };
  for (const claim of CLAIMS) {
    const name = names.find((each) => each.toLowerCase() === claim);
    assert.ok(name !== undefined, claim);
    if (name === 'Forwarded') continue;
    assert.equal(valuesOf(requestHeaders(headOf(['Host: x', `${name}: x-sample`]), proxy, rules), name), ['x-sample'], name);
  }
});

const RECORD: AccessRecord = {
  ...{
    id: 'i',
    clientAddress: 'c',
    peerAddress: 'p',
    method: 'GET',
    target: '/',
    httpVersion: '1.1',
    grpcStatus: -1,
    host: 'h',
    status: 200,
    bytesOut: 1,
    bytesIn: 2,
  },
  ...{ userAgent: 'u', referer: 'r', queueMs: 1, connectMs: 2, firstByteMs: 3, totalMs: 4, hostName: 'n', attempts: 1, outcome: 'ok' },
  ...{ routeLine: 7, pool: 'default' },
  ...{ code: 'x', reason: 'y', isTls: false, startedEpochMs: 0 },
};

test('every field of the access log is in its table, with its name in both formats', () => {
  const rows = tableBelow('http.md', '## Access log');
  assert.equal(
    rows.flatMap(([, json = '']) => codeIn(json)).toSorted(),
    Object.keys(JSON.parse(formatAccess('json', RECORD)) as object).toSorted(),
  );
  assert.equal(
    rows.flatMap(([common = '']) => codeIn(common)).toSorted(),
    [...formatAccess('common', RECORD).matchAll(/ ([a-z]+)=/g)].map(([, name]) => name as string).toSorted(),
  );
});

test('whatever is said to be refused has a reason in words', () => {
  const reasons = new Set<string>();
  for (const [requests = ''] of tableBelow('http.md', '## Refused')) {
    for (const request of codeIn(requests).filter((text) => text.includes('⏎'))) {
      const parser = new RequestParser(RULES);
      const bytes = Buffer.from(request.replaceAll('⏎', '\r\n'), 'latin1');
      let offset = 0;
      do offset = parser.read(bytes, offset);
      while (parser.step !== 'refused' && parser.step !== 'more');
      const reason = whyRefused(parser.refusal as Refusal, bytes.toString('latin1', offset), RULES);
      assert.match(reason, /^[ -~]{4,120}$/, request);
      reasons.add(reason);
    }
  }
  assert.ok(reasons.size > 20, [...reasons].join('\n'));
});

test('what is said to be refused is, with that answer and that counter', () => {
  let tried = 0;
  const counters = new Set<string>();
  for (const [requests = '', status, counter = ''] of tableBelow('http.md', '## Refused')) {
    const [counted] = codeIn(counter);
    counters.add(counted as string);
    for (const request of codeIn(requests).filter((text) => text.includes('⏎'))) {
      const parser = new RequestParser(RULES);
      const bytes = Buffer.from(request.replaceAll('⏎', '\r\n'), 'latin1');
      let offset = 0;
      do offset = parser.read(bytes, offset);
      while (parser.step !== 'refused' && parser.step !== 'more');
      assert.is(parser.step, 'refused', request);
      assert.is(parser.refusal?.counter, counted, request);
      assert.is(String(ANSWERS[parser.refusal?.code as keyof typeof ANSWERS].status), status, request);
      tried++;
    }
  }
  assert.ok(tried > 25);
  for (const counter of counters) assert.ok((COUNTERS as readonly string[]).includes(counter), counter);
});

test.run();
