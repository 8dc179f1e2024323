// Finds and replaces the top-level constants of a compiled module, as text. Pure. Invariant: a replacement matches exactly
// one constant, or it is an error that names the file and the constant: a list of them cannot go stale unnoticed.

import { MeercatError } from '../errors.js';

/** A constant of a compiled module, and the expression that takes the place of its value. */
export interface Replacement {
  /** URL of the compiled module. */
  readonly url: string;
  readonly name: string;
  /** A JavaScript expression; it may use constants that are declared above. */
  readonly value: string;
}

/** A top-level constant in capitals, with the text of its value. */
const CONSTANT = /^((?:export )?const ([A-Z][A-Z0-9_]*) = )([^;]+);/gm;

/** A number, a list of numbers, or arithmetic with numbers, functions of `Math` and other constants in capitals. */
const NUMERIC = /^(?:[\d\s.eE_+\-*/%<()[\],]|Math\.\w+|Number\.[A-Z_]+|Infinity|[A-Z][A-Z0-9_]*)+$/;

/** The names of the numeric constants at the top level of a module's text, in their order. */
export function numericConstantsOf(source: string): string[] {
  return [...source.matchAll(CONSTANT)].filter(([, , , value = '']) => NUMERIC.test(value)).map(([, , name = '']) => name);
}

/** The text with the constant's value replaced. Throws MEERCAT_BAD_CONFIG unless exactly one top-level constant has this name. */
export function replaceConstant(source: string, { url, name, value }: Replacement): string {
  let found = 0;
  const replaced = source.replace(CONSTANT, (whole, head: string, each: string) => {
    if (each !== name) return whole;
    found++;
    return `${head}${value};`;
  });
  if (found !== 1)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `${name}: ${found === 0 ? 'no top-level constant' : `${found} top-level constants`} of this name in ${url}`,
    );
  return replaced;
}
