// deploy/prometheus/meercat.rules.yml by promtool: every alert fires after its time on what it is for, and not on a fleet
// that is well; every metric that it names is one of ours, with the labels that it goes by.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { readAlerts, PROMTOOL, RULES_FILE, runPromtool } from '../support/prometheus.js';

const test = suite('prometheus rules');

const RULES_TEXT = readFileSync(RULES_FILE, 'utf8');

/** A series for promtool, such as `0+60x100`: from 0, 60 more each minute, 100 times. */
type Series = readonly [series: string, values: string];

const B1 = 'namespace="shop",job="meercat",instance="b1"';
const B2 = 'namespace="shop",job="meercat",instance="b2"';
const H1 = 'pool="default",host="h1"';

/** A fleet that is well, for an hour: every minute 600 requests that take less than 0.1 s. */
const WELL: readonly Series[] = [
  [`up{${B1}}`, '1x60'],
  [`up{${B2}}`, '1x60'],
  [`meercat_build_info{${B1}}`, '1x60'],
  [`meercat_fleet_is_master{${B1}}`, '1x60'],
  [`meercat_fleet_is_master{${B2}}`, '0x60'],
  [`meercat_fleet_table_age_seconds{${B1}}`, '0.05x60'],
  [`meercat_fleet_redis_up{${B1}}`, '1x60'],
  [`meercat_fleet_redis_rtt_seconds{${B1}}`, '0.001x60'],
  [`meercat_site_version{${B1}}`, '7x60'],
  [`meercat_site_version{${B2}}`, '7x60'],
  [`meercat_messages_dropped_total{${B1},kind="table",reason="altered"}`, '3x60'],
  [`meercat_messages_dropped_total{${B1},kind="report",reason="conflict"}`, '0+9x60'],
  [`meercat_host_status{${B1},${H1},state="up"}`, '1x60'],
  [`meercat_host_status{${B1},${H1},state="down"}`, '0x60'],
  [`meercat_host_status{${B1},${H1},state="silent"}`, '0x60'],
  [`meercat_host_status{${B1},${H1},state="ejected"}`, '0x60'],
  [`meercat_host_status{${B1},${H1},state="drained"}`, '0x60'],
  [`meercat_host_status{${B1},${H1},state="ejected_by_operator"}`, '0x60'],
  [`meercat_pool_panic{${B1},pool="default"}`, '0x60'],
  [`meercat_request_errors_total{${B1},pool="default"}`, '0+1x60'],
  [`meercat_requests_total{${B1},pool="default",code="200",method="GET"}`, '0+600x60'],
  [`meercat_request_duration_seconds_bucket{${B1},pool="default",le="0.1"}`, '0+600x60'],
  [`meercat_request_duration_seconds_bucket{${B1},pool="default",le="1.0"}`, '0+600x60'],
  [`meercat_request_duration_seconds_bucket{${B1},pool="default",le="2.5"}`, '0+600x60'],
  [`meercat_request_duration_seconds_bucket{${B1},pool="default",le="+Inf"}`, '0+600x60'],
  [`meercat_refused_total{${B1},reason="queue_full"}`, '5x60'],
  [`meercat_refused_total{${B1},reason="no_route"}`, '0+60x60'],
  [`meercat_retries_denied_total{${B1}}`, '1x60'],
  // Promtool's clock starts at 0: 100 days.
  [`meercat_tls_cert_not_after_timestamp_seconds{${B1},certificate="www.pem"}`, `${100 * 86_400}x60`],
  [`meercat_internal_errors_total{${B1}}`, '2x60'],
  [`meercat_thread_restarts_total{${B1},thread="fleet"}`, '1x60'],
  [`meercat_event_loop_lag_p99_seconds{${B1},thread="traffic"}`, '0.001x60'],
  [`meercat_event_loop_lag_p99_seconds{${B1},thread="fleet"}`, '0.5x60'],
  [`process_open_fds{${B1}}`, '100x60'],
  [`process_max_fds{${B1}}`, '1000x60'],
  // Not ours: its process is no concern of these rules.
  ['process_open_fds{job="other",instance="x"}', '999x60'],
  ['process_max_fds{job="other",instance="x"}', '1000x60'],
  ['up{job="other",instance="x"}', '0x60'],
];

/** What makes an alert fire: series in the place of those of the same name and labels, or further ones; and the labels of the alert. */
const BAD: Readonly<Record<string, { readonly series: readonly Series[]; readonly labels: string }>> = {
  MeercatBalancerDown: { series: [[`up{${B2}}`, '0x60']], labels: B2 },
  MeercatNoMaster: { series: [[`meercat_fleet_is_master{${B1}}`, '0x60']], labels: 'namespace="shop"' },
  MeercatTwoMasters: { series: [[`meercat_fleet_is_master{${B2}}`, '1x60']], labels: 'namespace="shop"' },
  MeercatTableOld: { series: [[`meercat_fleet_table_age_seconds{${B1}}`, '2.1x60']], labels: B1 },
  MeercatRedisAway: { series: [[`meercat_fleet_redis_up{${B1}}`, '0x60']], labels: B1 },
  MeercatRedisSlow: { series: [[`meercat_fleet_redis_rtt_seconds{${B1}}`, '0.3x60']], labels: B1 },
  MeercatSitesDiffer: { series: [[`meercat_site_version{${B2}}`, '6x60']], labels: 'namespace="shop"' },
  MeercatMessagesRefused: {
    series: [[`meercat_messages_dropped_total{${B1},kind="table",reason="altered"}`, '0+1x60']],
    labels: 'namespace="shop",instance="b1",kind="table",reason="altered"',
  },
  MeercatHostDown: {
    series: [[`meercat_host_status{${B1},${H1},state="down"}`, '1x60']],
    labels: `namespace="shop",${H1}`,
  },
  MeercatHostEjected: { series: [[`meercat_host_status{${B1},${H1},state="ejected"}`, '1x60']], labels: `namespace="shop",${H1}` },
  MeercatPanic: { series: [[`meercat_pool_panic{${B1},pool="default"}`, '1x60']], labels: 'namespace="shop",pool="default"' },
  MeercatHostSilent: { series: [[`meercat_host_status{${B1},${H1},state="silent"}`, '1x60']], labels: `namespace="shop",${H1}` },
  MeercatErrors: {
    series: [[`meercat_request_errors_total{${B1},pool="default"}`, '0+7x60']],
    labels: 'namespace="shop",pool="default"',
  },
  MeercatSlow: {
    series: [
      [`meercat_request_duration_seconds_bucket{${B1},pool="default",le="0.1"}`, '0+590x60'],
      [`meercat_request_duration_seconds_bucket{${B1},pool="default",le="1.0"}`, '0+590x60'],
    ],
    labels: 'namespace="shop",pool="default"',
  },
  MeercatRefuses: {
    series: [[`meercat_refused_total{${B1},reason="queue_full"}`, '0+60x60']],
    labels: 'namespace="shop",instance="b1",reason="queue_full"',
  },
  MeercatRetryBudgetSpent: { series: [[`meercat_retries_denied_total{${B1}}`, '0+60x60']], labels: 'namespace="shop"' },
  MeercatCertificateExpires: {
    series: [[`meercat_tls_cert_not_after_timestamp_seconds{${B1},certificate="www.pem"}`, `${13 * 86_400}x60`]],
    labels: `${B1},certificate="www.pem"`,
  },
  MeercatInternalErrors: { series: [[`meercat_internal_errors_total{${B1}}`, '2 3x60']], labels: B1 },
  MeercatThreadRestarted: { series: [[`meercat_thread_restarts_total{${B1},thread="fleet"}`, '0 1x60']], labels: `${B1},thread="fleet"` },
  MeercatBusy: { series: [[`meercat_event_loop_lag_p99_seconds{${B1},thread="traffic"}`, '0.2x60']], labels: `${B1},thread="traffic"` },
  MeercatFileDescriptors: { series: [[`process_open_fds{${B1}}`, '900x60']], labels: B1 },
};

const ALERTS = readAlerts();

const seriesOf = (more: readonly Series[]) => [...new Map([...WELL, ...more])].map(([series, values]) => ({ series, values }));

/** Labels as an object. */
const labelsIn = (text: string): Record<string, string> =>
  Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name as string, value as string]));

const secondsOf = (time = '0s'): number => Number(/^\d+/.exec(time)?.[0]) * ({ s: 1, m: 60, h: 3600 }[time.slice(-1)] ?? Number.NaN);

/** Everything that must not fire at a time, but for one alert. */
const silent = (at: string, but = '') =>
  ALERTS.filter(({ alert }) => alert !== but).map(({ alert }) => ({ eval_time: at, alertname: alert, exp_alerts: [] }));

/** A promtool test of what fires by the shipped rules. */
async function rulesSay(tests: readonly unknown[], rules = RULES_TEXT): Promise<string> {
  const file = { rule_files: ['rules.yml'], evaluation_interval: '10s', tests };
  const { code, output } = await runPromtool(['test', 'rules', 'test.yml'], { 'rules.yml': rules, 'test.yml': JSON.stringify(file) });
  return code === 0 ? '' : output;
}

test('each alert has a case that it is for', () => {
  assert.equal(ALERTS.map(({ alert }) => alert).toSorted(), Object.keys(BAD).toSorted());
});

test('promtool finds nothing wrong with the rules', async () => {
  if (PROMTOOL === null) return;
  const { code, output } = await runPromtool(['check', 'rules', '--lint-fatal', 'rules.yml'], { 'rules.yml': RULES_TEXT });
  assert.is(code, 0, output);
});

test('no alert fires in a fleet that is well', async () => {
  if (PROMTOOL === null) return;
  const said = await rulesSay([{ interval: '1m', input_series: seriesOf([]), alert_rule_test: [...silent('0m'), ...silent('50m')] }]);
  assert.is(said, '');
});

test('each alert fires on what it is for, alone, and not before its time', async () => {
  if (PROMTOOL === null) return;
  const tests = ALERTS.map(({ alert, for: wait, labels }) => {
    const { series, labels: expected } = BAD[alert] as (typeof BAD)[string];
    const early = secondsOf(wait) - 10;
    return {
      interval: '1m',
      name: alert,
      input_series: seriesOf(series),
      alert_rule_test: [
        ...(early > 0 ? [{ eval_time: `${early}s`, alertname: alert, exp_alerts: [] }] : []),
        { eval_time: '14m', alertname: alert, exp_alerts: [{ exp_labels: { ...labelsIn(expected), ...labels } }] },
        ...silent('14m', alert),
      ],
    };
  });
  // Annotations are of no matter here: promtool compares them, so that they are left out of the rules.
  const rules = { groups: [{ name: 'all', rules: ALERTS.map(({ annotations: _, ...rule }) => rule) }] };
  assert.is(await rulesSay(tests, JSON.stringify(rules)), '');
});

test('a host that an operator took out is not down', async () => {
  if (PROMTOOL === null) return;
  const down: Series = [`meercat_host_status{${B1},${H1},state="down"}`, '1x60'];
  const cases = (['drained', 'ejected_by_operator'] as const).map((state) => ({
    interval: '1m',
    input_series: seriesOf([down, [`meercat_host_status{${B1},${H1},state="${state}"}`, '1x60']]),
    alert_rule_test: silent('14m'),
  }));
  assert.is(await rulesSay(cases), '');
});

test('each alert has a severity, a summary and a description that say what it is about', () => {
  for (const { alert, labels, annotations } of ALERTS) {
    assert.match(labels['severity'] ?? '', /^(?:critical|warning)$/, alert);
    assert.match(annotations['summary'] ?? '', /^[A-Z0-9{].*\.$/, alert);
    assert.match(annotations['description'] ?? '', /^[-A-Z].*\.$/, alert);
  }
});

test.run();
