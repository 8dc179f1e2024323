// Load reports in hosts' answers: found in heads and trailers, read at a limited rate, batched, and removed from the
// client's answer. With a clock that the test moves, then on real sockets.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { InbandReport } from '../../../lib/model.js';
import { LoadHeaders, type LoadSource, startLoad } from '../../../lib/traffic/host/load-headers.js';
import { NO_LOAD, readResponseHead, type ResponseHead, SEVERAL_LOADS } from '../../../lib/traffic/wire/response-head.js';
import { until } from '../../support/brackets.js';
import { ask } from '../../support/http-client.js';
import { withProxy, withRawProxy } from '../../support/proxy.js';
import type { RawConnection } from '../../support/raw-host.js';

const test = suite('load headers');

/** Answers of one host, and what became of them. */
class Stage {
  nowMs = 1000;
  readonly counts: Record<string, number> = {};
  readonly reports: InbandReport[] = [];
  readonly loads: LoadHeaders;
  readonly source: LoadSource = { host: { slot: 3, name: 'h', target: new URL('http://h:80'), load: startLoad() }, saidCpuMs: Number.NaN };

  constructor(isKept = false) {
    this.loads = new LoadHeaders({
      clock: () => this.nowMs,
      isKept,
      onReports: (reports) => void this.reports.push(...reports),
      count: (name) => {
        this.counts[name] = (this.counts[name] ?? 0) + 1;
      },
    });
  }

  /** Takes an answer with these header lines; gives the headers that go on. */
  answer(...lines: string[]): readonly string[] {
    return this.loads.take(this.source, headOf(...lines)).headers;
  }
}

function headOf(...lines: string[]): ResponseHead {
  const head = readResponseHead(`HTTP/1.1 200 OK\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`, false);
  if (head === undefined) throw new Error(`no head: ${lines.join()}`);
  return head;
}

test('a head tells where its load report stands, whatever its name; of several that there are several', () => {
  assert.is(
    headOf(
      'A: b',
      'Strict-Transport-Security: x',
      'Access-Control-Allow-Origin: *',
      'Access-Control-Allow-Headers: x',
      'Content-Security-Policy: x',
    ).loadAt,
    NO_LOAD,
  );
  for (const name of [
    'endpoint-load-metrics',
    'Endpoint-Load-Metrics',
    'endpoint-load-metrics-bin',
    'endpoint-load-metrics-json',
    'X-Endpoint-Load-Metrics',
    'x-endpoint-load-metrics-bin',
    'x-endpoint-load-metrics-json',
  ]) {
    assert.is(headOf('A: b', `${name}: x`).loadAt, 2, name);
  }
  assert.is(headOf('endpoint-load-metrics: x', 'endpoint-load-metrics-bin: x').loadAt, SEVERAL_LOADS);
});

test('a head without one goes on as it is, itself', () => {
  const { loads, source } = new Stage();
  const head = headOf('A: b');
  assert.is(loads.take(source, head), head);
});

test('one is handed on as the host’s figures, and the client does not get it', async () => {
  const stage = new Stage();
  assert.equal(
    stage.answer('A: b', 'Endpoint-Load-Metrics: TEXT cpu_utilization=0.5,mem_utilization=0.25,eps=2,named_metrics.cores=4', 'C: d'),
    ['A', 'b', 'C', 'd'],
  );
  await until(() => stage.reports.length > 0);
  assert.equal(stage.reports, [{ slot: 3, host: 'h', url: 'http://h', cpu: 0.5, memory: 0.25, cores: 4, rps: null, eps: 2 }]);
  assert.equal(stage.counts, { inband_read: 1 });
});

test('the client gets it if that is configured', () => {
  const stage = new Stage(true);
  const line = 'Endpoint-Load-Metrics: TEXT cpu_utilization=0.5';
  assert.equal(stage.answer(line), line.split(': '));
  assert.equal(stage.loads.takeTrailers(stage.source, line.split(': ')), line.split(': '));
  stage.loads.stop();
});

test('of many only four a second are read and handed on, and all are taken out', async () => {
  const stage = new Stage();
  for (let i = 0; i < 1000; i++) {
    assert.equal(stage.answer(`endpoint-load-metrics: TEXT cpu_utilization=${i / 1000}`), []);
    stage.nowMs += 1;
  }
  await until(() => stage.reports.length === 4);
  assert.is(stage.counts['inband_read'], 4);
  assert.equal(
    stage.reports.map(({ cpu }) => cpu),
    [0, 0.25, 0.5, 0.75],
  );
});

test('malformed ones are counted, four a second at most are read, and do no harm', () => {
  const stage = new Stage();
  for (const value of ['TEXT cpu_utilization=-1', 'JSON {', 'BIN *', '', 'x'.repeat(9000)]) {
    assert.equal(stage.answer(`endpoint-load-metrics: ${value}`, 'A: b'), ['A', 'b']);
    stage.nowMs += 250;
  }
  assert.equal(stage.answer('endpoint-load-metrics: TEXT cpu_utilization=1', 'A: b', 'endpoint-load-metrics-json: {}'), ['A', 'b']);
  assert.equal(stage.counts, { inband_dropped_malformed: 6 });
  for (let i = 0; i < 100; i++) stage.answer('endpoint-load-metrics: x');
  assert.is(stage.counts['inband_dropped_malformed'], 7);
  stage.loads.stop();
});

test('a host that says what requests cost is read a hundred times a second for that, one that does not is not', () => {
  for (const [value, reads] of [
    ['TEXT cpu_utilization=0.5,request_cost.cpu=3', 100],
    ['TEXT cpu_utilization=0.5', 4],
  ] as const) {
    const stage = new Stage();
    for (let i = 0; i < 1000; i++) {
      stage.answer(`endpoint-load-metrics: ${value}`);
      stage.nowMs += 1;
    }
    assert.is(stage.counts['inband_read'], reads);
    assert.is(Object.is(stage.source.saidCpuMs, 3), reads === 100);
    stage.loads.stop();
  }
});

test('one that says nothing of CPU and memory is no report of the host', async () => {
  const stage = new Stage();
  stage.answer('endpoint-load-metrics: TEXT request_cost.cpu=3,rps_fractional=5');
  assert.is(stage.source.saidCpuMs, 3);
  stage.nowMs += 300;
  stage.answer('endpoint-load-metrics: TEXT cpu_utilization=0.5');
  await until(() => stage.reports.length > 0);
  assert.equal(
    stage.reports.map(({ cpu }) => cpu),
    [0.5],
  );
});

test('trailers carry it as well', async () => {
  const stage = new Stage();
  assert.equal(stage.loads.takeTrailers(stage.source, []), []);
  assert.equal(stage.loads.takeTrailers(stage.source, ['a', 'b']), ['a', 'b']);
  assert.equal(stage.loads.takeTrailers(stage.source, ['a', 'b', 'endpoint-load-metrics', 'TEXT cpu_utilization=0.5']), ['a', 'b']);
  await until(() => stage.reports.length > 0);
  assert.is(stage.reports[0]?.cpu, 0.5);
});

test('a client of a balancer gets no load report unless the balancer is configured to pass them', async () => {
  const host = (_request: unknown, response: import('node:http').ServerResponse): void =>
    void response.writeHead(200, { 'Endpoint-Load-Metrics': 'JSON {"cpu_utilization":0.5}', 'X-Other': '1' }).end('ok');
  for (const isLoadHeaderKept of [false, true]) {
    await withProxy(
      host,
      async ({ port, counter }) => {
        const { status, headers } = await ask(port);
        assert.equal(
          [status, headers['endpoint-load-metrics'], headers['x-other']],
          [200, isLoadHeaderKept ? 'JSON {"cpu_utilization":0.5}' : undefined, '1'],
        );
        assert.is(counter('inband_read'), 1);
      },
      { isLoadHeaderKept },
    );
  }
});

test('hostile load reports cost nobody their answer', async () => {
  const lines = [
    `endpoint-load-metrics: ${'x'.repeat(20_000)}`,
    'endpoint-load-metrics: TEXT cpu_utilization=1\r\nendpoint-load-metrics: TEXT cpu_utilization=0',
    `x-endpoint-load-metrics: JSON ${'['.repeat(4000)}`,
    'endpoint-load-metrics-bin: \u00ff',
  ];
  const answer = (connection: RawConnection): void => {
    const [, index] = /GET \/(\d) .*\r\n\r\n$/s.exec(connection.text) ?? [];
    if (index === undefined) return;
    connection.text = '';
    connection.socket.write(`HTTP/1.1 200 OK\r\n${lines[Number(index)]}\r\nContent-Length: 2\r\n\r\nok`, 'latin1');
  };
  await withRawProxy(answer, async ({ port, counter }) => {
    for (const index of lines.keys()) {
      const { status, body, headers } = await ask(port, { path: `/${index}` });
      assert.equal([status, body, Object.keys(headers).filter((name) => name.includes('load'))], [200, 'ok', []]);
    }
    assert.ok(counter('inband_dropped_malformed') >= 2);
  });
});

test.run();
