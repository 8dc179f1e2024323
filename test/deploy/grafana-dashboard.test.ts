// deploy/grafana/meercat.json without Grafana: what its panels ask for is what we export, under the labels that we give it,
// and nothing lies upon something else. That there is data behind it is tested in a browser.

import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { METRICS } from '../../lib/console/metrics/metrics.js';
import { expressionsOf, readDashboard } from '../support/grafana-dashboard.js';

const test = suite('grafana dashboard');

const DASHBOARD = readDashboard();
const EXPRESSIONS = expressionsOf(DASHBOARD);

/** Labels that Prometheus and its configuration give. */
const OF_TARGETS = ['namespace', 'job', 'instance'];

test('each expression asks for metrics that we export, by labels that they have', () => {
  const families = new Map(METRICS.map(({ name, labels }) => [name, labels]));
  let names = 0;
  for (const { panel, raw } of EXPRESSIONS)
    for (const [, name = '', selector = ''] of raw.matchAll(/\b((?:meercat|process)_\w+)\{([^}]*)\}/g)) {
      names++;
      const labels = families.get(name) ?? families.get(name.replace(/_bucket$/, ''));
      assert.ok(labels !== undefined, `${panel}: there is no metric ${name}`);
      for (const [, label = ''] of selector.matchAll(/(\w+)[=!]~?"/g))
        assert.ok([...OF_TARGETS, ...labels].includes(label), `${panel}: ${name} has no label ${label}`);
    }
  assert.ok(names > 50);
});

test('each selection is of one fleet, or of those that are chosen', () => {
  for (const { panel, raw } of EXPRESSIONS)
    for (const [, selector = ''] of raw.matchAll(/\b(?:meercat|process)_\w+(?:\{([^}]*)\})?/g))
      assert.ok(selector.includes('namespace=~"$namespace"'), `${panel}: ${raw}`);
});

test('each variable that is used is there', () => {
  const known = (DASHBOARD.templating?.list ?? []).map(({ name }) => name);
  const used = new Set(EXPRESSIONS.flatMap(({ raw }) => [...raw.matchAll(/\$(\w+)/g)].map(([, name = '']) => name)));
  assert.equal([...used].filter((name) => !name.startsWith('__')).toSorted(), known.filter((name) => name !== 'datasource').toSorted());
});

test('panels have names of their own, and none lies upon another', () => {
  const { panels } = DASHBOARD;
  for (const key of ['id', 'title'] as const) assert.is(new Set(panels.map((panel) => panel[key])).size, panels.length, key);
  const taken = new Map<string, string>();
  for (const { title = '', gridPos } of panels) {
    assert.ok(gridPos !== undefined && gridPos.x + gridPos.w <= 24, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++)
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.is(taken.get(`${x} ${y}`), undefined, title);
        taken.set(`${x} ${y}`, title);
      }
  }
});

test('the rows are what the fleet, its hosts and its control plane are about', () => {
  assert.equal(
    DASHBOARD.panels.filter(({ type }) => type === 'row').map(({ title }) => title),
    ['Fleet', 'Hosts', 'Latency', 'Herding', 'Control plane'],
  );
});

test.run();
