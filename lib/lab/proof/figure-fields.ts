// Reads measured values from the JSON of a run. Invariant: what it returns has the promised type and bounds, whatever the
// file contains; an error names the field. Unlike a scenario, it ignores unknown fields: a later version may add some.

import { MeercatError } from '../../errors.js';
import { JsonFields } from '../simulation/json-fields.js';
import type { Spread } from './figures.js';

/** Largest number in a run, far above any rate or time that can be measured. */
const MAX_FIGURE = 1e12;

/** Longest text, in characters, and longest list. */
const MAX_TEXT = 1000;
const MAX_ITEMS = 2000;

/** One object of a run's JSON. */
export class FigureFields extends JsonFields {
  readonly #object: Readonly<Record<string, unknown>>;

  /** @param where its path in the file, such as `run.json: figures.faults[2]` */
  constructor(value: unknown, where: string) {
    super(objectAt(value, where), where);
    this.#object = value as Readonly<Record<string, unknown>>;
  }

  /** As in {@link JsonFields}, but the message stays short however large or deep the value is. */
  override refuse(name: string, should: string): never {
    refuseAt(this.at(name), should, this.#object[name]);
  }

  /** A number that is set, not measured: it is always there. */
  setting(name: string, min = 0, max = MAX_FIGURE): number {
    return this.number(name, null, min, max);
  }

  /** A measured number; NaN where the run has null, which is how JSON writes what was not measured. */
  figure(name: string, min = 0): number {
    return this.#object[name] === null ? Number.NaN : this.number(name, null, min, MAX_FIGURE);
  }

  /** As {@link figure}, or null. */
  figureOrNull(name: string): number | null {
    return this.#object[name] === null ? null : this.number(name, null, 0, MAX_FIGURE);
  }

  /** A text of a bounded length, without control characters; it may be empty. */
  line(name: string): string {
    if (this.#object[name] === '') return '';
    const text = this.text(name, null);
    if (text.length > MAX_TEXT) this.refuse(name, `a text of at most ${MAX_TEXT} characters`);
    return text;
  }

  /** A list of texts. */
  lines(name: string): string[] {
    return this.#bounded(name).map((each, index) => new FigureFields({ [index]: each }, this.at(name)).line(String(index)));
  }

  /** A list of numbers from 0 on. */
  numbers(name: string): number[] {
    return this.#bounded(name).map((each, index) =>
      new FigureFields({ [index]: each }, this.at(name)).number(String(index), null, 0, MAX_FIGURE),
    );
  }

  /** A spread whose median lies between its ends. */
  spread(name: string, min = 0, max = MAX_FIGURE): Spread {
    const fields = this.child(name);
    const of = (each: 'median' | 'least' | 'most'): number =>
      fields.#object[each] === null ? Number.NaN : fields.number(each, null, min, max);
    const spread = { median: of('median'), least: of('least'), most: of('most') };
    if (spread.least > spread.median) fields.refuse('least', `at most the median, ${spread.median}`);
    if (spread.most < spread.median) fields.refuse('most', `at least the median, ${spread.median}`);
    return spread;
  }

  /** As {@link spread}, or null. */
  spreadOrNull(name: string): Spread | null {
    return this.isNull(name) ? null : this.spread(name);
  }

  /** Whether the field is there. */
  override has(name: string): boolean {
    return this.#object[name] !== undefined;
  }

  /** Whether the field is there and null. */
  isNull(name: string): boolean {
    return this.#object[name] === null;
  }

  /** A nested object, which must be there. */
  child(name: string): FigureFields {
    return new FigureFields(this.#object[name], this.at(name));
  }

  /** A list of objects; it may be empty. */
  items<Item>(name: string, read: (fields: FigureFields) => Item): Item[] {
    return this.#bounded(name).map((each, index) => read(new FigureFields(each, this.at(`${name}[${index}]`))));
  }

  #bounded(name: string): readonly unknown[] {
    const list = this.list(name, null, true);
    if (list.length > MAX_ITEMS) this.refuse(name, `a list of at most ${MAX_ITEMS}`);
    return list;
  }
}

function objectAt(value: unknown, where: string): unknown {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  return refuseAt(where.replace(/:$/, ''), 'an object', value);
}

/** Longest value that a message quotes, in characters. */
const MAX_QUOTED = 60;

function refuseAt(path: string, should: string, value: unknown): never {
  throw new MeercatError('MEERCAT_BAD_CONFIG', `${path}: ${should}, not ${quoted(value)}`);
}

function quoted(value: unknown): string {
  if (value === undefined) return 'absent';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  const text = JSON.stringify(value);
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
}
