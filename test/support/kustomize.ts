// The objects that a folder of deploy/kubernetes makes, as `kubectl kustomize` would: enough of kustomize for those
// folders, and an error for what it does not know. Names that kustomize would give a hash have none here. A test
// compares the two where kubectl is installed.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Document, parseAllDocuments } from 'yaml';
import type { KubeObject } from './kube-objects.js';
import { parseVariables } from './container.js';

interface Generator {
  readonly name: string;
  readonly namespace?: string;
  readonly behavior?: 'merge';
  readonly envs?: readonly string[];
  readonly files?: readonly string[];
  readonly literals?: readonly string[];
  readonly options?: { readonly disableNameSuffixHash: boolean };
}

interface Kustomization {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace?: string;
  readonly resources: readonly string[];
  readonly labels?: readonly { readonly pairs: Readonly<Record<string, string>> }[];
  readonly configMapGenerator?: readonly Generator[];
  readonly secretGenerator?: readonly Generator[];
  readonly replicas?: readonly { readonly name: string; readonly count: number }[];
  readonly images?: readonly { readonly name: string; readonly newName?: string; readonly newTag: string }[];
  readonly patches?: readonly { readonly path: string; readonly target?: { readonly kind: string; readonly name: string } }[];
}

const KNOWN: readonly (keyof Kustomization)[] = [
  ...(['apiVersion', 'kind', 'namespace', 'resources', 'labels'] as const),
  ...(['configMapGenerator', 'secretGenerator', 'replicas', 'images', 'patches'] as const),
];

type Tree = Record<string, unknown>;

const documentsByText = new Map<string, readonly Document[]>();

/** The documents of a file, new objects each time; a text is parsed once, as tests change one file of many. */
function readYaml(path: string): unknown[] {
  const text = readFileSync(path, 'utf8');
  const documents = documentsByText.get(text) ?? (parseAllDocuments(text) as readonly Document[]);
  documentsByText.set(text, documents);
  return documents.map((document) => {
    for (const error of document.errors) throw error;
    return document.toJS() as unknown;
  });
}

const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A strategic merge: maps by key, lists of things with a name by that name, everything else as the patch has it. */
function merged(old: unknown, patch: unknown): unknown {
  if (isTree(old) && isTree(patch))
    return Object.fromEntries([...new Set([...Object.keys(old), ...Object.keys(patch)])].map((key) => [key, merged(old[key], patch[key])]));
  const haveNames = (list: unknown): list is Tree[] => Array.isArray(list) && list.every((each) => isTree(each) && 'name' in each);
  if (!haveNames(old) || !haveNames(patch)) return patch ?? old;
  const added = patch.filter(({ name }) => old.every((each) => each['name'] !== name));
  return [
    ...old.map((each) =>
      merged(
        each,
        patch.find(({ name }) => name === each['name']),
      ),
    ),
    ...added,
  ];
}

/** Appends what a JSON patch adds to the end of lists: the one operation that is used. */
function patched(object: KubeObject, operations: readonly { op: string; path: string; value: unknown }[]): KubeObject {
  const copy = structuredClone(object) as unknown as Tree;
  for (const { op, path, value } of operations) {
    const keys = path.split('/').slice(1);
    if (op !== 'add' || keys.pop() !== '-') throw new Error(`a patch that the test does not know: ${op} ${path}`);
    const list = keys.reduce<unknown>((each, key) => (each as Tree)[key], copy);
    (list as unknown[]).push(value);
  }
  return copy as unknown as KubeObject;
}

function generate(folder: string, kind: 'ConfigMap' | 'Secret', { name, envs = [], files = [], literals = [] }: Generator): KubeObject {
  const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
  const data: Record<string, string> = { ...parseVariables(literals.join('\n')) };
  for (const path of envs) Object.assign(data, parseVariables(read(path)));
  for (const file of files) {
    const [path = '', key = basename(path)] = file.split('=').toReversed();
    data[key] = read(path);
  }
  return { apiVersion: 'v1', kind, metadata: { name }, data };
}

/** Replaces what stands in `image` of every container. */
function withImages(object: KubeObject, images: NonNullable<Kustomization['images']>): KubeObject {
  const text = JSON.stringify(object, (key, value: unknown) => {
    const found = key === 'image' && typeof value === 'string' ? images.find(({ name }) => value.split(':')[0] === name) : undefined;
    return found === undefined ? value : `${found.newName ?? found.name}:${found.newTag}`;
  });
  return JSON.parse(text) as KubeObject;
}

/** Every object that a kustomization makes. */
export function loadKustomization(folder: string): KubeObject[] {
  const own = readYaml(join(folder, 'kustomization.yaml'))[0] as Kustomization;
  const unknown = Object.keys(own).filter((key) => !(KNOWN as readonly string[]).includes(key));
  if (unknown.length > 0) throw new Error(`${folder}: kustomization.yaml has what the test does not know: ${unknown.join()}`);
  let objects = own.resources.flatMap((path) =>
    path.endsWith('.yaml') ? (readYaml(join(folder, path)) as KubeObject[]) : loadKustomization(join(folder, path)),
  );
  for (const [kind, generators] of [
    ['ConfigMap', own.configMapGenerator ?? []],
    ['Secret', own.secretGenerator ?? []],
  ] as const)
    for (const generator of generators) {
      const made = generate(folder, kind, generator);
      const isOld = (each: KubeObject): boolean => each.kind === kind && each.metadata.name === generator.name;
      if ((generator.behavior === 'merge') !== objects.some(isOld)) throw new Error(`${kind} ${generator.name}: behavior`);
      if (generator.behavior === undefined) objects.push(made);
      else objects = objects.map((each) => (isOld(each) ? (merged(each, { data: made.data }) as KubeObject) : each));
    }
  for (const { path, target } of own.patches ?? []) {
    const patch = readYaml(join(folder, path))[0] as KubeObject;
    const [kind, name] = target === undefined ? [patch.kind, patch.metadata.name] : [target.kind, target.name];
    if (!objects.some((each) => each.kind === kind && each.metadata.name === name)) throw new Error(`${path}: nothing to patch`);
    objects = objects.map((each) => {
      if (each.kind !== kind || each.metadata.name !== name) return each;
      return Array.isArray(patch) ? patched(each, patch) : (merged(each, patch) as KubeObject);
    });
  }
  for (const { name, count } of own.replicas ?? [])
    objects = objects.map((each) =>
      each.metadata.name === name && each.spec?.replicas !== undefined ? (merged(each, { spec: { replicas: count } }) as KubeObject) : each,
    );
  const labels = Object.assign({}, ...(own.labels ?? []).map(({ pairs }) => pairs)) as Record<string, string>;
  return objects.map((each) => {
    const { metadata } = each;
    const namespace = own.namespace === undefined || each.kind === 'Namespace' ? {} : { namespace: own.namespace };
    const all = { ...metadata.labels, ...labels };
    const named = { ...each, metadata: { ...metadata, ...namespace, ...(Object.keys(all).length > 0 && { labels: all }) } };
    return withImages(named, own.images ?? []);
  });
}
