// A route's header changes, compiled: functions on the raw list of fields that pass, before what Meercat adds of its
// own. The order is: remove, set (all fields of the name are replaced by one at the end), add. Fields on which framing
// or the connection depend are left alone, and no value can end its line.

import { isUnchangeable } from '../../config/unchangeable-headers.js';
import { latin1Of } from '../../routing/target-tokens.js';
import type { HeaderChanges, NameValue } from '../../site-model.js';
import { TOKEN_CHARS, VALUE_CHARS } from './grammar.js';

/** The changes of a route to one direction. Neither function changes the list that it is given. */
export interface HeaderEdit {
  /** The header with all changes. */
  readonly change: (headers: readonly string[]) => string[];
  /** Trailers without the fields that are removed or set: they must not come back at the end. */
  readonly drop: (trailers: readonly string[]) => string[];
}

const NAME = new RegExp(`^[${TOKEN_CHARS}]+$`);
const VALUE = new RegExp(`^[${VALUE_CHARS}]*$`);

/** Compiles the changes of a route; undefined if there are none. Throws on a name or value that is none: the site was not checked. */
export function compileHeaderEdit({ set, add, remove }: HeaderChanges, where: 'request' | 'response'): HeaderEdit | undefined {
  const isAllowed = (name: string): boolean => !isUnchangeable(name, where);
  const added = [...set, ...add].filter(({ name }) => isAllowed(name)).flatMap(lineOf);
  const dropped = new Set([...remove, ...set.map(({ name }) => name)].filter(isAllowed).map((name) => name.toLowerCase()));
  if (added.length === 0 && dropped.size === 0) return undefined;
  /** Lengths of the names that go: settles most fields without folding them. */
  const lengths = new Set([...dropped].map(({ length }) => length));
  const drop = (headers: readonly string[]): string[] => {
    const kept: string[] = [];
    for (let i = 0; i < headers.length; i += 2) {
      const name = headers[i] as string;
      if (lengths.has(name.length) && dropped.has(name.toLowerCase())) continue;
      kept.push(name, headers[i + 1] as string);
    }
    return kept;
  };
  return { drop, change: (headers) => [...drop(headers), ...added] };
}

function lineOf({ name, value }: NameValue): [string, string] {
  const text = latin1Of(value);
  if (!NAME.test(name) || !VALUE.test(text)) throw new Error(`not a header field: ${JSON.stringify(name)}: ${JSON.stringify(value)}`);
  return [name, text];
}
