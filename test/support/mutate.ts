// Seeded damage to texts and values, for fuzzing what reads messages from outside.

import type { Random } from '../../lib/routing/random.js';

/** Values that parsers like to trip over. */
export const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -0,
  -1,
  1.5,
  1e308,
  -1e308,
  2 ** 31,
  2 ** 53,
  2 ** 64,
  '',
  ' ',
  'NaN',
  '1',
  'a'.repeat(10_000),
  '\u0000',
  '\n',
  '\u001b[31m',
  '\u202e',
  '\ud800',
  '__proto__',
  'constructor',
  'toString',
  [],
  [[]],
  [null],
  {},
  { __proto__: null },
  { length: 1e9 },
  'http://user:pass@h',
  'javascript:alert(1)',
  'http://',
  'http://h:99999',
];

const TEXTS = [
  '1e999',
  '-1e999',
  'NaN',
  '{"__proto__":{"v":1,"x":1}}',
  '"__proto__":{"polluted":1},',
  '[',
  '{',
  '"',
  '\\',
  '\u0000',
  ',',
  '}',
  ']',
  '9'.repeat(400),
];

const oneOf = <T>(random: Random, values: readonly T[]): T => values[random.below(values.length)] as T;

/** A text with one to four random changes: cut, doubled, overwritten, something odd put in. */
export function mutateText(random: Random, text: string): string {
  let mutated = text;
  for (let i = 1 + random.below(4); i > 0; i--) {
    const at = random.below(mutated.length + 1);
    const to = Math.min(mutated.length, at + random.below(12));
    const put = [
      () => '',
      () => oneOf(random, TEXTS),
      () => String.fromCharCode(random.below(0x10000)),
      () => mutated.slice(at, to).repeat(2),
    ];
    mutated = mutated.slice(0, at) + oneOf(random, put)() + mutated.slice(to);
  }
  return mutated;
}

/** A copy of a JSON value in which one part, at any depth, is replaced, removed or added. */
export function mutateValue(random: Random, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random.below(6) === 0) return oneOf(random, ODD_VALUES);
  if (Array.isArray(value)) {
    const copy: unknown[] = [...(value as unknown[])];
    const at = random.below(copy.length + 1);
    if (random.below(4) === 0) copy.splice(at, 1);
    else copy[at] = at < copy.length ? mutateValue(random, copy[at]) : oneOf(random, ODD_VALUES);
    return copy;
  }
  const entries = Object.entries(value);
  const at = random.below(entries.length + 1);
  const [name, old] = entries[at] ?? [oneOf(random, ['x', 'v', '__proto__', 'constructor', 'full', 'gone']), null];
  const changed: [string, unknown][] = random.below(4) === 0 ? [] : [[name, mutateValue(random, old)]];
  return Object.fromEntries([...entries.filter((_, i) => i !== at), ...changed]);
}
