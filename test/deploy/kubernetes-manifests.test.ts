// The manifests of deploy/kubernetes as files: their fields by the API's types, their references and promises by
// our own rules, and the whole by kubectl where it is installed. What would be wrong is shown to be found.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseAllDocuments } from 'yaml';
import { withTempDir } from '../support/brackets.js';
import { copyDeploy, withSecrets } from '../support/compose-file.js';
import { CONTEXT } from '../support/dockerfile.js';
import { type KubeObject, objectOf } from '../support/kube-objects.js';
import { kubeFaults } from '../support/kube-rules.js';
import { typeFaults } from '../support/kube-types.js';
import { loadKustomization } from '../support/kustomize.js';

const test = suite('kubernetes manifests');

const FOLDERS = ['base', 'example', 'cli', 'overlays/production'];
const VERSION = (JSON.parse(readFileSync(join(CONTEXT, 'package.json'), 'utf8')) as { version: string }).version;
const hasKubectl = (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, 'kubectl')));

/** The secrets of the first folder, by file: the script is run once. */
const secrets = new Map<string, string>();

/** Hands out deploy/kubernetes with secrets in it. */
const withFolder = (fn: (folder: string) => Promise<void> | void): Promise<void> =>
  withTempDir(async (dir) => {
    if (secrets.size === 0) {
      const made = join(await withSecrets(dir, 'kubernetes', 'base/secrets'), 'base/secrets');
      for (const file of readdirSync(made)) secrets.set(file, readFileSync(join(made, file), 'utf8'));
    } else {
      copyDeploy(dir);
      mkdirSync(join(dir, 'deploy/kubernetes/base/secrets'));
      for (const [file, text] of secrets) writeFileSync(join(dir, 'deploy/kubernetes/base/secrets', file), text);
    }
    return fn(join(dir, 'deploy/kubernetes'));
  });

/** A fleet with the application that it balances and the pod for operators, from the base or an overlay. */
const fleetOf = (folder: string, base: string): KubeObject[] => [
  ...loadKustomization(join(folder, base)),
  ...loadKustomization(join(folder, 'example')),
  ...loadKustomization(join(folder, 'cli')),
];

test('every object has the fields of its kind, and the compiler finds others', () =>
  withFolder(async (folder) => {
    const objects = [...fleetOf(folder, 'base'), ...loadKustomization(join(folder, 'overlays/production'))];
    const [deployment, policy] = [objectOf(objects, 'Deployment', 'meercat'), objectOf(objects, 'NetworkPolicy', 'redis')];
    const broken = [
      JSON.stringify(deployment).replace('"preStop"', '"preStops"'),
      JSON.stringify(deployment).replace('"failureThreshold":60', '"failureThreshold":"60"'),
      JSON.stringify(deployment).replace('"selector"', '"selectors"'),
      JSON.stringify(policy).replace('"ingress"', '"ingres"'),
    ].map((text) => JSON.parse(text) as KubeObject);
    // The compiler names the line; each object has two, its import and itself.
    const faults = await typeFaults([...objects, ...broken]);
    const found = new Set(faults.map((line) => Math.ceil(Number(/^objects\.ts\((\d+)/.exec(line)?.[1]) / 2) - 1));
    assert.equal(
      [...found],
      broken.map((_, index) => objects.length + index),
      faults.join('\n'),
    );
  }));

test('references lead somewhere, containers are guarded, and balancers are probed and drained as they should', () =>
  withFolder((folder) => {
    for (const base of ['base', 'overlays/production']) assert.equal(kubeFaults(fleetOf(folder, base)), [], base);
  }));

/** A text in a file of the folder, what it becomes, and what is then found. */
const BROKEN: readonly (readonly [file: string, from: string, to: string, fault: RegExp])[] = [
  ['base/service.yaml', 'component: balancer', 'component: balancers', /^Service meercat: it selects no pod/],
  ['base/service.yaml', 'targetPort: http', 'targetPort: web', /^Service meercat: port web/],
  ['base/balancers.yaml', 'name: meercat, app', 'name: cat, app', /^Deployment meercat: it does not select its own/],
  ['base/network-policies.yaml', 'port: sentinel,', 'port: sentinels,', /^NetworkPolicy redis: port sentinels/],
  ['base/network-policies.yaml', 'port: 26379', 'port: 26378', /^NetworkPolicy meercat: nobody listens on 26378/],
  ['base/network-policies.yaml', 'meercat/host: "true"', 'meercat/host: "yes"', /^NetworkPolicy redis: it lets in pods that do not/],
  ['base/disruption-budgets.yaml', 'component: redis', 'component: sentinel', /^PodDisruptionBudget redis: it selects no/],
  ['base/redis/stateful-set.yaml', 'serviceName: redis', 'serviceName: cache', /^StatefulSet redis: there is no Service cache/],
  [
    'base/redis/stateful-set.yaml',
    'configMap: { name: redis-scripts',
    'configMap: { name: scripts',
    /^redis: there is no ConfigMap scripts/,
  ],
  ['base/redis/stateful-set.yaml', 'secretName: redis-users', 'secretName: users', /^redis: there is no Secret users/],
  ['base/redis/stateful-set.yaml', '- { name: users, mountPath: /users, readOnly: true }', '', /^redis: nobody mounts users/],
  ['base/redis/stateful-set.yaml', 'name: data, mountPath', 'name: date, mountPath', /^redis: there is no volume date/],
  [
    'base/balancers.yaml',
    'secretRef: { name: meercat-balancer }',
    'secretRef: { name: meercat }',
    /^(?:meercat: )?there is no Secret meercat$/,
  ],
  ['base/service-account.yaml', 'name: meercat', 'name: cat', /^meercat: there is no ServiceAccount/],
  ['base/service-account.yaml', 'Token: false', 'Token: true', /^redis: it has a token/],
  ['base/balancers.yaml', 'runAsNonRoot: true', 'runAsNonRoot: false', /^meercat: it may run as root/],
  ['base/balancers.yaml', 'RuntimeDefault', 'Unconfined', /^meercat: it may make any/],
  ['base/balancers.yaml', 'enableServiceLinks: false', 'enableServiceLinks: true', /^meercat: Services set/],
  ['base/balancers.yaml', 'readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false', /^meercat: balancer may write/],
  ['base/balancers.yaml', 'drop: [ALL]', 'drop: [NET_RAW]', /^meercat: balancer has capabilities/],
  ['base/balancers.yaml', 'limits: { memory: 512Mi }', 'limits: {}', /^meercat: balancer has no limit/],
  ['base/balancers.yaml', 'allowPrivilegeEscalation: false', 'allowPrivilegeEscalation: true', /^meercat: balancer may gain/],
  ['base/balancers.yaml', 'path: /.meercat/live', 'path: /.meercat/ready', /^meercat: its liveness is not live/],
  ['base/balancers.yaml', 'path: /.meercat/ready, port: console', 'path: /.meercat/ready, port: http', /^meercat: its readiness is not/],
  ['base/balancer.env', '=9080', '=9081', /^meercat: its readiness is not/],
  ['base/balancer.env', '=0.0.0.0', '=127.0.0.1', /^meercat: the kubelet cannot/],
  ['base/balancer.env', '_TIMEOUT=30s', '_TIMEOUT=40s', /^meercat: it is killed before/],
  ['base/balancers.yaml', 'seconds: 15', 'seconds: 30', /^meercat: it is killed before/],
  ['base/balancers.yaml', 'preStop: { sleep: { seconds: 15 } }', '{}', /^meercat: it stops before it has left/],
  ['example/application.yaml', 'topologyKey: kubernetes.io/hostname', 'topologyKey: rack', /^example: a node may have/],
  ['cli/pod.yaml', 'readOnlyRootFilesystem: true', 'readOnlyRootFilesystem: false', /^cli: cli may write/],
  ['cli/pod.yaml', 'component: cli', 'component: shell', /^NetworkPolicy redis: it lets in pods/],
  ['example/kustomization.yaml', 'newTag: 0.1.0', 'newTag: latest', /^example: agent has no version/],
];

test('what breaks the rules is found', () =>
  withFolder((folder) => {
    for (const [file, from, to, fault] of BROKEN) {
      const path = join(folder, file);
      const text = readFileSync(path, 'utf8');
      assert.ok(text.includes(from), `${file}: ${from}`);
      writeFileSync(path, from === 'name: meercat, app' ? text.replace(from, to) : text.replaceAll(from, to));
      let found: string[];
      try {
        found = kubeFaults(fleetOf(folder, 'base'));
      } catch (error) {
        found = [(error as Error).message];
      }
      writeFileSync(path, text);
      assert.ok(
        found.some((each) => fault.test(each)),
        `${file}: ${to}: ${found.join('; ')}`,
      );
    }
  }));

test('a kustomization without its secrets, or with what is not known, is refused', () =>
  withFolder((folder) => {
    const file = join(folder, 'example/kustomization.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('resources:', 'bases: []\nresources:'));
    assert.throws(() => loadKustomization(join(folder, 'example')), /does not know: bases/);
    rmSync(join(folder, 'base/secrets'), { recursive: true });
    assert.throws(() => loadKustomization(join(folder, 'base')), /ENOENT.*secrets/);
  }));

/** An object without what kustomize adds: hashes at the end of names, and Secrets in base64. */
function plain(object: KubeObject): unknown {
  const text = JSON.stringify(object).replaceAll(/"(meercat-balancer|redis-scripts|redis-passwords|redis-users)-[a-z0-9]{10}"/g, '"$1"');
  const copy = JSON.parse(text) as KubeObject & { type?: string };
  if (copy.kind !== 'Secret') return copy;
  const { type: _type, ...rest } = copy;
  return {
    ...rest,
    data: Object.fromEntries(Object.entries(copy.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()])),
  };
}

test('the objects are those that kubectl makes, where it is installed', () =>
  withFolder((folder) => {
    const idOf = ({ kind, metadata }: KubeObject): string => `${kind} ${metadata.name}`;
    for (const path of FOLDERS) {
      const own = loadKustomization(join(folder, path));
      assert.ok(own.length > 0, path);
      // Debian's is too old to know these files.
      if (!hasKubectl) {
        process.stdout.write(`NOT CHECKED: deploy/kubernetes/${path} by kubectl, which is missing\n`);
        continue;
      }
      const { status, stdout, stderr } = spawnSync('kubectl', ['kustomize', join(folder, path)], { encoding: 'utf8' });
      assert.is(status, 0, stderr);
      assert.is(stderr, '');
      const made = parseAllDocuments(stdout).map((document) => plain(document.toJS() as KubeObject) as KubeObject);
      assert.equal(made.map(idOf).toSorted(), own.map(idOf).toSorted(), path);
      for (const object of own)
        assert.equal(
          made.find((each) => idOf(each) === idOf(object)),
          object,
          `${path}: ${idOf(object)}`,
        );
    }
  }));

test('the fleet has what it is said to have, and the image is that of the package', () =>
  withFolder((folder) => {
    const objects = loadKustomization(join(folder, 'base'));
    for (const [kind, names] of [
      ['Deployment', ['meercat']],
      ['StatefulSet', ['redis']],
      ['PodDisruptionBudget', ['meercat', 'redis']],
      ['NetworkPolicy', ['meercat', 'redis']],
      ['Service', ['meercat', 'redis']],
    ] as const)
      assert.equal(
        objects.filter((each) => each.kind === kind).map(({ metadata }) => metadata.name),
        names,
      );
    const images = JSON.stringify(fleetOf(folder, 'base')).match(/"meercat:[^"]+"/g) ?? [];
    assert.ok(images.length === 4 && images.every((image) => image === `"meercat:${VERSION}"`), images.join());
    // The script's passwords stay out of the repository.
    assert.is(readFileSync(join(folder, 'base/.gitignore'), 'utf8'), 'secrets/\n');
    const overlay = loadKustomization(join(folder, 'overlays/production'));
    assert.is(objectOf(overlay, 'Deployment', 'meercat').spec?.replicas, 5);
    assert.is(objectOf(overlay, 'Service', 'meercat').spec?.type, 'LoadBalancer');
    assert.is(objectOf(overlay, 'ConfigMap', 'meercat-balancer').data?.['MEERCAT_ACCEPT_PROXY'], '1');
  }));

test.run();
