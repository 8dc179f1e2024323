// ORCA's load report in all its encodings: a table of what is accepted and refused, and properties for the rest.
// Whatever a host writes, a report is valid throughout or refused.

import * as fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OrcaReport } from '../../lib/learning/orca.js';
import { isLoadHeader, readLoadHeader } from '../../lib/learning/orca-header.js';

const test = suite('orca');

const NAME = 'endpoint-load-metrics';
const UNKNOWN = { cpu: null, memory: null, cores: null, rps: null };

const double = (value: number): number[] => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return [...bytes];
};
/** A figure, and a map entry, as protobuf encodes them. */
const figure = (number: number, value: number): number[] => [number * 8 + 1, ...double(value)];
const entry = (number: number, key: string, value: number): number[] => {
  const message = [10, key.length, ...Buffer.from(key), ...figure(2, value)];
  return [number * 8 + 2, message.length, ...message];
};
const base64 = (...parts: readonly (readonly number[])[]): string => Buffer.from(parts.flat()).toString('base64');
/** The contents of a header, for comparison; null when refused. */
const said = (value: string, name = NAME) => {
  const report = readLoadHeader(name, value);
  return report === undefined ? null : figuresOf(report);
};
const figuresOf = ({ figures, eps, requestCpuMs, requestCost, namedMetrics }: OrcaReport) => ({
  ...figures,
  eps,
  requestCpuMs,
  requestCost: Object.fromEntries(requestCost),
  namedMetrics: Object.fromEntries(namedMetrics),
});
const NOTHING = { ...UNKNOWN, eps: null, requestCpuMs: null, requestCost: {}, namedMetrics: {} };

const TAKEN: readonly (readonly [value: string, what: Partial<typeof NOTHING> | Record<string, unknown>, name?: string])[] = [
  ['TEXT cpu_utilization=0.3', { cpu: 0.3 }],
  ['TEXT cpu_utilization=0.3, mem_utilization=0.8,rps_fractional=12.5 , eps=2', { cpu: 0.3, memory: 0.8, rps: 12.5, eps: 2 }],
  ['TEXT cpu_utilization:0.7,application_utilization:0.8', { cpu: 0.7 }],
  ['TEXT application_utilization=0.8', { cpu: 0.8 }],
  ['TEXT cpu_utilization=1.7', { cpu: 1 }],
  ['TEXT cpu_utilization=0', { cpu: 0 }],
  ['TEXT cpu_utilization=.5', { cpu: 0.5 }],
  ['TEXT cpu_utilization=5e-1', { cpu: 0.5 }],
  ['TEXT ,cpu_utilization=0.5,,', { cpu: 0.5 }],
  ['TEXT   cpu_utilization = 0.5', { cpu: 0.5 }],
  ['TEXT rps=7', { rps: 7 }],
  ['TEXT rps=7,rps_fractional=8', { rps: 8 }],
  ['TEXT named_metrics.cores=4,named_metrics.q=-1.5', { cores: 4, namedMetrics: { cores: 4, q: -1.5 } }],
  ['TEXT named_metrics.cores=99999', { namedMetrics: { cores: 99_999 } }],
  ['TEXT named_metrics.a.b=1', { namedMetrics: { 'a.b': 1 } }],
  ['TEXT request_cost.cpu=3.5', { requestCpuMs: 3.5, requestCost: { cpu: 3.5 } }],
  ['TEXT request_cost.cpu=9,request_cost.cpu_ms=3', { requestCpuMs: 3, requestCost: { cpu: 9, cpu_ms: 3 } }],
  ['TEXT request_cost.cpu_ms=1e9', { requestCost: { cpu_ms: 1e9 } }],
  ['TEXT utilization.disk=0.5', {}],
  ['TEXT tomorrow=1,cpu_utilization=0.5', { cpu: 0.5 }],
  ['cpu_utilization:0.7,mem_utilization:0.9', { cpu: 0.7, memory: 0.9 }],
  ['cpu_utilization=0.7', { cpu: 0.7 }, 'X-Endpoint-Load-Metrics'],
  ['JSON {"cpu_utilization":0.3,"mem_utilization":0.8,"rps_fractional":10.0,"eps":1}', { cpu: 0.3, memory: 0.8, rps: 10, eps: 1 }],
  [
    'JSON {"cpuUtilization":0.3,"requestCost":{"cpu_ms":2},"namedMetrics":{"cores":2}}',
    { cpu: 0.3, requestCpuMs: 2, cores: 2, requestCost: { cpu_ms: 2 }, namedMetrics: { cores: 2 } },
  ],
  ['JSON {"rps":"12"}', { rps: 12 }],
  ['JSON {"cpu_utilization":null,"application_utilization":0.4}', { cpu: 0.4 }],
  ['JSON {"tomorrow":[{}],"cpu_utilization":0.1}', { cpu: 0.1 }],
  ['JSON {}', {}],
  ['JSON {"__proto__":{"cpu_utilization":1},"constructor":1}', {}],
  ['{"cpu_utilization":0.3}', { cpu: 0.3 }],
  ['{"cpu_utilization":0.3}', { cpu: 0.3 }, 'endpoint-load-metrics-json'],
  [`BIN ${base64(figure(1, 0.25), figure(2, 0.5), figure(6, 80), figure(7, 1))}`, { cpu: 0.25, memory: 0.5, rps: 80, eps: 1 }],
  [base64(figure(9, 0.75)), { cpu: 0.75 }, 'endpoint-load-metrics-bin'],
  [base64(figure(1, 0.75)).replaceAll('=', ''), { cpu: 0.75 }, 'x-endpoint-load-metrics-bin'],
  [base64([24, 0x96, 0x01]), { rps: 150 }, 'endpoint-load-metrics-bin'],
  [
    base64(entry(4, 'cpu', 7), entry(8, 'cores', 2), entry(5, 'disk', 0.5)),
    { requestCpuMs: 7, cores: 2, requestCost: { cpu: 7 }, namedMetrics: { cores: 2 } },
    'endpoint-load-metrics-bin',
  ],
  // Unknown fields in each wire type, as from a newer version of the message.
  [base64([80, 1], [82, 2, 65, 66], [85, 1, 2, 3, 4], figure(10, 9), figure(1, 0.5)), { cpu: 0.5 }, 'endpoint-load-metrics-bin'],
  ['', {}, 'endpoint-load-metrics-bin'],
];

const REFUSED: readonly (readonly [value: string, name?: string])[] = [
  [''],
  ['TEXT'],
  ['TEXT ,'],
  ['BIN'],
  ['BAD x'],
  ['text cpu_utilization=0.5'],
  ['hello'],
  ...[
    '',
    '=0.5',
    'cpu_utilization',
    'cpu_utilization=',
    'cpu_utilization=x',
    'cpu_utilization="0.5"',
    'cpu_utilization=NaN',
    'cpu_utilization=Infinity',
    'cpu_utilization=-0.1',
    'cpu_utilization=0x1',
    'cpu_utilization=1e999',
    'cpu_utilization=1001',
    'cpu_utilization=1 2',
    'mem_utilization=-1',
    'rps_fractional=1e10',
    'eps=-1',
    'cpu_utilization=0.1,cpu_utilization=0.2',
    'named_metrics.=1',
    'named_metrics.a=1,named_metrics.a=2',
    'named_metrics.a b=1',
    'request_cost.cpu=-1',
    'utilization.x=-1',
    'tomorrow=x',
    'tomorrow=1e999',
    `cpu_utilization=${'1'.repeat(50)}`,
  ].map((text) => [`TEXT ${text}`] as const),
  ...[
    '',
    'null',
    '[]',
    '5',
    '"x"',
    '{',
    '{"cpu_utilization":"0.5"}',
    '{"cpu_utilization":-1}',
    '{"cpu_utilization":1e999}',
    '{"cpu_utilization":[0.5]}',
    '{"named_metrics":5}',
    '{"named_metrics":{"a":"1"}}',
    '{"named_metrics":{"":1}}',
    '{"request_cost":{"cpu":-1}}',
    '{"rps":"-1"}',
    '{"rps":"1e3"}',
    '{"a":'.repeat(700),
  ].map((text) => [`JSON ${text}`] as const),
  ...['*', 'A', 'AAAAA', 'AA=', 'CQ==,CQ==', 'CQ ==', 'CQ__'].map((text) => [text, 'endpoint-load-metrics-bin'] as const),
  // Truncated, a known field with the wrong wire type or out of range, a group, field 0, a length beyond the end, an
  // endless varint.
  ...[
    figure(1, 0.5).slice(0, 5),
    [8, 1],
    [25, ...double(1)],
    [10, 1, 65],
    figure(1, -1),
    figure(1, Number.NaN),
    figure(1, Number.POSITIVE_INFINITY),
    figure(2, 1e300),
    [11],
    [12],
    [1, ...double(1)],
    [34, 200, 1],
    [34, 3, 10, 9, 65],
    entry(4, 'cpu', -1),
    entry(4, '', 1),
    [34, 2, 8, 1],
    Array.from({ length: 11 }, () => 255),
    [24, ...Array.from({ length: 9 }, () => 255), 1],
  ].map((bytes) => [base64(bytes), 'endpoint-load-metrics-bin'] as const),
  [`TEXT cpu_utilization=0.5${' '.repeat(4096)}`],
];

for (const [value, what, name] of TAKEN) {
  test(`${name ?? NAME}: ${value} is accepted`, () => assert.equal(said(value, name), { ...NOTHING, ...what }));
}

for (const [index, [value, name]] of REFUSED.entries()) {
  test(`${index}: ${name ?? NAME}: ${value.slice(0, 60)} is refused`, () => assert.is(said(value, name), null));
}

test('the names are recognised in any case, and no others', () => {
  for (const name of [
    'endpoint-load-metrics',
    'Endpoint-Load-Metrics',
    'X-ENDPOINT-LOAD-METRICS',
    'endpoint-load-metrics-bin',
    'endpoint-load-metrics-json',
    'x-endpoint-load-metrics-bin',
  ]) {
    assert.ok(isLoadHeader(name), name);
  }
  for (const name of [
    '',
    'endpoint-load-metric',
    'endpoint-load-metricz',
    'endpoint-load-metrics-txt',
    'xx-endpoint-load-metrics',
    'y-endpoint-load-metrics',
    'x'.repeat(200),
  ])
    assert.not(isLoadHeader(name), name);
});

/** Every figure of a report is in its range or null. */
function isSound(report: OrcaReport): boolean {
  const within = (value: number | null, highest: number) => value === null || (value >= 0 && value <= highest);
  const { cpu, memory, cores, rps } = report.figures;
  const maps = [...report.requestCost, ...report.namedMetrics];
  return (
    within(cpu, 1) &&
    within(memory, 1) &&
    within(cores, 4096) &&
    within(rps, 1e9) &&
    within(report.eps, 1e9) &&
    within(report.requestCpuMs, 600_000) &&
    maps.every(([key, value]) => /^[\x21-\x7e]{1,128}$/.test(key) && Number.isFinite(value))
  );
}

const RUNS = { numRuns: 3000, seed: 4 };

test('whatever text is in the header, a report is valid or refused', () => {
  const words = fc.constantFrom(
    'TEXT ',
    'JSON ',
    'BIN ',
    'cpu_utilization',
    'named_metrics.',
    'request_cost.cpu',
    '=',
    ':',
    ',',
    '{',
    '}',
    '"',
    '0.5',
    '-',
    'e',
    '1e308',
    'rps',
    ' ',
    '\u00ff',
    '__proto__',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(words, { maxLength: 20 }).map((parts) => parts.join('')),
    fc.json(),
  );
  fc.assert(
    fc.property(text, fc.constantFrom('', '-json', '-bin'), (value, ending) => {
      const report = readLoadHeader(NAME + ending, value);
      assert.ok(report === undefined || isSound(report));
    }),
    RUNS,
  );
});

test('whatever bytes are in a binary report, it is valid or refused', () => {
  const whole = fc.constantFrom(figure(1, 0.5), figure(2, 0.5), figure(6, 5), entry(4, 'cpu', 3), entry(8, 'cores', 2), [24, 7]);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .tuple(fc.array(whole, { maxLength: 5 }), fc.uint8Array({ maxLength: 3 }))
      .map(([parts, rest]) => Uint8Array.from([...parts.flat(), ...rest])),
  );
  fc.assert(
    fc.property(bytes, (each) => {
      const report = readLoadHeader(`${NAME}-bin`, Buffer.from(each).toString('base64'));
      assert.ok(report === undefined || isSound(report));
    }),
    RUNS,
  );
});

test('the three formats are equivalent', () => {
  const value = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(
    fc.property(value, value, value, (cpu, memory, cost) => {
      const fromText = said(`TEXT cpu_utilization=${cpu},mem_utilization=${memory},request_cost.cpu=${cost}`);
      assert.equal(
        said(`JSON ${JSON.stringify({ cpu_utilization: cpu, mem_utilization: memory, request_cost: { cpu: cost } })}`),
        fromText,
      );
      assert.equal(said(`BIN ${base64(figure(1, cpu), figure(2, memory), entry(4, 'cpu', cost))}`), fromText);
      assert.is(fromText?.cpu, cpu);
    }),
    { ...RUNS, numRuns: 300 },
  );
});

test.run();
