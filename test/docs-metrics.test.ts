// docs/metrics.md has every metric with its type, labels and meaning, those of the master alone in their own table, and every
// alert that is shipped.

import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { MASTER_METRICS, METRICS } from '../lib/console/metrics/metrics.js';
import { readPage } from './support/documents.js';

const test = suite('docs: metrics');

const { text } = readPage('docs/metrics.md');

test('every metric has one row, as the exporter describes it', () => {
  const rows = [...text.matchAll(/^\| `([a-z_0-9]+)` \| (counter|gauge|histogram|info) \| (.*?) \| (.*) \|$/gm)].map((row) => row.slice(1));
  const expected = METRICS.map(({ name, type, labels, help }) => [
    name,
    type,
    labels.map((label) => `\`${label}\``).join(', ') || '–',
    help,
  ]);
  const byName = (a: readonly string[], b: readonly string[]): number => (a[0] as string).localeCompare(b[0] as string);
  assert.equal(rows.toSorted(byName), expected.toSorted(byName));
});

test('metrics of the master alone stand in their own table', () => {
  const [, section = ''] = /## Of the master alone\n([^]*?)\n## /.exec(text) ?? [];
  const names = [...section.matchAll(/^\| `([a-z_0-9]+)`/gm)].map(([, name]) => name as string);
  assert.equal(names.toSorted(), [...MASTER_METRICS].toSorted());
});

test('every alert that is shipped has a row', () => {
  const { groups } = parse(readFileSync('deploy/prometheus/meercat.rules.yml', 'utf8')) as {
    groups: { rules: { alert: string; for?: string; labels: { severity: string } }[] }[];
  };
  const expected = groups.flatMap(({ rules }) => rules.map((rule) => [rule.alert, rule.for ?? 'at once', rule.labels.severity]));
  const rows = [...text.matchAll(/^\| `(Meercat\w+)` \| (.*?) \| (.*?) \|/gm)].map((row) => row.slice(1));
  assert.equal(rows, expected);
  assert.ok(expected.length > 8);
});

test.run();
