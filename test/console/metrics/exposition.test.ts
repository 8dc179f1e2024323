// The two text formats: what is written for each type, what is escaped, and which of them a client gets.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  BOUND_LABELS,
  contentTypeOf,
  type Exposition,
  expositionFor,
  labelsOf,
  type MetricFamily,
  writeFamilies,
} from '../../../lib/console/metrics/exposition.js';

const test = suite('metrics: exposition');

const write = (families: readonly MetricFamily<null>[], exposition: Exposition): string =>
  [...writeFamilies(families, null, exposition)].join('');

const FAMILIES: readonly MetricFamily<null>[] = [
  {
    name: 'meercat_bytes_total',
    type: 'counter',
    help: 'Bytes',
    labels: ['direction'],
    samples: () => [{ labels: 'direction="in"', value: 12.5 }],
  },
  { name: 'meercat_build_info', type: 'info', help: 'Build', labels: [], samples: () => [{ labels: 'version="1"', value: 1 }] },
  {
    name: 'meercat_age_seconds',
    type: 'gauge',
    help: 'Age',
    labels: [],
    samples: () => [
      { labels: '', value: Number.POSITIVE_INFINITY },
      { labels: 'of="what is not known"', value: Number.NaN },
    ],
  },
];

test('counters, infos and gauges are written as each format has them', () => {
  assert.is(
    write(FAMILIES, 'prometheus'),
    `# HELP meercat_bytes_total Bytes.
# TYPE meercat_bytes_total counter
meercat_bytes_total{direction="in"} 12.5
# HELP meercat_build_info Build.
# TYPE meercat_build_info gauge
meercat_build_info{version="1"} 1
# HELP meercat_age_seconds Age.
# TYPE meercat_age_seconds gauge
meercat_age_seconds +Inf
`,
  );
  assert.is(
    write(FAMILIES, 'openmetrics'),
    `# HELP meercat_bytes Bytes.
# TYPE meercat_bytes counter
# UNIT meercat_bytes bytes
meercat_bytes_total{direction="in"} 12.5
# HELP meercat_build Build.
# TYPE meercat_build info
meercat_build_info{version="1"} 1
# HELP meercat_age_seconds Age.
# TYPE meercat_age_seconds gauge
# UNIT meercat_age_seconds seconds
meercat_age_seconds +Inf
# EOF
`,
  );
});

test('a histogram has its bounds in seconds, in one spelling for both formats', () => {
  const cumulative = Array.from({ length: 16 }, (_, i) => i);
  const family: MetricFamily<null> = {
    name: 'meercat_wait_seconds',
    type: 'histogram',
    help: 'Wait',
    labels: ['pool'],
    samples: () => [
      { labels: 'pool="a"', cumulative, sum: 0.75 },
      { labels: '', cumulative, sum: 2 },
    ],
  };
  const text = write([family], 'prometheus');
  assert.equal(text.split('\n').slice(2, 21), [
    'meercat_wait_seconds_bucket{pool="a",le="0.001"} 0',
    'meercat_wait_seconds_bucket{pool="a",le="0.0025"} 1',
    'meercat_wait_seconds_bucket{pool="a",le="0.005"} 2',
    'meercat_wait_seconds_bucket{pool="a",le="0.01"} 3',
    'meercat_wait_seconds_bucket{pool="a",le="0.025"} 4',
    'meercat_wait_seconds_bucket{pool="a",le="0.05"} 5',
    'meercat_wait_seconds_bucket{pool="a",le="0.1"} 6',
    'meercat_wait_seconds_bucket{pool="a",le="0.25"} 7',
    'meercat_wait_seconds_bucket{pool="a",le="0.5"} 8',
    'meercat_wait_seconds_bucket{pool="a",le="1.0"} 9',
    'meercat_wait_seconds_bucket{pool="a",le="2.5"} 10',
    'meercat_wait_seconds_bucket{pool="a",le="5.0"} 11',
    'meercat_wait_seconds_bucket{pool="a",le="10.0"} 12',
    'meercat_wait_seconds_bucket{pool="a",le="30.0"} 13',
    'meercat_wait_seconds_bucket{pool="a",le="60.0"} 14',
    'meercat_wait_seconds_bucket{pool="a",le="+Inf"} 15',
    'meercat_wait_seconds_sum{pool="a"} 0.75',
    'meercat_wait_seconds_count{pool="a"} 15',
    'meercat_wait_seconds_bucket{le="0.001"} 0',
  ]);
  assert.match(text, /\nmeercat_wait_seconds_sum 2\nmeercat_wait_seconds_count 15\n$/);
  assert.is(BOUND_LABELS.length, 15);
});

test('values of labels are escaped as the formats ask', () => {
  assert.is(labelsOf({ pool: 'a', class: 'GET "/x\\y"\n', host: 'ä{},= #' }), String.raw`pool="a",class="GET \"/x\\y\"\n",host="ä{},= #"`);
  assert.is(labelsOf({}), '');
});

test('long text comes in pieces that end with a line', () => {
  const family: MetricFamily<null> = {
    name: 'meercat_many',
    type: 'gauge',
    help: 'Many',
    labels: ['n'],
    *samples() {
      for (let n = 0; n < 10_000; n++) yield { labels: `n="${n}"`, value: n };
    },
  };
  const pieces = [...writeFamilies([family], null, 'openmetrics')];
  assert.ok(pieces.length > 3, `${pieces.length} pieces`);
  for (const piece of pieces) assert.ok(piece.endsWith('\n') && piece.length < 70_000, `${piece.length}`);
  assert.is(pieces.join('').split('\n').length, 2 + 10_000 + 2);
});

const ACCEPTED: readonly (readonly [accept: string, exposition: Exposition])[] = [
  ['', 'prometheus'],
  ['*/*', 'prometheus'],
  ['text/html', 'prometheus'],
  ['text/plain', 'prometheus'],
  ['application/openmetrics-text', 'openmetrics'],
  ['Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8', 'openmetrics'],
  // An older draft.
  ['application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5', 'prometheus'],
  // Prometheus 2.42 and 3.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  ['text/plain;version=0.0.4;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5', 'prometheus'],
  ['application/openmetrics-text;q=0', 'prometheus'],
  ['application/openmetrics-text;q=x', 'prometheus'],
  [',;,;q=', 'prometheus'],
];

for (const [accept, exposition] of ACCEPTED)
  test(`Accept: ${accept || 'nothing'} gets ${exposition}`, () => assert.is(expositionFor(accept), exposition));

test('each format has its content type', () => {
  assert.is(contentTypeOf('prometheus'), 'text/plain; version=0.0.4; charset=utf-8');
  assert.is(contentTypeOf('openmetrics'), 'application/openmetrics-text; version=1.0.0; charset=utf-8');
});

test.run();
