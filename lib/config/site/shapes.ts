// The shapes that values of a site document have. Each shape reads a value of the tree and is a JSON Schema of the same
// value, so that the reader and what editors are told can't differ. Invariant: a value that does not fit adds a problem
// and gives undefined, and its neighbours are read all the same.

import { nearestWord } from '../../nearest.js';
import type { DocEntry, DocMap, DocNode } from './document-tree.js';
import { code, inside, type Problems, quoted, type Where } from './problems.js';

/** A JSON Schema (draft 2020-12), or a part of one. */
export type Schema = { readonly [keyword: string]: unknown };

/** What a value must look like. */
export interface Shape<T> {
  readonly schema: Schema;
  /** The value; undefined when it does not fit, and then there is a problem. */
  read(node: DocNode, where: Where | null, problems: Problems): T | undefined;
}

/** A key of a map. */
export interface KeyField<T> {
  readonly shape: Shape<unknown>;
  readonly isNeeded: boolean;
  /** What editors show. */
  readonly about: string;
  /** The value when there is none that fits. */
  readonly fallback: T;
}

/** A key that must be there; its value is undefined when it does not fit. */
export function needed<T>(shape: Shape<T>, about: string): KeyField<T | undefined> {
  return { shape, isNeeded: true, about, fallback: undefined };
}

/** A key that may be left out. */
export function optional<T, F>(shape: Shape<T>, about: string, fallback: F): KeyField<T | F> {
  return { shape, isNeeded: false, about, fallback };
}

type Fields = Readonly<Record<string, KeyField<unknown>>>;

/** A map that was read: the value of each key, and where everything stands. */
export type Fitted<F extends Fields> = { readonly [K in keyof F]: F[K] extends KeyField<infer T> ? T : never } & {
  readonly at: number;
  /** Where the keys that are there stand. */
  readonly places: { readonly [K in keyof F]?: number };
};

/** A value and where it stands. */
export interface Placed<T> {
  readonly at: number;
  readonly value: T;
}

/** A key of a map with keys of the user's own, and its value; undefined when that does not fit. */
export interface PlacedEntry<T> extends Placed<T | undefined> {
  readonly key: string;
}

/** What a node is, for the end of a message. */
function describe(node: DocNode): string {
  if (node.kind !== 'scalar') return `a ${node.kind}`;
  if (node.value === null) return 'an empty value';
  return typeof node.value === 'string' ? quoted(node.text) : code(node.text);
}

/** Adds the problem that a value is not what it must be. */
export function refuse(node: DocNode, where: Where | null, problems: Problems, wanted: string): undefined {
  problems.add(node.at, where, `must be ${wanted}, not ${describe(node)}`);
  return undefined;
}

/** The entries of a map without those whose key comes a second time, which are problems. */
function uniqueEntries({ entries }: DocMap, where: Where | null, problems: Problems): DocEntry[] {
  const first = new Map<string, DocEntry>();
  for (const entry of entries) {
    const other = first.get(entry.key);
    if (other === undefined) first.set(entry.key, entry);
    else problems.add(entry.at, where, `${code(entry.key)} is given twice: it stands on line ${problems.lineOf(other.at)} already`);
  }
  return [...first.values()];
}

/** A map with these keys and no others; of `oneOf`, exactly one must be there. */
export function object<F extends Fields>(fields: F, oneOf: readonly (keyof F & string)[] = []): Shape<Fitted<F>> {
  const known = Object.keys(fields);
  const needs = known.filter((key) => fields[key]?.isNeeded);
  const choice = oneOf
    .map(code)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1');
  return {
    schema: {
      type: 'object',
      properties: Object.fromEntries(known.map((key) => [key, { ...fields[key]?.shape.schema, description: fields[key]?.about }])),
      additionalProperties: false,
      ...(needs.length > 0 && { required: needs }),
      ...(oneOf.length > 0 && { oneOf: oneOf.map((key) => ({ required: [key] })) }),
    },
    read(node, where, problems) {
      if (node.kind !== 'map')
        return refuse(node, where, problems, `a map with ${known.length > 1 ? 'the keys ' : ''}${known.map(code).join(', ')}`);
      const values: Record<string, unknown> = {};
      const places: Record<string, number> = {};
      for (const { key, at, value } of uniqueEntries(node, where, problems)) {
        if (!Object.hasOwn(fields, key)) {
          problems.add(at, where, unknownKey(key, known));
          continue;
        }
        places[key] = at;
        values[key] = fields[key]?.shape.read(value, inside(where, key), problems);
      }
      for (const key of needs) if (!Object.hasOwn(places, key)) problems.add(node.at, where, `${code(key)} is missing`);
      const chosen = oneOf.filter((key) => Object.hasOwn(places, key));
      if (oneOf.length > 0 && chosen.length === 0) problems.add(node.at, where, `${choice} is missing`);
      for (const key of chosen.slice(1))
        problems.add(places[key] as number, where, `${code(key)} can't stand beside ${code(chosen[0] as string)}: keep one of them`);
      for (const key of known) values[key] ??= fields[key]?.fallback;
      return { ...values, at: node.at, places } as Fitted<F>;
    },
  };
}

function unknownKey(key: string, known: readonly string[]): string {
  const near = nearestWord(key.slice(0, 80), known);
  const wayOut = near === undefined ? `known are ${known.map(code).join(', ')}` : `did you mean ${code(near)}?`;
  return `unknown key ${code(key)}; ${wayOut}`;
}

/** Bounds of a list or map, both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** Whether there are neither too few nor too many; else that is a problem. */
function isInBounds(count: number, { min, max }: Bounds, at: number, where: Where | null, problems: Problems): boolean {
  if (count >= min && count <= max) return true;
  problems.add(
    at,
    where,
    count < min ? 'is empty: leave it out, or give at least one' : `has ${count} entries; at most ${max} are possible`,
  );
  return false;
}

/** A list; items that do not fit are left out. */
export function list<T>(item: Shape<T>, bounds: Bounds, subject?: (index: number) => string): Shape<Placed<T>[]> {
  return {
    schema: { type: 'array', items: item.schema, minItems: bounds.min, maxItems: bounds.max },
    read(node, where, problems) {
      if (node.kind !== 'list') return refuse(node, where, problems, 'a list, such as [a, b]');
      if (!isInBounds(node.items.length, bounds, node.at, where, problems)) return undefined;
      return node.items.flatMap((each, index) => {
        const value = item.read(each, subject === undefined ? where : { parent: where, name: subject(index), isSubject: true }, problems);
        return value === undefined ? [] : [{ at: each.at, value }];
      });
    },
  };
}

/** A rule for the keys of a map: a problem as text, or undefined when there is none. */
export interface KeyRule {
  readonly pattern?: RegExp;
  check(key: string): string | undefined;
}

/** A map whose keys are the user's own. */
export function record<T>(keys: KeyRule, shape: Shape<T>, bounds: Bounds, subject?: (key: string) => string): Shape<PlacedEntry<T>[]> {
  return {
    schema: {
      type: 'object',
      additionalProperties: shape.schema,
      ...(keys.pattern !== undefined && { propertyNames: { pattern: keys.pattern.source } }),
      minProperties: bounds.min,
      maxProperties: bounds.max,
    },
    read(node, where, problems) {
      if (node.kind !== 'map') return refuse(node, where, problems, 'a map, such as {a: b}');
      if (!isInBounds(node.entries.length, bounds, node.at, where, problems)) return undefined;
      return uniqueEntries(node, where, problems).map(({ key, at, value }) => {
        const wrong = keys.check(key);
        if (wrong !== undefined) problems.add(at, where, wrong);
        const place: Where = subject === undefined ? inside(where, key) : { parent: where, name: subject(key), isSubject: true };
        return { key, at, value: shape.read(value, place, problems) };
      });
    },
  };
}

/** One of two shapes: the first for scalars, the second for maps. */
export function either<A, B>(scalar: Shape<A>, map: Shape<B>): Shape<A | B> {
  return {
    schema: { anyOf: [scalar.schema, map.schema] },
    read: (node, where, problems): A | B | undefined => (node.kind === 'map' ? map : scalar).read(node, where, problems),
  };
}

/** A shape that also gives where its value stands. */
export function placed<T>(shape: Shape<T>): Shape<Placed<T>> {
  return {
    schema: shape.schema,
    read(node, where, problems) {
      const value = shape.read(node, where, problems);
      return value === undefined ? undefined : { at: node.at, value };
    },
  };
}
