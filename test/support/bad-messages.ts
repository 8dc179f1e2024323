// Invalid messages of many kinds for each of the fleet's channels, by the counter of the reason for which each is dropped.

/** A report that would be taken. */
export const OK_REPORT = { v: 1, host: 'bad', url: 'http://127.0.0.1:1', cpu: 0.1, memory: 0.1, cores: 4, interval: 1000 };
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

/** A message with some fields replaced; an undefined one is left out. */
export const json = (fields: object, more: object): string => JSON.stringify({ ...fields, ...more });
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

/** Reports that are dropped, by the counter that counts them. */
export const BAD_REPORTS: Readonly<Record<string, readonly string[]>> = {
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
  reports_dropped_name: [
    json(OK_REPORT, { host: undefined }),
    ...[...HOSTILE_NAMES, 'api/h1'].map((host) => json(OK_REPORT, { host })),
    ...HOSTILE_NAMES.map((pool) => json(OK_REPORT, { pools: ['api', pool] })),
    ...[[], null, 'api', {}, ['api', 'api'], ['api/h1'], ['a.b'], Array.from({ length: 17 }, (_, i) => `p${i}`)].map((pools) =>
      json(OK_REPORT, { pools }),
    ),
  ],
};

/** Load messages that are dropped, by the counter that counts them. */
export const BAD_LOADS: Readonly<Record<string, readonly string[]>> = {
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

const OK_FIGURES = { v: 1, balancer: 'b9', instance: 'i', seq: 1, seconds: 1, pools: [], hosts: [], slowest: [] };
const OK_SLOW = ['id-1', 1_800_000_000_000, 812.5, 'GET /', 'default', 'h1', 200];
const BAD_LATENCIES = [
  [1],
  [-1, 1],
  [542, 1],
  [1.5, 1],
  ['1', 1],
  [1, 0],
  [1, -1],
  [1, 1.5],
  [1, '1'],
  [1, 2 ** 31],
  [5, 1, 4, 1],
  [5, 1, 5, 1],
  [null, 1],
];

/** Figures of a balancer that are dropped, by the counter that counts them. */
export const BAD_FIGURES: Readonly<Record<string, readonly string[]>> = {
  figures_dropped_malformed: [
    ...NO_JSON,
    ...HOSTILE_NAMES.flatMap((name) => [
      json(OK_FIGURES, { balancer: name }),
      json(OK_FIGURES, { instance: name }),
      json(OK_FIGURES, { hosts: [[name, 0, 0, '']] }),
      ...(name === '' ? [] : [json(OK_FIGURES, { pools: [[name, 0, 0, 0]] })]),
    ]),
    ...[null, -1, 1.5, '1', 2 ** 53].map((seq) => json(OK_FIGURES, { seq })),
    ...[null, 0, -1, '1', 61, 1e300].map((seconds) => json(OK_FIGURES, { seconds })),
    ...[null, {}, 'x', 7, [1], [null], [[]], [['a']], [['a', 1, 1]]].flatMap((wrong) => [
      json(OK_FIGURES, { pools: wrong }),
      json(OK_FIGURES, { hosts: wrong }),
      json(OK_FIGURES, { slowest: wrong }),
    ]),
    ...[1, 2, 3].flatMap((at) =>
      [-1, 1.5, '1', null, [], 2 ** 31].map((wrong) => json(OK_FIGURES, { pools: [['a', 1, 1, 1].with(at, wrong as never)] })),
    ),
    ...[1, 2].flatMap((at) =>
      [-1, 1.5, '1', null, [], 2 ** 31].map((wrong) => json(OK_FIGURES, { hosts: [['a', 1, 1, ''].with(at, wrong as never)] })),
    ),
    ...[7, null, [], 'x'.repeat(201), '\x1b[2J', '\u202e'].map((ejected) => json(OK_FIGURES, { hosts: [['a', 1, 1, ejected]] })),
    ...BAD_LATENCIES.flatMap((latency) => [
      json(OK_FIGURES, { pools: [['a', 1, 1, 1, ...latency]] }),
      json(OK_FIGURES, { hosts: [['a', 1, 1, '', ...latency]] }),
    ]),
    json(OK_FIGURES, {
      pools: [
        ['a', 1, 1, 1],
        ['a', 1, 1, 1],
      ],
    }),
    json(OK_FIGURES, {
      hosts: [
        ['a', 1, 1, ''],
        ['a', 1, 1, ''],
      ],
    }),
    ...[
      [...OK_SLOW, 1],
      OK_SLOW.with(0, ''),
      OK_SLOW.with(0, 'a b'),
      OK_SLOW.with(0, 'x'.repeat(201)),
      OK_SLOW.with(0, '\x1b[2J'),
      OK_SLOW.with(1, -1),
      OK_SLOW.with(1, '1'),
      OK_SLOW.with(2, -1),
      OK_SLOW.with(3, 'x'.repeat(371)),
      OK_SLOW.with(3, 'GET /\n'),
      OK_SLOW.with(4, 'a b'),
      OK_SLOW.with(5, '__proto__'),
      OK_SLOW.with(6, -1),
      OK_SLOW.with(6, 1000),
      OK_SLOW.with(6, '200'),
    ].map((slow) => json(OK_FIGURES, { slowest: [slow] })),
  ],
  figures_dropped_oversized: [
    json(OK_FIGURES, { padding: 'x'.repeat(8 << 20) }),
    json(OK_FIGURES, { slowest: Array.from({ length: 21 }, () => OK_SLOW) }),
    json(OK_FIGURES, { pools: Array.from({ length: 1026 }, (_, i) => [`p${i}`, 0, 0, 0]) }),
    json(OK_FIGURES, { hosts: Array.from({ length: 16_385 }, (_, i) => [`h${i}`, 0, 0, '']) }),
  ],
  figures_dropped_version: OTHER_VERSIONS.map((v) => json(OK_FIGURES, { v })),
};

const NINE = Array.from({ length: 9 }, () => 1);
const OK_VIEW = {
  v: 1,
  term: 1,
  mastership: 'f00d'.repeat(8),
  at: 1,
  balancers: ['b9'],
  total: [1, 1, 1, ...NINE],
  pools: [],
  hosts: [],
  picks: { balancers: [], hosts: [], picks: [] },
  slowest: [],
};

/** Figures of the whole fleet that are dropped. */
export const BAD_VIEWS: readonly string[] = [
  ...NO_JSON,
  ...OTHER_VERSIONS.map((v) => json(OK_VIEW, { v })),
  ...[0, -1, 1.5, '1', null].map((term) => json(OK_VIEW, { term })),
  ...['', 'x', 7, null].map((mastership) => json(OK_VIEW, { mastership })),
  ...[-1, '1', null].map((at) => json(OK_VIEW, { at })),
  ...[null, {}, 'x', [1], [null], [[]]].flatMap((wrong) => [
    json(OK_VIEW, { balancers: wrong }),
    json(OK_VIEW, { pools: wrong }),
    json(OK_VIEW, { hosts: wrong }),
    json(OK_VIEW, { slowest: wrong }),
    json(OK_VIEW, { total: wrong }),
    json(OK_VIEW, { picks: wrong }),
  ]),
  ...HOSTILE_NAMES.flatMap((name) => [
    json(OK_VIEW, { balancers: [name] }),
    json(OK_VIEW, { pools: [[name, 1, 1, 1, ...NINE]] }),
    json(OK_VIEW, { hosts: [[name, 1, 1, 1, ...NINE]] }),
    json(OK_VIEW, { hosts: [['a', 1, 1, 1, ...NINE, name, 'reset']] }),
    json(OK_VIEW, { picks: { balancers: [name], hosts: ['a'], picks: [[1]] } }),
    json(OK_VIEW, { picks: { balancers: ['a'], hosts: [name], picks: [[1]] } }),
    json(OK_VIEW, { slowest: [[name, ...OK_SLOW]] }),
  ]),
  ...Array.from({ length: 12 }, (_, at) => at).flatMap((at) =>
    ['1', -1, {}, 1e300].flatMap((wrong) => [
      json(OK_VIEW, { total: [1, 1, 1, ...NINE].with(at, wrong as never) }),
      json(OK_VIEW, { pools: [['a', ...[1, 1, 1, ...NINE].with(at, wrong as never)]] }),
      json(OK_VIEW, { hosts: [['a', ...[1, 1, 1, ...NINE].with(at, wrong as never)]] }),
    ]),
  ),
  ...[
    [1, 1, 1],
    [1, 1, 1, ...NINE, 1],
    [1, 1, 1.5, ...NINE],
  ].map((total) => json(OK_VIEW, { total })),
  ...[['b9'], ['b9', 7], ['b9', '\x1b[2J'], ['b9', 'x'.repeat(201)]].map((by) =>
    json(OK_VIEW, { hosts: [['a', 1, 1, 1, ...NINE, ...by]] }),
  ),
  ...[
    { balancers: ['a'], hosts: ['a'], picks: [] },
    { balancers: ['a'], hosts: ['a'], picks: [[]] },
    { balancers: ['a'], hosts: ['a'], picks: [[-1]] },
    { balancers: ['a'], hosts: ['a'], picks: [['1']] },
    { balancers: ['a'], hosts: ['a'], picks: [[1], [1]] },
    { balancers: ['a'], hosts: ['a'] },
    { balancers: Array.from({ length: 65 }, (_, i) => `b${i}`), hosts: [], picks: Array.from({ length: 65 }, () => []) },
    { balancers: [], hosts: Array.from({ length: 1001 }, (_, i) => `h${i}`), picks: [] },
  ].map((picks) => json(OK_VIEW, { picks })),
  json(OK_VIEW, { slowest: Array.from({ length: 21 }, () => ['b9', ...OK_SLOW]) }),
];

/** Stored views with hostile histories, made of a good one. */
export function badStoredViews(good: string): string[] {
  const fields = JSON.parse(good) as object;
  return [
    ...[undefined, null, {}, 'x', [1], [[]], [[1, 1, 1, 1, 1]], [[-1, 1, 1, 1, 1, 1]], [[1, '1', 1, 1, 1, 1]], [[1, 1, 1, 1, 1, -1]]].map(
      (history) => json(fields, { history }),
    ),
    json(fields, { history: Array.from({ length: 181 }, () => [1, 1, 1, 1, 1, 1]) }),
    ...[undefined, null, {}, 'x', [1], [[]], [[7]], [['a', -1]], [['a', '1']], [['a', ...Array.from({ length: 61 }, () => 1)]]].map(
      (host_rps) => json(fields, { host_rps }),
    ),
    ...HOSTILE_NAMES.map((name) => json(fields, { host_rps: [[name, 1]] })),
    json(fields, { host_rps: Array.from({ length: 1001 }, (_, i) => [`h${i}`]) }),
    json(fields, { term: 0 }),
  ];
}

/** Host tables that are dropped, by the counter that counts them. */
export const BAD_TABLES: Readonly<Record<string, readonly string[]>> = {
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

/** An event that would be taken. */
export const OK_EVENT = { v: 1, at: 'x', event: 'balancer-joined', name: 'b9' };
/** Events that are dropped, by the counter that counts them. */
export const BAD_EVENTS: Readonly<Record<string, readonly string[]>> = {
  events_dropped: [
    ...NO_JSON,
    ...HOSTILE_NAMES.map((name) => json(OK_EVENT, { name })),
    ...OTHER_VERSIONS.map((v) => json(OK_EVENT, { v })),
    ...['', 'shutdown', 7, null].map((kind) => json(OK_EVENT, { event: kind })),
    json(OK_EVENT, { term: -1 }),
    json(OK_EVENT, { detail: 7 }),
    'x'.repeat(5000),
  ],
};
