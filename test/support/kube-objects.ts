// Kubernetes objects as tests look at them: those fields that the rules are about, and what a container would start
// with. That nothing else is wrong in them is for the types of kubernetes-types to say.

/** A reference to a number or a name. */
export type Port = number | string;

/** What runs in a probe or a hook. */
export interface Probe {
  readonly httpGet?: { readonly path: string; readonly port: Port };
  readonly exec?: { readonly command: readonly string[] };
  readonly sleep?: { readonly seconds: number };
}

/** A variable of a container. */
export interface EnvVar {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly resourceFieldRef?: { readonly containerName: string; readonly resource: string };
  };
}

/** A container of a pod. */
export interface Container {
  readonly name: string;
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly { readonly configMapRef?: { readonly name: string }; readonly secretRef?: { readonly name: string } }[];
  readonly ports?: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe?: Probe;
  readonly livenessProbe?: Probe;
  readonly readinessProbe?: Probe;
  readonly lifecycle?: { readonly preStop?: Probe };
  readonly resources?: {
    readonly requests?: Readonly<Record<string, string>>;
    readonly limits?: Readonly<Record<string, string>>;
  };
  readonly securityContext?: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities?: { readonly drop?: readonly string[] };
  };
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

/** What a pod consists of. */
export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly automountServiceAccountToken?: boolean;
  readonly enableServiceLinks?: boolean;
  readonly terminationGracePeriodSeconds?: number;
  readonly securityContext?: {
    readonly runAsNonRoot?: boolean;
    readonly runAsUser?: number;
    readonly seccompProfile?: { readonly type: string };
  };
  readonly topologySpreadConstraints?: readonly { readonly topologyKey: string; readonly labelSelector: Selector }[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly {
    readonly name: string;
    readonly configMap?: { readonly name: string };
    readonly secret?: { readonly secretName: string };
  }[];
}

/** Which pods are meant. */
export interface Selector {
  readonly matchLabels?: Readonly<Record<string, string>>;
}

/** One side of a rule in a NetworkPolicy. */
export interface Peer {
  readonly podSelector?: Selector;
  readonly namespaceSelector?: Selector;
  readonly ipBlock?: { readonly cidr: string };
}

/** One rule of a NetworkPolicy. */
export interface PolicyRule {
  readonly from?: readonly Peer[];
  readonly to?: readonly Peer[];
  readonly ports?: readonly { readonly port: Port }[];
}

/** Any object. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly automountServiceAccountToken?: boolean;
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Partial<PodSpec> & {
    readonly replicas?: number;
    readonly serviceName?: string;
    readonly type?: string;
    readonly clusterIP?: string;
    /** Of a Service the labels themselves. */
    readonly selector?: Selector & Readonly<Record<string, unknown>>;
    readonly podSelector?: Selector;
    readonly ports?: readonly { readonly port: number; readonly targetPort?: Port }[];
    readonly ingress?: readonly PolicyRule[];
    readonly egress?: readonly PolicyRule[];
    readonly template?: { readonly metadata: { readonly labels: Readonly<Record<string, string>> }; readonly spec: PodSpec };
  };
}

/** What the cluster tells a pod about itself. */
export interface PodFacts {
  readonly name: string;
  readonly namespace: string;
  readonly ip: string;
}

/** An object by kind and name; throws when there is none. */
export function objectOf(objects: readonly KubeObject[], kind: string, name: string): KubeObject {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found;
}

/** What the pods of an object consist of: of a pod itself, or of the template of a Deployment or StatefulSet. */
export function podSpecOf({ kind, spec }: KubeObject): PodSpec | undefined {
  return kind === 'Pod' ? (spec as PodSpec) : spec?.template?.spec;
}

/** A container of a pod, Deployment or StatefulSet. */
export function containerOf(object: KubeObject, name: string): Container {
  const found = podSpecOf(object)?.containers.find((each) => each.name === name);
  if (found === undefined) throw new Error(`${object.kind} ${object.metadata.name} has no container ${name}`);
  return found;
}

function fieldOf(path: string, { name, namespace, ip }: PodFacts): string {
  const fields: Readonly<Record<string, string>> = { 'metadata.name': name, 'metadata.namespace': namespace, 'status.podIP': ip };
  const value = fields[path];
  if (value === undefined) throw new Error(`a field that the test does not know: ${path}`);
  return value;
}

/** The variables of a container, as the kubelet would set them: of Secrets and ConfigMaps, then its own, which see those before. */
export function environmentOf(container: Container, objects: readonly KubeObject[], pod: PodFacts): Record<string, string> {
  const env: Record<string, string> = {};
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef !== undefined) Object.assign(env, objectOf(objects, 'ConfigMap', configMapRef.name).data);
    if (secretRef !== undefined) Object.assign(env, objectOf(objects, 'Secret', secretRef.name).data);
  }
  for (const { name, value, valueFrom } of container.env ?? []) {
    const { fieldRef, resourceFieldRef } = valueFrom ?? {};
    if (fieldRef !== undefined) env[name] = fieldOf(fieldRef.fieldPath, pod);
    else if (resourceFieldRef !== undefined)
      env[name] = container.resources?.limits?.[resourceFieldRef.resource.replace('limits.', '')] ?? '';
    else env[name] = expand(value ?? '', env);
  }
  return env;
}

/** `$(NAME)` in a value or an argument; a name that is not set stays as it is. */
export function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole);
}
