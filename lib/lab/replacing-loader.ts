// Loads one module of this process with a constant replaced, by a hook of Node's module loader: the product itself has no
// seam for it. Only modules that are imported afterwards are affected. The replaced text marks that it was evaluated, so
// that a run in which nothing was replaced is noticed.

import * as nodeModule from 'node:module';
import { type Replacement, replaceConstant } from './constants-of.js';

/** What a load hook returns. */
interface Loaded {
  readonly format: string;
  readonly source?: string | ArrayBuffer | NodeJS.TypedArray;
  readonly shortCircuit?: boolean;
}

type Load<Result> = (url: string, context: object, nextLoad: (url: string, context: object) => Result) => Result;

/** Hooks in the same thread; Node 22.15 and later. */
type RegisterHooks = (hooks: { readonly load: Load<Loaded> }) => void;

const MARK = 'meercatReplacedConstant';

const markOf = ({ url, name, value }: Replacement): string => `${url} ${name} ${value}`;

/** The module as loaded, with the constant replaced if it is the one. */
export function withReplacement(url: string, loaded: Loaded, replacement: Replacement): Loaded {
  if (url !== replacement.url) return loaded;
  const { source = '' } = loaded;
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source);
  const mark = `globalThis[${JSON.stringify(MARK)}] = ${JSON.stringify(markOf(replacement))};`;
  return { ...loaded, source: `${replaceConstant(text, replacement)}\n${mark}\n`, shortCircuit: true };
}

/** Replaces the constant in the module when it is imported. For one constant of a process. */
export function replaceOnImport(replacement: Replacement): void {
  const { registerHooks } = nodeModule as { readonly registerHooks?: RegisterHooks };
  // Before 22.15 hooks run in a thread of their own; later `register` is deprecated.
  if (registerHooks === undefined) nodeModule.register('./replacing-hooks.js', import.meta.url, { data: replacement });
  else registerHooks({ load: (url, context, nextLoad) => withReplacement(url, nextLoad(url, context), replacement) });
}

/** Whether the module with the replaced constant was evaluated in this process. */
export function isReplaced(replacement: Replacement): boolean {
  return Reflect.get(globalThis, MARK) === markOf(replacement);
}
