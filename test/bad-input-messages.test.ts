// Invalid messages of many kinds on each channel of a running fleet: they are dropped and counted, as `status --json`
// shows, routing is unaffected, and nothing crashes.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { encodeReport } from '../lib/redis/report-message.js';
import { until, withServer } from './support/brackets.js';
import { deliverReport, KEYS, SLOW_MS, statusCounts, statusOf } from './support/fleet.js';
import { ask } from './support/http-client.js';
import { VICTIM, type Victim, withVictim } from './support/victim.js';

const test = suite('bad messages');

const OK_REPORT = { v: 1, host: 'bad', url: 'http://127.0.0.1:1', cpu: 0.1, memory: 0.1, cores: 4, interval: 1000 };
const OK_LOAD = { v: 1, balancer: 'b9', instance: 'i', seq: 1, hosts: [] as unknown[] };
/** A host of a load message with one element replaced. */
const loadHost = (at: number, value: unknown): unknown[] => ['good', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3].with(at, value as never);
const OK_ROW = {
  name: 'bad',
  url: 'http://127.0.0.1:1',
  state: 'up',
  cpu: null,
  memory: null,
  cores: null,
  rps: null,
  age: null,
  inflight: 0,
  fleet_rps: 0,
  work: 0,
  capacity: null,
  speed: null,
};
const OK_TABLE = { v: 1, term: 1, mastership: 'f00d'.repeat(8), seq: 1_000_000, full: true, hosts: [] as unknown[] };

const json = (fields: object, more: object): string => JSON.stringify({ ...fields, ...more });
/** The same with a raw number literal, which JSON.stringify would not produce. */
const withRaw = (fields: object, name: string, raw: string): string => JSON.stringify({ ...fields, [name]: '@' }).replace('"@"', raw);

const NO_JSON = [
  '',
  'x',
  '{',
  '{"v":1',
  'null',
  'true',
  '17',
  '"v"',
  '[]',
  '[{"v":1}]',
  '{"v":1}}',
  '\x00',
  '\ufeff{}',
  '{"v":NaN}',
  'undefined',
];
const OTHER_VERSIONS = [0, 2, -1, 1.5, '1', null, true, [1], { a: 1 }, 1e300];
const HOSTILE_NAMES = [
  '',
  ' ',
  'a b',
  '\x1b[2J\x1b[31mred',
  'a\nb',
  'a\r\nSET x 1',
  'a\x00b',
  'x'.repeat(129),
  'x'.repeat(3000),
  '__proto__',
  '-rf',
  '.',
  '..',
  '../../etc',
  'ä',
  '\u202eevil',
  '{}',
  '*',
  'a,b',
  'a"b',
  '<script>',
  17,
  null,
  true,
  ['a'],
  { toString: 'x' },
];

const REPORTS: Readonly<Record<string, readonly string[]>> = {
  reports_dropped_malformed: [
    ...NO_JSON,
    ...[
      '',
      'x',
      'ftp://a',
      'http://',
      'http://u:p@a',
      'http://a/path',
      'http://a?q',
      'http://a#f',
      'http://a:0',
      'http://a:99999',
      'javascript:alert(1)',
      `http://${'a'.repeat(600)}`,
      7,
      null,
      {},
    ].map((url) => json(OK_REPORT, { url })),
    ...['yes', 1, null, {}].map((bye) => json(OK_REPORT, { bye })),
  ],
  reports_dropped_oversized: [
    json(OK_REPORT, { padding: 'x'.repeat(4096) }),
    json(OK_REPORT, { host: 'x'.repeat(10_000) }),
    'x'.repeat(5_000_000),
  ],
  reports_dropped_out_of_range: [
    ...['cpu', 'memory', 'cores', 'rps', 'interval'].flatMap((name) =>
      ['-1', '-0.0001', '1e999', '-1e999', '1e300', '"0.5"', '"NaN"', '""', 'true', '[]', '{}', '[0.5]'].map((raw) =>
        withRaw(OK_REPORT, name, raw),
      ),
    ),
    ...[1.0001, 100].flatMap((value) => [json(OK_REPORT, { cpu: value }), json(OK_REPORT, { memory: value })]),
    ...[0, 49, 60_001].map((interval) => json(OK_REPORT, { interval })),
  ],
  reports_dropped_version: [json(OK_REPORT, { v: undefined }), ...OTHER_VERSIONS.map((v) => json(OK_REPORT, { v }))],
  reports_dropped_name: [json(OK_REPORT, { host: undefined }), ...HOSTILE_NAMES.map((host) => json(OK_REPORT, { host }))],
};

const LOADS: Readonly<Record<string, readonly string[]>> = {
  loads_dropped_malformed: [
    ...NO_JSON,
    ...HOSTILE_NAMES.flatMap((name) => [
      json(OK_LOAD, { balancer: name }),
      json(OK_LOAD, { instance: name }),
      json(OK_LOAD, { hosts: [[name, 0, 0]] }),
    ]),
    ...[null, {}, 'x', 7, [1], ['good'], [null], [['good']], [['good', 1, 0, 0]], [loadHost(0, null)], [[...loadHost(1, 1), 4]], [{}]].map(
      (hosts) => json(OK_LOAD, { hosts }),
    ),
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
      .flatMap((at) => [-1, '1', null, [], 2 ** 53 * 2].map((value) => [loadHost(at, value)]))
      .concat([[loadHost(1, 1.5)], [loadHost(1, 2 ** 31)], [loadHost(10, 64)]])
      .map((hosts) => json(OK_LOAD, { hosts })),
    '{"v":1,"balancer":"b9","instance":"i","seq":1,"hosts":[["good",1e999,0,0,0,0,0,0,0,0]]}',
    ...[null, -1, 1.5, '1', 2 ** 53].map((seq) => json(OK_LOAD, { seq })),
    ...['x', {}, [1], [[64, 1, 1]], [[1, -1, 1]], [[1, 1, -1]], [[1, 1]], [['1', 1, 1]]].map((said) => json(OK_LOAD, { said })),
    ...['x', {}, [1], [[64, 'GET /']], [[1, '']], [[1, 'a\u0000b']], [[1, 'x'.repeat(301)]], [['1', 'GET /']]].map((classes) =>
      json(OK_LOAD, { classes }),
    ),
    ...['x', {}, [1], [null], [{ name: 's' }], [{ name: 's', url: 'ftp://s' }], [{ name: '__proto__', url: 'http://s' }]].map((statics) =>
      json(OK_LOAD, { full: true, statics }),
    ),
  ],
  loads_dropped_oversized: [json(OK_LOAD, { padding: 'x'.repeat(8 << 20) })],
  loads_dropped_version: OTHER_VERSIONS.map((v) => json(OK_LOAD, { v })),
};

const TABLES: Readonly<Record<string, readonly string[]>> = {
  tables_dropped_malformed: [
    ...NO_JSON,
    ...[0, -1, 1.5, '1', null, 2 ** 53].flatMap((value) => [
      json(OK_TABLE, { term: value }),
      json(OK_TABLE, { seq: value === 0 ? -7 : value }),
    ]),
    ...[null, {}, 'x', [1], [null], ...HOSTILE_NAMES.map((name) => [{ ...OK_ROW, name }])].map((hosts) => json(OK_TABLE, { hosts })),
    ...[
      { url: 'x' },
      { state: 'fine' },
      { state: 0 },
      { cpu: 2 },
      { cpu: '1' },
      { inflight: -1 },
      { inflight: 2 ** 31 },
      { age: -1 },
      { fleet_rps: null },
      { cores: -1 },
    ].map((wrong) => json(OK_TABLE, { hosts: [{ ...OK_ROW, ...wrong }] })),
    json(OK_TABLE, { full: false }),
    ...[
      'x',
      [1],
      [[]],
      [['good', -1, 0, null, null]],
      [['good', 0, null, null, null]],
      [['good', 0, 0, 'x', null]],
      [['__proto__', 0, 0, null, null]],
    ].map((loads) => json(OK_TABLE, { loads })),
    ...['x', [1], [['b']], [['b', -1]], [['__proto__', 1]]].map((acks) => json(OK_TABLE, { acks })),
    ...['x', [1], [['GET /', 0]], [['GET /', 'x']], [['', 1]], [['GET /', 1e10]]].map((costs) => json(OK_TABLE, { costs })),
    ...['x', [7], ['__proto__'], {}].map((gone) => json(OK_TABLE, { gone })),
    'x'.repeat((16 << 20) + 1),
  ],
  tables_dropped_version: OTHER_VERSIONS.map((v) => json(OK_TABLE, { v })),
};

/** After this time a message counts as lost and is sent again. */
const LOST_MS = 5000;

/**
 * Publishes these messages and waits until the status shows that each was dropped, for the expected reason only.
 * Pub/sub has no delivery guarantee: on a slow machine a message of megabytes can cost the lease, and the next one is lost.
 */
async function areDropped({ client, each }: Victim, channel: string, messages: Readonly<Record<string, readonly string[]>>): Promise<void> {
  const before = new Map(Object.keys(messages).map((counter) => [counter, each.counter(counter)]));
  let repeats = 0;
  for (const [counter, texts] of Object.entries(messages)) {
    let goal = before.get(counter) as number;
    for (const text of texts) {
      goal++;
      let saidMs = Number.NEGATIVE_INFINITY;
      await until(
        async () => {
          if (each.counter(counter) >= goal) return true;
          if (performance.now() - saidMs > LOST_MS) {
            if (saidMs > 0) repeats++;
            await client.publish(channel, text);
            saidMs = performance.now();
          }
          return false;
        },
        { everyMs: 1, timeoutMs: SLOW_MS, what: () => `${counter} for ${text.slice(0, 200)}; the log:\n${each.lines.join('\n')}` },
      );
    }
  }
  for (const [counter, texts] of Object.entries(messages)) {
    const taken = each.counter(counter) - (before.get(counter) as number);
    assert.ok(taken >= texts.length && taken <= texts.length + repeats, `${counter}: ${taken} of ${texts.length}, ${repeats} said again`);
    await statusCounts(client, VICTIM, counter, texts.length);
  }
}

test('reports that are malformed, oversized, out of range, of other versions or under hostile names are dropped and counted', () =>
  withVictim((victim) => areDropped(victim, KEYS.reports, REPORTS)));

test('invalid load messages are dropped and counted, and do not change the requests in flight', () =>
  withVictim(async (victim) => {
    await areDropped(victim, KEYS.load, LOADS);
    assert.is(await victim.client.hget(KEYS.host('good'), 'inflight'), '0');
  }));

test('invalid host tables are dropped and counted, whoever published them', () =>
  withVictim((victim) => areDropped(victim, KEYS.stats, TABLES)));

test('invalid events are dropped and counted, and a forged one does no lasting harm', () =>
  withVictim(async (victim) => {
    const event = { v: 1, at: 'x', event: 'balancer-joined', name: 'b9' };
    await areDropped(victim, KEYS.events, {
      events_dropped: [
        ...NO_JSON,
        ...HOSTILE_NAMES.map((name) => json(event, { name })),
        ...OTHER_VERSIONS.map((v) => json(event, { v })),
        ...['', 'shutdown', 7, null].map((kind) => json(event, { event: kind })),
        json(event, { term: -1 }),
        json(event, { detail: 7 }),
        'x'.repeat(5000),
      ],
    });
    await victim.client.publish(KEYS.events, json(event, { event: 'master-released', name: VICTIM }));
    await victim.client.publish(KEYS.events, json(event, { event: 'balancer-left', name: VICTIM, detail: '\x1b[2J' }));
    await victim.isUnharmed();
    assert.is(victim.each.balancer.role, 'master');
  }));

test("a report for another's name from a new address is refused and counted, with or without a goodbye", () =>
  withVictim((victim) =>
    withServer(
      (_request, response) => void response.end('thief'),
      async ({ url }) => {
        const { client, each, goodUrl } = victim;
        for (let i = 0; i < 5; i++) await deliverReport(client, 'good', url, { cpu: 0 });
        await deliverReport(client, 'good', url, { bye: true });
        await statusCounts(client, VICTIM, 'reports_dropped_conflict', 6);
        await victim.isUnharmed();
        assert.equal(await client.hmget(KEYS.host('good'), 'url', 'state'), [goodUrl, 'up']);
        assert.is(each.counter('reports_dropped_conflict'), 6);
      },
    ),
  ));

test('names such as `constructor` are ordinary names', () =>
  withVictim((victim) =>
    withServer(
      (_request, response) => void response.end('odd'),
      async ({ url }) => {
        const names = ['constructor', 'toString', 'hasOwnProperty', 'valueOf', 'prototype', 'x'.repeat(128), 'A:b-c_d.e'];
        const { client, each, port } = { ...victim, port: victim.each.port };
        for (const name of names) await deliverReport(client, name, url, { intervalMs: 60_000 });
        await each.knows(names.length + 1);
        const bodies = new Set<string>();
        for (let i = 0; i <= names.length; i++) bodies.add((await ask(port)).body);
        assert.equal([...bodies].toSorted(), ['good', 'odd']);
        for (const name of names) await deliverReport(client, name, url, { bye: true });
        await each.knows(1);
      },
    ),
  ));

test('fields of a later version are ignored, and unknown figures stay unknown', () =>
  withVictim(async ({ client, each }) => {
    const known = each.counter('reports_taken');
    await client.publish(
      KEYS.reports,
      json(OK_REPORT, { host: 'new', cpu: null, memory: undefined, gpu: 0.5, __proto__: { cpu: 9 }, constructor: 1 }),
    );
    await until(() => each.counter('reports_taken') > known);
    await each.knows(2);
    await client.publish(
      KEYS.reports,
      encodeReport({
        host: 'new',
        url: 'http://127.0.0.1:1',
        cpu: null,
        memory: null,
        cores: null,
        rps: null,
        intervalMs: 1000,
        bye: true,
      }),
    );
    await each.knows(1);
  }));

test('a flood of invalid reports delays neither requests nor valid reports', () =>
  withVictim(async ({ client, each }) => {
    const pipeline = client.pipeline();
    for (let i = 0; i < 20_000; i++) pipeline.publish(KEYS.reports, i % 2 === 0 ? 'x' : json(OK_REPORT, { cpu: -1 }));
    const flood = pipeline.exec();
    for (let i = 0; i < 20; i++) assert.is((await ask(each.port)).body, 'good');
    await flood.catch(() => undefined);
    await until(() => each.counter('reports_dropped_malformed') + each.counter('reports_dropped_out_of_range') === 20_000, {
      timeoutMs: 10_000,
      what: 'all to be counted',
    });
    const taken = each.counter('reports_taken');
    await until(() => each.counter('reports_taken') > taken + 2);
    await until(async () => (await statusOf(client, VICTIM))?.role === 'master');
  }));

test.run();
