// Reads the fields of a JSON object one by one, so that every error says where it is and what is allowed; an unknown
// field is an error too, since it is probably a typo.

import { MINUTE } from '../../clock.js';
import { parseDuration } from '../../config/config.js';
import { MeercatError, messageOf } from '../../errors.js';

/** Longest time in a scenario. */
const MAX_TIME_MS = 60 * MINUTE;

/** One object of a file. */
export class JsonFields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #where: string;
  readonly #asked = new Set<string>();

  /** @param where its path in the file, such as `big.json: hosts[2]` */
  constructor(value: unknown, where: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new MeercatError('MEERCAT_BAD_CONFIG', `${where.replace(/:$/, '')}: an object, not ${JSON.stringify(value)}`);
    this.#object = value as Readonly<Record<string, unknown>>;
    this.#where = where;
  }

  /** Path of a field, for errors and nested objects. */
  at(name: string): string {
    return `${this.#where}${this.#where.endsWith(':') ? ' ' : '.'}${name}`;
  }

  refuse(name: string, should: string): never {
    throw new MeercatError('MEERCAT_BAD_CONFIG', `${this.at(name)}: ${should}, not ${JSON.stringify(this.#object[name])}`);
  }

  has(name: string): boolean {
    return this.#get(name) !== undefined;
  }

  number(name: string, fallback: number | null, min: number, max: number): number {
    const value = this.#get(name) ?? fallback;
    if (typeof value !== 'number' || !(value >= min && value <= max)) this.refuse(name, `a number from ${min} to ${max}`);
    return value;
  }

  integer(name: string, fallback: number | null, min: number, max: number): number {
    const value = this.number(name, fallback, min, max);
    if (!Number.isInteger(value)) this.refuse(name, `a whole number from ${min} to ${max}`);
    return value;
  }

  text(name: string, fallback: string | null): string {
    const value = this.#get(name) ?? fallback;
    // oxlint-disable-next-line no-control-regex -- control characters are rejected
    if (typeof value !== 'string' || value === '' || /[\u0000-\u001f\u007f-\u009f]/.test(value))
      this.refuse(name, 'a text without control characters');
    return value;
  }

  choice<Choice extends string>(name: string, fallback: Choice | null, choices: readonly Choice[]): Choice {
    const value = this.#get(name) ?? fallback;
    if (!choices.includes(value as Choice)) this.refuse(name, `one of ${choices.join(', ')}`);
    return value as Choice;
  }

  /** A time such as `500ms` or `8s`, in ms; `words` maps keywords to values. */
  time(name: string, fallback: number | null, minMs: number, words: Readonly<Record<string, number>> = {}): number {
    const value = this.#get(name);
    if (value === undefined && fallback !== null) return fallback;
    if (typeof value === 'string' && Object.hasOwn(words, value)) return words[value] as number;
    const also = Object.keys(words)
      .map((word) => `, or "${word}"`)
      .join('');
    if (typeof value !== 'string') this.refuse(name, `a time such as "500ms" or "8s"${also}`);
    try {
      return parseDuration(this.at(name), value, minMs, MAX_TIME_MS);
    } catch (error) {
      throw new MeercatError('MEERCAT_BAD_CONFIG', `${messageOf(error)}${also}`);
    }
  }

  list(name: string, fallback: readonly unknown[] | null, isEmptyFine = false): readonly unknown[] {
    const value = this.#get(name) ?? fallback;
    if (!Array.isArray(value) || (value.length === 0 && !isEmptyFine))
      this.refuse(name, isEmptyFine ? 'a list' : 'a list that is not empty');
    return value as readonly unknown[];
  }

  /** A list of objects, each read by `read`. */
  objects<Item>(name: string, fallback: readonly unknown[] | null, read: (fields: JsonFields) => Item, isEmptyFine = false): Item[] {
    return this.list(name, fallback, isEmptyFine).map((each, index) => {
      const fields = new JsonFields(each, this.at(`${name}[${index}]`));
      const item = read(fields);
      fields.end();
      return item;
    });
  }

  /** A nested object; an empty one if absent. */
  object<Item>(name: string, read: (fields: JsonFields) => Item): Item {
    const fields = new JsonFields(this.#get(name) ?? {}, this.at(name));
    const item = read(fields);
    fields.end();
    return item;
  }

  /** Rejects any other fields. */
  end(): void {
    const odd = Object.keys(this.#object).find((name) => !this.#asked.has(name));
    if (odd !== undefined)
      throw new MeercatError('MEERCAT_BAD_CONFIG', `${this.at(odd)}: not a field; there are ${[...this.#asked].join(', ')}`);
  }

  #get(name: string): unknown {
    this.#asked.add(name);
    return this.#object[name];
  }
}
