// The JSON Schema of site documents keeps in step with the reader: what the reader takes, the schema takes; both know the
// same keys; and every key is in the reference of the documents.

import { Ajv2020 } from 'ajv/dist/2020.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { readSite } from '../../../lib/config/site/read-site.js';
import { siteSchema } from '../../../lib/config/site/site-schema.js';
import { MAX_SITE_DEPTH, MAX_SITE_HOSTS, MAX_SITE_POOLS, MAX_SITE_ROUTES } from '../../../lib/config/site/limits.js';
import { MAX_SITE_ALTERNATIVES } from '../../../lib/config/site/unreachable.js';
import { codeIn, readPage, tableBelow } from '../../support/documents.js';
import { EXAMPLE, problemsOf, warningsOf, WITH_EVERY_KEY } from '../../support/site-documents.js';

const test = suite('site: schema');

const validate = new Ajv2020({ allErrors: false }).compile(siteSchema());

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const isRead = (document: Json): boolean => 'site' in readSite(JSON.stringify(document));

/** A place in a document: keys and indexes from the root. */
type Place = readonly (string | number)[];

/** Every value of a document with its place, maps and lists too. */
function* valuesOf(value: Json, place: Place = []): Generator<readonly [place: Place, value: Json]> {
  yield [place, value];
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) yield* valuesOf(inner as Json, [...place, Array.isArray(value) ? Number(key) : key]);
}

/** The document with another value at a place. */
function withValue(document: Json, [first, ...rest]: Place, value: Json): Json {
  if (first === undefined) return value;
  if (Array.isArray(document)) return document.map((item: Json, index) => (index === first ? withValue(item, rest, value) : item));
  const map = document as { readonly [key: string]: Json };
  return { ...map, [first]: withValue(map[first] ?? null, rest, value) };
}

const ALL: Json = WITH_EVERY_KEY;

test('the example and a document with every key are good for both', () => {
  assert.ok(validate(parse(EXAMPLE)), JSON.stringify(validate.errors));
  assert.equal(problemsOf(JSON.stringify(ALL)), []);
  assert.ok(validate(ALL), JSON.stringify(validate.errors));
});

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, ObjectSchema>>;
  readonly additionalProperties?: ObjectSchema | false;
  readonly items?: ObjectSchema;
  readonly anyOf?: readonly ObjectSchema[];
  readonly description?: string;
}

/** Every key of the schema with its place, `*` for keys of the user's own and `[]` for items. */
function* keysOf(schema: ObjectSchema, place = ''): Generator<readonly [place: string, schema: ObjectSchema]> {
  for (const [key, inner] of Object.entries(schema.properties ?? {})) {
    yield [`${place}.${key}`, inner];
    yield* keysOf(inner, `${place}.${key}`);
  }
  if (schema.additionalProperties) yield* keysOf(schema.additionalProperties, `${place}.*`);
  if (schema.items !== undefined) yield* keysOf(schema.items, `${place}[]`);
  for (const inner of schema.anyOf ?? []) yield* keysOf(inner, place);
}

test('the document with every key has every key of the schema, and each of them is explained', () => {
  const schema = siteSchema() as ObjectSchema;
  const present = new Set(
    [...valuesOf(ALL)].map(([place]) =>
      place.map((part, depth) => (typeof part === 'number' ? '[]' : depth === 1 && place[0] === 'pools' ? '.*' : `.${part}`)).join(''),
    ),
  );
  const keys = [...keysOf(schema)];
  assert.ok(keys.length > 80, `${keys.length} keys`);
  assert.equal(
    keys.map(([place]) => place).filter((place) => !present.has(place)),
    [],
  );
  for (const [place, { description = '' }] of keys) assert.match(description, /^[A-Z`].*\.$/, place);
});

const PAGE = readPage('docs/site.md');

test('every key is in a table of its page, and the example there is good', () => {
  const rows = PAGE.text.split('\n').filter((line) => line.startsWith('| '));
  const words = new Set(rows.flatMap(codeIn).flatMap((each) => each.split(/[^\w]+/)));
  const keys = [...keysOf(siteSchema() as ObjectSchema)].map(([place]) => /\w+$/.exec(place)?.[0] as string);
  assert.equal(
    keys.filter((key) => !words.has(key)),
    [],
  );
  const examples = [...PAGE.text.matchAll(/^```yaml\n([^]*?)^```$/gm)].map(([, text]) => text as string);
  assert.ok(examples.length > 0);
  for (const text of examples) assert.equal(warningsOf(text), []);
});

test('the limits of its page are those in force', () => {
  const limits = new Map(
    tableBelow(PAGE, '## Format').map(([what = '', value = '']) => [what, Number(value.replaceAll(',', '').split(' ')[0])]),
  );
  assert.equal(
    ['nesting', 'pools', 'hosts that the document names', 'routes', 'combinations of host names, methods and schemes, over all routes'].map(
      (what) => limits.get(what),
    ),
    [MAX_SITE_DEPTH, MAX_SITE_POOLS, MAX_SITE_HOSTS, MAX_SITE_ROUTES, MAX_SITE_ALTERNATIVES],
  );
});

test('a key that is not known is refused by both, wherever it stands', () => {
  const OWN_KEYS = /^pools$|,(?:to|headers|query|set|add)$/;
  let tried = 0;
  for (const [place, value] of valuesOf(ALL)) {
    // Maps whose keys are the user's own take any.
    const isOwn = OWN_KEYS.test(place.join()) && !/^routes,\d+,headers$/.test(place.join());
    if (typeof value !== 'object' || value === null || Array.isArray(value) || isOwn) continue;
    const worse = withValue(ALL, [...place, 'unknownKey'], 'x');
    assert.not.ok(validate(worse), place.join());
    assert.match(problemsOf(JSON.stringify(worse))[0] ?? '', /unknown key `unknownKey`/, place.join());
    tried++;
  }
  assert.ok(tried > 35, `${tried} maps`);
});

test('whatever takes the place of any value: what the reader takes, the schema takes too', () => {
  const others: readonly Json[] = [
    null,
    true,
    0,
    1,
    -1,
    1.5,
    1e300,
    301,
    502,
    '',
    'x',
    '1',
    '1s',
    '50%',
    '/x',
    'http://h:1',
    'path',
    [],
    ['x'],
    {},
    { x: 'y' },
  ];
  const taken = new Set<Json>();
  let turn = 0;
  for (const [place] of valuesOf(ALL)) {
    // Seven of them at each place, others at the next.
    for (let i = 0; i < 7; i++) {
      const other = others[turn++ % others.length] as Json;
      const changed = withValue(ALL, place, other);
      if (!isRead(changed)) continue;
      assert.ok(validate(changed), `${place.join()}: ${JSON.stringify(other)}: ${JSON.stringify(validate.errors)}`);
      taken.add(other);
    }
  }
  assert.ok(taken.size > 12, `${taken.size} of the values were taken somewhere`);
});

test('the schema refuses wrong types and values that it can know', () => {
  const worse: readonly (readonly [Place, Json])[] = [
    [['version'], 2],
    [['pools', 'web', 'limits', 'fleet'], '100'],
    [['pools', 'web', 'limits', 'fleet'], 0],
    [['pools', 'web', 'limits', 'queueTimeout'], '-1s'],
    [['pools', 'web', 'retries', 'budget'], '101%'],
    [['pools', 'web', 'affinity'], {}],
    [['pools', 'a/b'], {}],
    [['routes', 0, 'redirect'], { host: 'x' }],
    [['routes', 0, 'match', 'path'], 'v2'],
    [['routes', 0, 'match', 'methods'], []],
    [['routes', 5, 'respond'], {}],
  ];
  for (const [place, value] of worse) {
    const document = withValue(ALL, place, value);
    assert.not.ok(validate(document), place.join());
    assert.not.ok(isRead(document), place.join());
  }
});

test.run();
