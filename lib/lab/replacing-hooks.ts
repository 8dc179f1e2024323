// The hooks that replacing-loader.ts registers on a Node without hooks in the same thread. Node loads this file into its
// thread for hooks; it is never imported.

import type { LoadHook } from 'node:module';
import type { Replacement } from './constants-of.js';
import { withReplacement } from './replacing-loader.js';

let replacement: Replacement | undefined;

/** Called once by Node, with what was registered. */
export function initialize(data: Replacement): void {
  replacement = data;
}

/** Called by Node for every module that is loaded. */
export const load: LoadHook = async (url, context, nextLoad) => {
  const loaded = await nextLoad(url, context);
  return replacement === undefined ? loaded : ({ ...loaded, ...withReplacement(url, loaded as never, replacement) } as typeof loaded);
};
