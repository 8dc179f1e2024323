// The rules that the objects of deploy/kubernetes keep: references lead somewhere, containers are guarded and
// limited, probes ask what they should, and a balancer is never killed before it has drained. A sentence for each
// fault. What a field is called and which ones are needed is checked by types.

import { parseDuration } from '../../lib/config/config.js';
import {
  type Container,
  environmentOf,
  type KubeObject,
  type PodSpec,
  podSpecOf,
  type Port,
  type Probe,
  type Selector,
} from './kube-objects.js';

interface Pods {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: PodSpec;
  /** It is one pod, and not the template of several. */
  readonly isAlone: boolean;
}

const HOUR_MS = 3_600_000;
const SOMEWHERE = { name: 'pod', namespace: 'namespace', ip: '127.0.0.1' };

const podsOf = (objects: readonly KubeObject[]): Pods[] =>
  objects.flatMap((object) => {
    const spec = podSpecOf(object);
    const { name, labels = {} } = object.metadata;
    return spec === undefined
      ? []
      : [{ name, labels: object.spec?.template?.metadata.labels ?? labels, spec, isAlone: object.kind === 'Pod' }];
  });

const isMeant = (labels: Readonly<Record<string, string>>, selector: Readonly<Record<string, unknown>> = {}): boolean =>
  Object.entries(selector).every(([label, value]) => labels[label] === value);

const hasPort = ({ spec }: Pick<Pods, 'spec'>, port: Port): boolean =>
  spec.containers.some(({ ports = [] }) => ports.some(({ name, containerPort }) => port === name || port === containerPort));

/** Selectors, ports, Secrets, ConfigMaps, volumes and accounts that lead nowhere. */
function referenceFaults(objects: readonly KubeObject[]): string[] {
  const faults: string[] = [];
  const pods = podsOf(objects);
  const has = (kind: string, name: string): boolean => objects.some((each) => each.kind === kind && each.metadata.name === name);
  for (const { kind, metadata, spec } of objects) {
    const fault = (text: string) => faults.push(`${kind} ${metadata.name}: ${text}`);
    const selector = kind === 'Service' ? spec?.selector : (spec?.selector?.matchLabels ?? spec?.podSelector?.matchLabels);
    const meant = pods.filter(({ labels }) => isMeant(labels, selector));
    if (selector !== undefined && meant.length === 0) fault('it selects no pod');
    if (spec?.template !== undefined && !isMeant(spec.template.metadata.labels, selector)) fault('it does not select its own pods');
    if (spec?.serviceName !== undefined && !has('Service', spec.serviceName)) fault(`there is no Service ${spec.serviceName}`);
    for (const { port, targetPort = port } of spec?.ports ?? [])
      if (!meant.every((each) => hasPort(each, targetPort))) fault(`port ${targetPort} is none of its pods'`);
    for (const { from = [], ports = [] } of spec?.ingress ?? []) {
      for (const { port } of ports) if (!meant.some((each) => hasPort(each, port))) fault(`port ${port} is none of its pods'`);
      for (const { podSelector } of from) if (!canMean(podSelector, pods)) fault('it lets in pods that do not exist');
    }
    for (const { to = [], ports = [] } of spec?.egress ?? []) {
      const targets = pods.filter(({ labels }) => to.some(({ podSelector }) => podSelector && isMeant(labels, podSelector.matchLabels)));
      if (to.some(({ podSelector }) => !canMean(podSelector, pods))) fault('it lets out to pods that do not exist');
      for (const { port } of to.length === 0 ? [] : ports)
        if (!targets.some((each) => hasPort(each, port))) fault(`nobody listens on ${port}`);
    }
  }
  for (const { name, spec } of pods) {
    const fault = (text: string) => faults.push(`${name}: ${text}`);
    const { serviceAccountName, volumes = [], topologySpreadConstraints = [] } = spec;
    if (serviceAccountName !== undefined && !has('ServiceAccount', serviceAccountName))
      fault(`there is no ServiceAccount ${serviceAccountName}`);
    for (const { configMap, secret } of volumes) {
      if (configMap !== undefined && !has('ConfigMap', configMap.name)) fault(`there is no ConfigMap ${configMap.name}`);
      if (secret !== undefined && !has('Secret', secret.secretName)) fault(`there is no Secret ${secret.secretName}`);
    }
    for (const { labelSelector } of topologySpreadConstraints)
      if (
        !canMean(
          labelSelector,
          pods.filter((each) => each.name === name),
        )
      )
        fault('it spreads other pods');
    const mounted = spec.containers.flatMap(({ volumeMounts = [] }) => volumeMounts.map((each) => each.name));
    for (const mount of mounted) if (!volumes.some((each) => each.name === mount)) fault(`there is no volume ${mount}`);
    for (const volume of volumes) if (!mounted.includes(volume.name)) fault(`nobody mounts ${volume.name}`);
    for (const { envFrom = [] } of spec.containers)
      for (const { configMapRef, secretRef } of envFrom) {
        if (configMapRef !== undefined && !has('ConfigMap', configMapRef.name)) fault(`there is no ConfigMap ${configMapRef.name}`);
        if (secretRef !== undefined && !has('Secret', secretRef.name)) fault(`there is no Secret ${secretRef.name}`);
      }
    for (const container of spec.containers)
      for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe])
        if (probe?.httpGet !== undefined && numberOf(container, probe.httpGet.port) === undefined)
          fault(`${container.name} is probed on no port of its own`);
  }
  return faults;
}

const canMean = (selector: Selector | undefined, pods: readonly Pods[]): boolean =>
  selector === undefined || pods.some(({ labels }) => isMeant(labels, selector.matchLabels));

const numberOf = ({ ports = [] }: Container, port: Port): number | undefined =>
  ports.find(({ name, containerPort }) => port === name || port === containerPort)?.containerPort;

/** Pods that the standard `restricted` would refuse, and more: a token, a root file system, memory without a limit. */
function guardFaults(objects: readonly KubeObject[]): string[] {
  return podsOf(objects).flatMap(({ name, spec, isAlone }) => {
    const { securityContext: pod } = spec;
    const accounts = objects.filter(({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name === spec.serviceAccountName);
    const faults = [
      [pod?.runAsNonRoot === true && (pod.runAsUser ?? 0) > 0, 'it may run as root'],
      [pod?.seccompProfile?.type === 'RuntimeDefault', 'it may make any system call'],
      [
        spec.automountServiceAccountToken === false && accounts.every((each) => each.automountServiceAccountToken === false),
        'it has a token',
      ],
      [spec.enableServiceLinks === false, 'Services set its variables'],
      [
        isAlone || (spec.topologySpreadConstraints ?? []).some(({ topologyKey }) => topologyKey === 'kubernetes.io/hostname'),
        'a node may have all of it',
      ],
      ...spec.containers.flatMap(({ name: container, image, resources, securityContext: own }): [boolean, string][] => [
        [/:[^:]*\d/.test(image) && !image.endsWith(':latest'), `${container} has no version`],
        [own?.allowPrivilegeEscalation === false, `${container} may gain privileges`],
        [own?.readOnlyRootFilesystem === true, `${container} may write to its root file system`],
        [own?.capabilities?.drop?.join() === 'ALL', `${container} has capabilities`],
        [resources?.limits?.['memory'] !== undefined, `${container} has no limit of memory`],
        [resources?.requests?.['cpu'] !== undefined, `${container} requests no CPU`],
        [resources?.limits?.['memory'] === resources?.requests?.['memory'], `${container} may be evicted for memory that it was promised`],
      ]),
    ] as const;
    return faults.filter(([isGood]) => !isGood).map(([, fault]) => `${name}: ${fault}`);
  });
}

/** Balancers that are probed for what says nothing of them, or are killed before they have drained. */
function balancerFaults(objects: readonly KubeObject[]): string[] {
  const faults: string[] = [];
  for (const { name, spec } of podsOf(objects))
    for (const container of spec.containers.filter(({ args }) => args?.[0] === 'balancer')) {
      const env = environmentOf(container, objects, SOMEWHERE);
      const asks = (probe: Probe | undefined, page: string): boolean =>
        probe?.httpGet?.path === page && String(numberOf(container, probe.httpGet.port)) === env['MEERCAT_CONSOLE_PORT'];
      const timeMs = (variable: string): number => parseDuration(variable, env[variable] ?? '0ms', 0, HOUR_MS);
      const stopMs =
        (container.lifecycle?.preStop?.sleep?.seconds ?? 0) * 1000 + timeMs('MEERCAT_DRAIN_DELAY') + timeMs('MEERCAT_DRAIN_TIMEOUT');
      const checks: readonly (readonly [boolean, string])[] = [
        [asks(container.startupProbe, '/.meercat/live'), 'its start is not waited for'],
        [asks(container.livenessProbe, '/.meercat/live'), 'its liveness is not live on the console'],
        [asks(container.readinessProbe, '/.meercat/ready'), 'its readiness is not ready on the console'],
        [env['MEERCAT_CONSOLE_BIND'] === '0.0.0.0', 'the kubelet cannot reach its console'],
        [hasPort({ spec }, Number(env['MEERCAT_PORT'])), 'its port for clients is not declared'],
        [(container.lifecycle?.preStop?.sleep?.seconds ?? 0) >= 5, 'it stops before it has left the Service'],
        [(spec.terminationGracePeriodSeconds ?? 30) * 1000 >= stopMs + 5000, 'it is killed before it has drained'],
        [env['MEERCAT_NAME'] === SOMEWHERE.name, 'it is not named as its pod'],
      ];
      faults.push(...checks.filter(([isGood]) => !isGood).map(([, fault]) => `${name}: ${fault}`));
    }
  return faults;
}

const AWS = 'service.beta.kubernetes.io/aws-load-balancer-';

/** Load balancers whose health checks begin with a PROXY header, and ask somebody who does not understand it. */
function loadBalancerFaults(objects: readonly KubeObject[]): string[] {
  return objects.flatMap(({ kind, metadata: { name, annotations = {} } }) => {
    if (kind !== 'Service' || annotations[`${AWS}proxy-protocol`] === undefined) return [];
    const isPlain = annotations[`${AWS}healthcheck-protocol`] === 'tcp' && annotations[`${AWS}healthcheck-port`] === 'traffic-port';
    return isPlain && annotations[`${AWS}healthcheck-path`] === undefined
      ? []
      : [`Service ${name}: its health checks begin with a PROXY header, so they have to be TCP on the traffic port`];
  });
}

/** Every fault of the objects of a fleet. */
export function kubeFaults(objects: readonly KubeObject[]): string[] {
  const ids = objects.map(({ kind, metadata: { namespace = '', name } }) => `${kind} ${namespace}/${name}`);
  const twice = ids.filter((id, i) => ids.indexOf(id) !== i).map((id) => `${id} is there twice`);
  return [...twice, ...referenceFaults(objects), ...guardFaults(objects), ...balancerFaults(objects), ...loadBalancerFaults(objects)];
}
