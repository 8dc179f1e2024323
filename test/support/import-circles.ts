// No file may import itself by way of others: a check on all files together, unlike those of import-rules.ts. Type
// imports and dynamic ones count; a file that is started as a thread or process of its own, by its URL, is not imported.

import { posix } from 'node:path';
import { importsOf, lineAt } from './source-text.js';

/** A source file, by its path relative to the repository's root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** The files that each file imports, and on which line; only those that are among the sources. */
type Graph = Map<string, Map<string, number>>;

/** The circles of imports, as "path:line: what is wrong" with the line of an import that closes the circle. Circles that share that import count as one. */
export function circlesOf(sources: readonly SourceFile[]): string[] {
  const graph = graphOf(sources);
  const circles: string[] = [];
  for (;;) {
    dropLeaves(graph);
    const [first] = graph.keys();
    if (first === undefined) return circles;
    const circle = circleFrom(graph, first);
    const last = circle.at(-1) as string;
    const imports = graph.get(last) as Map<string, number>;
    circles.push(`${last}:${imports.get(circle[0] as string)}: a circle of imports: ${[last, ...circle].join(' → ')}`);
    imports.delete(circle[0] as string);
  }
}

function graphOf(sources: readonly SourceFile[]): Graph {
  const paths = new Set(sources.map(({ path }) => path));
  return new Map(
    sources.map(({ path, text }) => [
      path,
      new Map(
        importsOf(text).flatMap(({ specifier, offset, isEntry }) => {
          const target = posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');
          return specifier.startsWith('.') && !isEntry && paths.has(target) ? [[target, lineAt(text, offset)] as const] : [];
        }),
      ),
    ]),
  );
}

/** Takes out every file that imports none of those that are left: it is in no circle. */
function dropLeaves(graph: Graph): void {
  for (let isDone = false; !isDone; ) {
    isDone = true;
    for (const [path, imports] of graph) {
      for (const target of imports.keys()) if (!graph.has(target)) imports.delete(target);
      if (imports.size > 0) continue;
      graph.delete(path);
      isDone = false;
    }
  }
}

/** Follows the first import of each file until one comes again: every file that is left imports another one. */
function circleFrom(graph: Graph, first: string): string[] {
  const way: string[] = [];
  for (let path = first; ; ) {
    const at = way.indexOf(path);
    if (at >= 0) return way.slice(at);
    way.push(path);
    [path = ''] = (graph.get(path) as Map<string, number>).keys();
  }
}
