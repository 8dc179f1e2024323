// The rules of DESIGN.md and STYLE.md on one file's text, names and comments; who imports whom is in import-rules.ts.
// A check returns one "path:line: what is wrong" for each violation; paths are relative to the repository's root.

import type { Check } from './import-rules.js';
import { importsOf, lineAt, viewsOf } from './source-text.js';

const isIn = (path: string, ...folders: string[]) => folders.some((folder) => path.startsWith(`${folder}/`));

/** One violation for each match of `pattern` in `view`, which lies over the text of `path` character by character. */
function matchesIn(path: string, view: string, pattern: RegExp, told: (found: string) => string): string[] {
  return [...view.matchAll(pattern)].map((match) => `${path}:${lineAt(view, match.index)}: ${told(match[0].trim())}`);
}

/** The pure folders: clock and rng are handed in, and nothing from outside lib is imported. */
export const checkPureFolders: Check = (path, text) => {
  const folder = ['lib/routing', 'lib/learning'].find((each) => isIn(path, each));
  if (folder === undefined) return [];
  const impure =
    /\b(?:Date\s*\.\s*now|new\s+Date|Math\s*\.\s*random|performance|process|crypto|setTimeout|setInterval|setImmediate|queueMicrotask)\b/g;
  const imports = importsOf(text).filter(({ specifier }) => !specifier.startsWith('.'));
  return [
    ...matchesIn(path, viewsOf(text).code, impure, (found) => `${found} in the pure folder ${folder}/`),
    ...imports.map(({ specifier, offset }) => `${path}:${lineAt(text, offset)}: ${specifier} imported in the pure folder ${folder}/`),
  ];
};

/** No type that switches the checks off, and no comment that does; @ts-expect-error is fine, since it fails when nothing is wrong. */
export const checkTypesAreKept: Check = (path, text) => {
  const { code, comments } = viewsOf(text);
  return [
    ...matchesIn(path, code, /(?:[:<,|&=]|\bas\b|\bextends\b)\s*\bany\b(?!\s*[.(:])/g, () => 'the type any'),
    ...matchesIn(path, comments, /@ts-(?:ignore|nocheck)/g, (found) => found),
  ];
};

/** Nothing is left for later in a comment. */
export const checkNothingLeftForLater: Check = (path, text) =>
  matchesIn(path, viewsOf(text).comments, /\b(?:TODO|FIXME|XXX)\b/g, (found) => `${found} left in a comment`);

/** Named exports only. */
export const checkNamedExports: Check = (path, text) =>
  matchesIn(path, viewsOf(text).code, /\bexport\s+default\b|\bexport\s*=|\bas\s+default\b/g, () => 'a default export');

/** Files and folders are in kebab-case, and none is a drawer for odds and ends. */
export const checkFileName: Check = (path) => {
  const parts = path
    .replace(/\.ts$/, '')
    .replace(/\.(?:test|long|fixture)$/, '')
    .split('/');
  const odd = parts.filter((part) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(part)).map((part) => `${path}:1: "${part}" is not kebab-case`);
  const isDrawer = /^(?:utils?|helpers?|misc|common)$/.test(parts.at(-1) ?? '');
  return isDrawer ? [...odd, `${path}:1: a file named ${parts.at(-1)} says nothing`] : odd;
};

/** A file of lib or test opens with a // comment that says what it is. */
export const checkOpeningComment: Check = (path, text) =>
  !isIn(path, 'lib', 'test') || /^\/\/ \S/.test(text) ? [] : [`${path}:1: the file does not open with a // comment`];

const DECLARATION =
  /^export\s+(?:declare\s+|abstract\s+|async\s+)*(?:const\s+enum|const|let|var|function\s*\*?|class|interface|type|enum|namespace)\s+([\w$]+|[[{])/gm;

/** Every exported name of lib has a doc comment directly above; of overloads, the first one. */
export const checkDocComments: Check = (path, text) => {
  if (!isIn(path, 'lib')) return [];
  const { code } = viewsOf(text);
  const documented = new Set<string>();
  const bare = [...code.matchAll(DECLARATION)].flatMap((match) => {
    const name = match[1] as string;
    if (hasDocComment(text, match.index)) documented.add(name);
    return documented.has(name) ? [] : [`${path}:${lineAt(text, match.index)}: the export ${name} has no doc comment directly above`];
  });
  const lists = matchesIn(
    path,
    code,
    /^export\s+(?:type\s+)?\{[^}]*\}(?!\s*from\b)/gm,
    () => 'export a name where it is declared and documented',
  );
  return [...bare, ...lists];
};

function hasDocComment(text: string, offset: number): boolean {
  const above = text.slice(0, offset);
  return /\*\/[ \t]*\n$/.test(above) && above.startsWith('/**', above.lastIndexOf('/*'));
}

/** The identifiers of lib use the words of DESIGN.md, section 1, and none of those it forbids. */
export const checkWords: Check = (path, text) => {
  if (!isIn(path, 'lib')) return [];
  const { code } = viewsOf(text);
  const has = (module: string): boolean => importsOf(text).some(({ specifier }) => specifier === module);
  const allowed = new Set([
    ...(has('node:worker_threads') ? ['Worker', 'WorkerOptions', 'workerData'] : []),
    ...(has('node:cluster') ? ['worker'] : []),
  ]);
  return [...code.matchAll(/[\w$]*(?:upstream|backend|leader|follower|worker)[\w$]*/gi)]
    .filter((match) => !allowed.has(match[0]))
    .map((match) => `${path}:${lineAt(code, match.index)}: "${match[0]}" is not a word of DESIGN.md`);
};

/** Every suite of a test file is run, after its last test; no test is singled out. */
export const checkSuitesRun: Check = (path, text) => {
  const { code } = viewsOf(text);
  const only = matchesIn(path, code, /\.only\s*\(/g, () => '.only( leaves the other tests out');
  if (!/\.(?:test|long)\.ts$/.test(path)) return only;
  const suites = [...code.matchAll(/\bconst\s+(\w+)\s*=\s*suite\b/g)].map((match) => match[1] as string);
  if (/\bimport\s*\{[^}]*\btest\b[^}]*\}\s*from/.test(code)) suites.push('test');
  if (suites.length === 0) return [...only, `${path}:1: a test file without a suite`];
  const runs = suites.flatMap((name) => {
    const run = code.search(new RegExp(`^${name}\\.run\\(\\)`, 'm'));
    if (run < 0) return [`${path}:1: ${name}.run() is missing`];
    const late = code.slice(run).search(new RegExp(`^\\s*${name}(?:\\.skip)?\\(`, 'm'));
    return late < 0 ? [] : [`${path}:${lineAt(text, run + late)}: a test after ${name}.run() never runs`];
  });
  return [...only, ...runs];
};
