// Finds programs on the PATH, as a shell does. Invariant: what it returns could be executed a moment ago.

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/**
 * The path of the first of these programs that is installed; undefined when none is.
 * @param names in order of preference: an earlier name wins over an earlier folder
 * @param path folders, separated as in the variable PATH, which is the default
 */
export function findOnPath(names: readonly string[], path: string = process.env.PATH ?? ''): string | undefined {
  for (const name of names) {
    for (const folder of path.split(delimiter)) {
      const candidate = join(folder, name);
      try {
        accessSync(candidate, constants.X_OK);
        return candidate;
      } catch {
        // Not here; look further.
      }
    }
  }
  return undefined;
}
