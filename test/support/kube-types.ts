// Checks Kubernetes objects with the compiler: each becomes a constant of its type in kubernetes-types, where an
// unknown field, a missing one and a value of another type are errors.

import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withProcess, withTempDir } from './brackets.js';
import { CONTEXT } from './dockerfile.js';
import type { KubeObject } from './kube-objects.js';
import { ended } from './meercat.js';

/** Where kubernetes-types has the types of an API group. */
const MODULES: Readonly<Record<string, string>> = {
  v1: 'core/v1',
  'apps/v1': 'apps/v1',
  'policy/v1': 'policy/v1',
  'networking.k8s.io/v1': 'networking/v1',
};

const OPTIONS = [
  '--noEmit',
  '--strict',
  '--skipLibCheck',
  '--module',
  'preserve',
  '--moduleResolution',
  'bundler',
  '--types',
  '',
  '--pretty',
  'false',
];

function sourceOf(object: KubeObject, index: number): string {
  const module = MODULES[object.apiVersion];
  if (module === undefined)
    throw new Error(`${object.kind} ${object.metadata.name}: an API that the test does not know: ${object.apiVersion}`);
  return `import type { ${object.kind} as Type${index} } from 'kubernetes-types/${module}';\nexport const object${index}: Type${index} = ${JSON.stringify(object)};\n`;
}

/** What the compiler says of the objects, a line each. */
export function typeFaults(objects: readonly KubeObject[]): Promise<string[]> {
  return withTempDir(async (dir) => {
    symlinkSync(join(CONTEXT, 'node_modules'), join(dir, 'node_modules'));
    writeFileSync(join(dir, 'objects.ts'), objects.map(sourceOf).join(''));
    const compiler = join(CONTEXT, 'node_modules/.bin/tsc');
    return withProcess({ command: compiler, args: [...OPTIONS, 'objects.ts'], cwd: dir }, async (child) => {
      const { code } = await ended(child, 60_000);
      const faults = child.lines.filter((line) => line !== '');
      if ((code === 0) !== (faults.length === 0)) throw new Error(`the compiler ended with ${code}: ${faults.join('\n')}`);
      return faults;
    });
  });
}
