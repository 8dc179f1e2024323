// Which in-band reports a balancer publishes: those of hosts with stale figures and no agent, so that all balancers
// together publish each host's figures about as often as one would.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { InbandReports, publishedReport } from '../../lib/fleet/inband-reports.js';
import type { InbandReport } from '../../lib/model.js';
import { decodeReport, encodeReport } from '../../lib/redis/report-message.js';
import { Random } from '../../lib/routing/random.js';
import { buildChange, buildRow, buildTable } from '../support/host-rows.js';

const test = suite('inband reports');

const report = (host: string, slot = 0): InbandReport => ({
  slot,
  host,
  url: 'http://h',
  cpu: 0.5,
  memory: null,
  cores: null,
  rps: null,
  eps: null,
});
const namesOf = (reports: readonly InbandReport[]): string[] => reports.map(({ host }) => host);
const unknown = (): Float64Array => new Float64Array(16).fill(Number.NaN);

test('a report is published under the host’s name and for its pool, as the master reads it', () => {
  for (const [id, host, pools] of [
    ['h1', 'h1', undefined],
    ['api/h1', 'h1', ['api']],
  ] as const) {
    const decoded = decodeReport(encodeReport(publishedReport(report(id))));
    assert.ok(decoded.ok);
    if (decoded.ok)
      assert.equal([decoded.value.host, decoded.value.pools, decoded.value.via, decoded.value.cpu], [host, pools, 'inband', 0.5]);
  }
});

test('reports of unknown hosts, of hosts without an agent, and of those with a silent agent are published', () => {
  const inband = new InbandReports(unknown(), () => 0);
  inband.onTable(buildTable(1, 1, [buildRow('static', { isStatic: true }), buildRow('agent'), buildRow('silent', { state: 'silent' })]));
  assert.equal(
    namesOf(
      inband.due(
        ['static', 'agent', 'silent', 'new'].map((name) => report(name)),
        0,
      ),
    ),
    ['static', 'silent', 'new'],
  );
  inband.onTable(buildChange(1, 2, [buildRow('static'), buildRow('agent', { isStatic: true })], ['silent']));
  assert.equal(
    namesOf(
      inband.due(
        ['static', 'agent', 'silent'].map((name) => report(name)),
        1000,
      ),
    ),
    ['agent', 'silent'],
  );
});

test("a host's report is published at most five times a second, and not while the table's figures are fresh", () => {
  const reportedAt = unknown();
  const inband = new InbandReports(reportedAt, () => 0);
  const times: number[] = [];
  for (let nowMs = 0; nowMs < 1000; nowMs += 10) if (inband.due([report('h')], nowMs).length > 0) times.push(nowMs);
  assert.equal(times, [0, 200, 400, 600, 800]);
  reportedAt[0] = 1900;
  assert.equal([namesOf(inband.due([report('h')], 2000)), namesOf(inband.due([report('h', 1)], 2000))], [[], ['h']]);
});

test('with a thousand hosts each is published less often', () => {
  const inband = new InbandReports(unknown(), () => 0);
  inband.onTable(
    buildTable(
      1,
      1,
      Array.from({ length: 1000 }, (_, i) => buildRow(`h${i}`, { isStatic: true })),
    ),
  );
  assert.equal(
    [0, 490, 500].map((nowMs) => inband.due([report('h1')], nowMs).length),
    [1, 0, 1],
  );
});

test("sixty-four balancers that all receive a host's reports publish hardly more than one would", () => {
  const random = new Random(7);
  const columns = Array.from({ length: 64 }, unknown);
  const fleet = columns.map((reportedAt) => new InbandReports(reportedAt, () => random.below(1 << 20) / (1 << 20)));
  for (const each of fleet) each.balancers = 64;
  let published = 0;
  // A published report is in every table 30 ms later.
  const onTheWay: number[] = [];
  for (let nowMs = 0; nowMs < 60_000; nowMs += 5) {
    while (onTheWay.length > 0 && (onTheWay[0] as number) <= nowMs - 30) {
      const atMs = onTheWay.shift() as number;
      for (const reportedAt of columns) reportedAt[0] = atMs;
    }
    for (const each of fleet) {
      if ((nowMs / 5 + fleet.indexOf(each)) % 50 !== 0 || each.due([report('h')], nowMs).length === 0) continue;
      published++;
      onTheWay.push(nowMs);
    }
  }
  assert.ok(published > 60 && published < 600, `${published} in a minute`);
});

test("the master's tables correct what the shared table lacks about agents", () => {
  const inband = new InbandReports(unknown(), () => 0);
  inband.onTable(buildTable(1, 1, [buildRow('s', { isStatic: true, ageMs: 10 }), buildRow('a')]));
  const rows = ['s', 'a', 'n'].map((name) => buildRow(name, { ageMs: 10 }));
  assert.equal(
    inband.withAgents(rows).map(({ isStatic }) => isStatic),
    [true, false, false],
  );
});

test.run();
