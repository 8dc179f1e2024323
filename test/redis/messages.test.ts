// Messages from outside: valid ones survive the round trip, and invalid ones are dropped with the right reason. No
// message makes a decoder throw; the fuzz tests are in messages-fuzz.test.ts.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { HostTable, LoadMessage, Report } from '../../lib/model.js';
import type { Decoded } from '../../lib/redis/decode.js';
import { decodeEvent, encodeEvent, EVENT_KINDS } from '../../lib/redis/event-message.js';
import { decodeLoad, encodeLoad } from '../../lib/redis/load-message.js';
import { decodeReport, encodeReport } from '../../lib/redis/report-message.js';
import { decodeTable, encodeTable } from '../../lib/redis/table-message.js';
import { buildChange, buildRow, buildTable } from '../support/host-rows.js';

const test = suite('messages');

const REPORT: Report = {
  host: 'h1',
  url: 'http://10.0.0.7:8080',
  cpu: 0.31,
  memory: 0.42,
  cores: 1.5,
  rps: 12.5,
  bye: false,
  intervalMs: 1000,
};
const LOAD: LoadMessage = {
  balancer: 'b1',
  instance: 'i-1',
  seq: 12,
  classes: [
    [0, '(rest)'],
    [3, 'GET /a/:id'],
  ],
  said: [[3, 1, 4.5]],
  isFull: true,
  statics: [{ name: 's1', url: 'https://s1.example' }],
  hosts: [
    {
      host: 'h1',
      inflight: 3,
      open: 9,
      longLived: 2,
      work: 12.25,
      served: 1e12,
      meanInflight: 2.5,
      evidence: { work: 5, durations: 6.5, workSquares: 7, workByDuration: 8, durationSquares: 9 },
      counts: [0, 2, 30.5, 3, 1, 7],
    },
    {
      host: 'constructor',
      inflight: 0,
      open: 0,
      longLived: 0,
      work: 0,
      served: 0,
      meanInflight: 0,
      evidence: { work: 0, durations: 0, workSquares: 0, workByDuration: 0, durationSquares: 0 },
      counts: [],
    },
  ],
};
const TABLE: HostTable = buildTable(3, 9, [
  buildRow('h1', { cpu: 0.123456, ageMs: 250, inflight: 7, longLived: 3, open: 12, fleetRps: 88.5, rps: 3 }),
  buildRow('toString', { state: 'down', isStatic: true, cpu: null, memory: null, cores: null, ageMs: null }),
]);

const reasonOf = (decoded: Decoded<unknown>) => (decoded.ok ? 'ok' : decoded.reason);
const valueOf = <T>(decoded: Decoded<T>): T => {
  assert.ok(decoded.ok, reasonOf(decoded));
  return (decoded as { value: T }).value;
};

/** The text of a message with some fields changed; a field that is undefined is left out. */
const changed = (text: string, fields: Record<string, unknown>) => JSON.stringify({ ...(JSON.parse(text) as object), ...fields });
const report = (fields: Record<string, unknown>) => reasonOf(decodeReport(changed(encodeReport(REPORT), fields)));
const load = (fields: Record<string, unknown>) => reasonOf(decodeLoad(changed(encodeLoad(LOAD), fields)));
const table = (fields: Record<string, unknown>) => reasonOf(decodeTable(changed(encodeTable(TABLE), fields)));
const row = (fields: Record<string, unknown>) => {
  const [first] = (JSON.parse(encodeTable(TABLE)) as { hosts: object[] }).hosts;
  return table({ hosts: [{ ...first, ...fields }] });
};

const HOSTILE_NAMES = [
  '',
  ' ',
  'a b',
  'a\n',
  '\na',
  'a\u0000b',
  '\u001b[31mred',
  '__proto__',
  '-a',
  '.a',
  ':a',
  '_a',
  'ä',
  '名',
  '\u202ea',
  'a/b/c',
  'a.b/h',
  'default/h',
  '/h',
  'a/',
  'a*',
  'a{b}',
  'a\\',
  '🦦',
  'a'.repeat(129),
  'a'.repeat(10_000),
  7,
  null,
  ['a'],
  { a: 1 },
  true,
];
const HOSTILE_URLS = [
  'javascript:alert(1)',
  'ftp://h',
  'file:///etc/passwd',
  'ws://h',
  '//h',
  'h:80',
  'http://',
  'http://user@h',
  'http://user:pw@h',
  'http://:pw@h',
  'http://h/path',
  'http://h/?q',
  'http://h/#f',
  'http://h:0',
  'http://h:65536',
  'http://h:-1',
  'http://h h',
  'http://[::1',
  `http://${'h'.repeat(600)}`,
  '',
  null,
  7,
  {},
];

test('reports survive the round trip, with unknown figures and as a goodbye', () => {
  for (const each of [
    REPORT,
    { ...REPORT, cpu: null, memory: null, cores: null, rps: null },
    { ...REPORT, bye: true, cpu: 0, memory: 1, intervalMs: 50 },
    { ...REPORT, via: 'inband' as const, eps: 2 },
    { ...REPORT, instance: '5f3c0c0e-9c4f-4b7a-8a55-0d1f6f2f7a11' },
  ]) {
    assert.equal(valueOf(decodeReport(encodeReport(each))), each);
  }
});

test('an instance that is no plain name drops the report', () => {
  for (const instance of ['', 'a b', 7, null, 'x'.repeat(129)]) assert.is(report({ instance }), 'name', String(instance));
});

test('an in-band report can’t be a goodbye, and there is no other origin than agent and in-band', () => {
  assert.equal(
    [
      report({ via: 'inband' }),
      report({ via: 'inband', bye: true }),
      report({ via: 'other' }),
      report({ via: 1 }),
      report({ eps: -1 }),
      report({ eps: '1' }),
    ],
    ['ok', 'malformed', 'malformed', 'malformed', 'out_of_range', 'out_of_range'],
  );
});

test('load messages survive the round trip; only whole ones name static hosts', () => {
  assert.equal(valueOf(decodeLoad(encodeLoad(LOAD))), LOAD);
  assert.equal(valueOf(decodeLoad(encodeLoad({ ...LOAD, isFull: false }))), { ...LOAD, isFull: false, statics: [] });
});

test('tables survive the round trip, whole and in part', () => {
  assert.equal(valueOf(decodeTable(encodeTable(TABLE))), TABLE);
  const part = { ...buildChange(3, 12, TABLE.hosts, ['h7', 'h8']), previousSeq: 9 };
  assert.equal(valueOf(decodeTable(encodeTable(part))), part);
  const figures = [
    { name: 'h3', cpu: 0.123456, memory: 0.5, cores: 1.5, ageMs: 12 },
    { name: 'h4', cpu: null, memory: null, cores: null, ageMs: null },
  ];
  const some = { inflight: 3, work: 12.25, capacity: 2.5, speed: null };
  const loads = [
    { name: 'h3', ...some, longLived: 0 },
    { name: 'h4', ...some, longLived: 200 },
  ];
  const loaded = { ...part, figures, loads, acks: [['b1', 7]] as const, everyMs: 52 };
  assert.equal(valueOf(decodeTable(encodeTable(loaded))), loaded);
  const empty = buildTable(1, 0, []);
  assert.equal(valueOf(decodeTable(encodeTable(empty))), empty);
});

test('one bad figure of the master does not lose the table: it writes only what balancers accept', () => {
  for (const wrong of [1e9, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e300]) {
    const figures = { work: wrong, capacity: wrong, speed: wrong };
    const hosts = TABLE.hosts.map((each) => Object.assign({}, each, figures, { fleetRps: wrong }));
    const loads = [{ name: 'h1', inflight: -1, longLived: -1, ...figures }];
    const taken = valueOf(decodeTable(encodeTable({ ...TABLE, hosts, loads })));
    assert.equal([taken.hosts.length, taken.loads.map(({ inflight }) => inflight)], [hosts.length, [0]], String(wrong));
  }
});

test('events survive the round trip, and the line says when', () => {
  const at = new Date(1e12);
  for (const kind of EVENT_KINDS) {
    const event = { kind, name: 'b1', term: 4, detail: 'the reason' };
    assert.equal(valueOf(decodeEvent(encodeEvent(event, at))), event);
    assert.equal(valueOf(decodeEvent(encodeEvent({ kind, name: 'b1' }, at))), { kind, name: 'b1' });
  }
  assert.is((JSON.parse(encodeEvent({ kind: 'host-up', name: 'h' }, at)) as { at: string }).at, '2001-09-09T01:46:40.000Z');
});

test('what is not a JSON object is malformed', () => {
  const texts: unknown[] = [
    '',
    'x',
    '{',
    'null',
    '1',
    '"text"',
    '[]',
    '[{"v":1}]',
    'NaN',
    '{"v":1,}',
    '\u0000',
    `${'['.repeat(2000)}`,
    null,
    undefined,
    7,
    {},
  ];
  for (const text of texts) {
    for (const decode of [decodeReport, decodeLoad, decodeTable, decodeEvent]) assert.is(reasonOf(decode(text)), 'malformed', String(text));
  }
});

test('another version is distinguished from a malformed message', () => {
  for (const v of [0, 2, '1', null, undefined, [1], 1.5]) {
    assert.equal([report({ v }), load({ v }), table({ v })], ['version', 'version', 'version']);
    assert.is(reasonOf(decodeEvent(changed(encodeEvent({ kind: 'host-up', name: 'h' }, new Date(0)), { v }))), 'version');
  }
});

test('an oversized message is not parsed', () => {
  assert.is(report({ x: 'x'.repeat(4096) }), 'oversized');
  assert.is(load({ x: 'x'.repeat(8 << 20) }), 'oversized');
  assert.is(table({ x: 'x'.repeat(16 << 20) }), 'oversized');
  assert.is(reasonOf(decodeEvent(`"${'x'.repeat(5000)}`)), 'oversized');
});

test('hostile names are dropped in every field', () => {
  for (const name of HOSTILE_NAMES) {
    const isLong = typeof name === 'string' && name.length > 4000;
    assert.is(report({ host: name }), isLong ? 'oversized' : 'name', JSON.stringify(name));
    assert.is(load({ balancer: name }), 'name');
    assert.is(load({ instance: name }), 'name');
    assert.is(load({ hosts: [[name, 1, 1]] }), 'name');
    assert.is(load({ statics: [{ name, url: 'http://h' }] }), 'name');
    assert.is(row({ name }), 'malformed');
    assert.is(table({ gone: ['fine', name] }), 'name');
    assert.not.equal(reasonOf(decodeEvent(JSON.stringify({ v: 1, event: 'host-up', name }))), 'ok');
  }
});

test('the id of a host in another pool than default is accepted where hosts are named, and nowhere else', () => {
  const id = 'api/h1';
  assert.is(load({ hosts: [[id, ...Array<number>(11).fill(0)]] }), 'ok');
  assert.is(load({ statics: [{ name: id, url: 'http://h' }] }), 'ok');
  assert.is(row({ name: id }), 'ok');
  assert.is(table({ gone: [id], figures: [[id, 0, 0, 0, 0]], loads: [[id, 0, 0, 0, 0]] }), 'ok');
  const event = (kind: string) => reasonOf(decodeEvent(JSON.stringify({ v: 1, event: kind, name: id })));
  assert.equal([event('host-up'), event('balancer-joined')], ['ok', 'name']);
  assert.equal([report({ host: id }), load({ balancer: id }), load({ instance: id })], ['name', 'name', 'name']);
});

test('the DNS name of a host is a name, perhaps with a port, and survives the round trip', () => {
  const found = { name: 's', url: 'https://10.0.0.7', authority: 'api.test:8443' };
  assert.equal(valueOf(decodeLoad(encodeLoad({ ...LOAD, statics: [found] }))).statics, [found]);
  const [first] = valueOf(decodeTable(encodeTable(buildTable(3, 9, [buildRow('h1', { authority: 'api.test' })])))).hosts;
  assert.is(first?.authority, 'api.test');
  for (const authority of ['', 'a b', 'a/b', 'u@h', 'a:99999', 'a:', '\u001b[31m', 'a\r\nx', 'ä', 'x'.repeat(300), null, 7, {}]) {
    assert.equal([load({ statics: [{ ...found, authority }] }), row({ authority })], ['malformed', 'malformed'], JSON.stringify(authority));
  }
});

test('the weight of a host survives the round trip, is written where it is not 1, and is above 0 and at most 1000', () => {
  const found = { name: 's', url: 'https://10.0.0.7' };
  const staticsOf = (weight: number) => valueOf(decodeLoad(encodeLoad({ ...LOAD, statics: [{ ...found, weight }] }))).statics;
  const rowsOf = (weight: number) => valueOf(decodeTable(encodeTable(buildTable(3, 9, [buildRow('h1', { weight })])))).hosts;
  for (const weight of [0.001, 2, 1000]) {
    assert.equal(staticsOf(weight), [{ ...found, weight }]);
    assert.equal(rowsOf(weight), [{ ...buildRow('h1'), weight }]);
  }
  assert.equal([staticsOf(1), rowsOf(1)], [[found], [buildRow('h1')]]);
  for (const weight of [0, -1, 1000.1, -0.5, '2', null, [], {}]) {
    assert.equal([load({ statics: [{ ...found, weight }] }), row({ weight })], ['malformed', 'malformed'], JSON.stringify(weight));
  }
});

test('a report names 1 to 16 pools, each once; without the field it means the pool default, which is not written', () => {
  const pools = Array.from({ length: 16 }, (_, i) => `p${i}`);
  assert.equal(valueOf(decodeReport(encodeReport({ ...REPORT, pools }))).pools, pools);
  assert.equal(valueOf(decodeReport(encodeReport({ ...REPORT, pools: ['default', 'api'] }))).pools, ['default', 'api']);
  assert.is(encodeReport({ ...REPORT, pools: ['default'] }), encodeReport(REPORT));
  assert.equal(valueOf(decodeReport(encodeReport(REPORT))).pools, undefined);
  for (const wrong of [[], [...pools, 'p16'], ['a', 'a'], ['a', 'a/b'], ['a.b'], ['x'.repeat(64)], ['__proto__'], 'a', null, {}, [7]]) {
    assert.is(report({ pools: wrong }), 'name', JSON.stringify(wrong));
  }
  const longest = pools.map((name) => name.padEnd(63, 'x'));
  const most = { ...REPORT, host: 'h'.repeat(128), url: `http://${'a.'.repeat(250)}b`, pools: longest, instance: 'i'.repeat(128) };
  assert.equal(valueOf(decodeReport(encodeReport(most))).pools, longest);
});

test('names such as `constructor` are ordinary names', () => {
  for (const name of ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'A', '0', 'h-1.eu:8080_x', 'a'.repeat(128)]) {
    assert.is(report({ host: name }), 'ok');
    assert.is(row({ name }), 'ok');
  }
});

test('URLs that are not a plain origin are dropped in every field', () => {
  for (const url of HOSTILE_URLS) {
    assert.equal(
      [report({ url }), row({ url }), load({ statics: [{ name: 's', url }] })],
      ['malformed', 'malformed', 'malformed'],
      JSON.stringify(url),
    );
  }
});

test('URLs are normalized', () => {
  for (const [given, origin] of [
    ['HTTP://H:80/', 'http://h'],
    ['https://h:443', 'https://h'],
    ['http://[0:0::1]:81', 'http://[::1]:81'],
    ['http://10.1', 'http://10.0.0.1'],
  ]) {
    assert.is(valueOf(decodeReport(changed(encodeReport(REPORT), { url: given }))).url, origin);
  }
});

test('figures out of range drop the report; absent or null ones are unknown', () => {
  const wrong: unknown[] = [-0.1, 1.1, -1e308, 1e308, 'NaN', '0.5', '', true, [], {}, [0.5]];
  for (const figure of wrong) {
    for (const field of ['cpu', 'memory']) assert.is(report({ [field]: figure }), 'out_of_range', `${field} ${String(figure)}`);
  }
  for (const [field, figure] of [
    ['cores', -1],
    ['cores', 4097],
    ['rps', -1],
    ['rps', 1.1e9],
    ['interval', 49],
    ['interval', 60_001],
    ['interval', '1000'],
    ['cores', '4'],
  ] as const) {
    assert.is(report({ [field]: figure }), 'out_of_range', `${field} ${figure}`);
  }
  const bare = valueOf(decodeReport('{"v":1,"host":"h","url":"http://h"}'));
  assert.equal(bare, { host: 'h', url: 'http://h', cpu: null, memory: null, cores: null, rps: null, bye: false, intervalMs: 1000 });
});

test('infinite numbers (1e999 parses as Infinity) are dropped in every field', () => {
  for (const number of ['1e999', '-1e999']) {
    const put = (text: string, from: RegExp) => {
      assert.match(text, from);
      return text.replace(from, `$1${number}`);
    };
    for (const field of ['cpu', 'memory', 'cores', 'rps', 'interval']) {
      assert.is(reasonOf(decodeReport(put(encodeReport(REPORT), new RegExp(`("${field}":)[\\d.]+`)))), 'out_of_range', field);
    }
    for (const field of ['term', 'seq', 'cpu', 'memory', 'cores', 'rps', 'age', 'inflight', 'fleet_rps']) {
      assert.is(reasonOf(decodeTable(put(encodeTable(TABLE), new RegExp(`("${field}":)[\\d.]+`)))), 'malformed', field);
    }
    assert.is(reasonOf(decodeLoad(put(encodeLoad(LOAD), /(\["h1",)3/))), 'malformed');
    assert.is(reasonOf(decodeLoad(put(encodeLoad(LOAD), /(\["h1",3,)1\d+/))), 'malformed');
  }
});

test('a goodbye and other flags must be booleans', () => {
  for (const bye of ['true', 1, 0, null, {}]) assert.is(report({ bye }), 'malformed');
  for (const full of ['true', 1, {}]) assert.is(valueOf(decodeLoad(changed(encodeLoad(LOAD), { full }))).isFull, false);
});

test('counts must be counts', () => {
  for (const count of [-1, 1.5, 2 ** 53, '1', null, undefined, [], 'NaN']) {
    assert.equal([load({ hosts: [['h', count, 1]] }), load({ hosts: [['h', 1, count]] })], ['malformed', 'malformed'], String(count));
    assert.equal([table({ term: count }), table({ seq: count }), row({ inflight: count })], ['malformed', 'malformed', 'malformed']);
    assert.is(table({ full: undefined, prev: count }), 'malformed');
  }
  assert.equal(
    [load({ hosts: [['h', 2 ** 31, 1]] }), row({ inflight: 2 ** 31 }), row({ long_lived: 2 ** 31 }), row({ open: -1 }), table({ term: 0 })],
    ['malformed', 'malformed', 'malformed', 'malformed', 'malformed'],
  );
});

test('a table that both adds and removes a host is rejected', () => {
  assert.is(table({ gone: ['h-other', TABLE.hosts[0]?.name] }), 'malformed');
});

test('figures about responses must be non-negative numbers', () => {
  const [first] = (JSON.parse(encodeLoad(LOAD)) as { hosts: unknown[][] }).hosts as [unknown[]];
  const withAt = (at: number, value: unknown) => load({ hosts: [first.with(at, value)] });
  assert.is(withAt(5, 1), 'ok');
  for (const at of [5, 6])
    for (const value of [-1, '1', null, [], {}, true, 2 ** 60]) assert.is(withAt(at, value), 'malformed', `${at} ${String(value)}`);
});

test('lists must hold valid entries, and 100,000 invalid ones are dropped quickly', () => {
  for (const hosts of [null, undefined, {}, 'h', 7, [null], [7], [{}], [[]], [['h']], ['h']]) {
    assert.not.equal(load({ hosts }), 'ok', JSON.stringify(hosts));
    assert.not.equal(table({ hosts }), 'ok', JSON.stringify(hosts));
  }
  for (const list of [{}, 'x', 7, null])
    assert.equal(
      [load({ statics: list }), table({ gone: list }), table({ figures: list }), table({ loads: list })],
      Array(4).fill('malformed'),
    );
  for (const entry of [
    null,
    7,
    {},
    [],
    ['a b', 0.5, 0.5, 4, 10],
    ['h', 1.1, 0.5, 4, 10],
    ['h', 0.5, -1, 4, 10],
    ['h', 0.5, 0.5, '4', 10],
    ['h', 0.5, 0.5, 4, -1],
  ])
    assert.is(table({ figures: [entry] }), 'malformed', JSON.stringify(entry));
  assert.is(table({ figures: [['h']] }), 'ok', 'nothing is known of it');
  for (const every of [-1, '52', 10_001, [], {}]) assert.is(table({ every }), 'malformed', JSON.stringify(every));
  const many = Array.from({ length: 100_000 }, () => [null, -1]);
  const before = process.cpuUsage();
  assert.equal([load({ hosts: many }), table({ hosts: many }), table({ gone: many })], ['name', 'malformed', 'name']);
  assert.ok(process.cpuUsage(before).user < 2_000_000, 'two seconds of CPU');
});

test('a state that does not exist drops the table', () => {
  for (const state of ['UP', '', null, 0, 'length', '0', ['up']]) assert.is(row({ state }), 'malformed', String(state));
});

test('control characters in an event’s detail do not reach a terminal, and a long one is cut', () => {
  const detail = `\u001b[31mred\u0007\n${'x'.repeat(500)}`;
  const event = valueOf(decodeEvent(JSON.stringify({ v: 1, event: 'host-down', name: 'h', detail })));
  assert.is(event.detail?.length, 200);
  assert.match(event.detail ?? '', /^\?\[31mred\?\?xxx/);
  for (const wrong of [{ term: -1 }, { term: '1' }, { detail: 7 }, { event: 'no-such' }, { event: 'toString' }, { event: null }]) {
    assert.is(reasonOf(decodeEvent(JSON.stringify({ v: 1, event: 'host-down', name: 'h', ...wrong }))), 'malformed');
  }
});

test.run();
