// deploy/kubernetes/monitoring as files: Prometheus reaches the console of each balancer, on the port that it has, with the
// token that the balancer has.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse, parseAllDocuments } from 'yaml';
import { CONTEXT } from '../support/dockerfile.js';

const test = suite('kubernetes monitoring');

const read = (file: string): unknown[] =>
  parseAllDocuments(readFileSync(join(CONTEXT, 'deploy/kubernetes', file), 'utf8')).map((document) => document.toJS() as unknown);

/** What stands in an object at a path of keys and places in lists. */
const at = (object: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Readonly<Record<string, unknown>>)[key], object);

const [service, policy] = read('monitoring/console.yaml');
const [monitor] = read('monitoring/service-monitor.yaml');
const [patch] = read('monitoring/console-token.yaml');
const [balancers] = read('base/balancers.yaml');

test('the Service and the policy select the balancers, and the monitor selects the Service', () => {
  const labels = at(balancers, 'spec.selector.matchLabels');
  assert.equal([at(service, 'spec.selector'), at(policy, 'spec.podSelector.matchLabels')], [labels, labels]);
  assert.equal(at(monitor, 'spec.selector.matchLabels'), at(service, 'metadata.labels'));
});

test('all speak of one port, which the balancers have', () => {
  const ports = at(balancers, 'spec.template.spec.containers.0.ports') as readonly unknown[];
  const target = at(service, 'spec.ports.0.targetPort');
  assert.is(
    at(
      ports.find((port) => at(port, 'name') === target),
      'containerPort',
    ),
    at(service, 'spec.ports.0.port'),
  );
  assert.is(at(policy, 'spec.ingress.0.ports.0.port'), target);
  assert.is(at(monitor, 'spec.endpoints.0.port'), at(service, 'spec.ports.0.name'));
});

test('the monitor has the token of the balancers', () => {
  assert.is(at(patch, 'spec.template.spec.containers.0.env.0.name'), 'MEERCAT_CONSOLE_TOKEN');
  assert.equal(
    at(monitor, 'spec.endpoints.0.authorization.credentials'),
    at(patch, 'spec.template.spec.containers.0.env.0.valueFrom.secretKeyRef'),
  );
});

test('the command of the page makes a PrometheusRule of the shipped alerts', () => {
  const page = readFileSync(join(CONTEXT, 'deploy/kubernetes/README.md'), 'utf8');
  const [, command = ''] = /^(\{ printf .*?\}) \| kubectl apply -f -$/ms.exec(page) ?? [];
  const made = spawnSync('sh', ['-c', command], { cwd: join(CONTEXT, 'deploy/kubernetes'), encoding: 'utf8' });
  assert.is(made.stderr, '');
  const rule = parse(made.stdout) as unknown;
  assert.equal([at(rule, 'kind'), at(rule, 'metadata.namespace')], ['PrometheusRule', at(monitor, 'metadata.namespace')]);
  assert.equal(at(rule, 'spec'), read('../prometheus/meercat.rules.yml')[0]);
});

test.run();
