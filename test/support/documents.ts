// README.md and docs/ as tests see them: tables, paragraphs, links, anchors and the commands in shell examples. Reads
// Markdown as far as these pages use it.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** One page: its path from the repository's root, and its text. */
export interface Page {
  readonly path: string;
  readonly text: string;
}

/** Reads one page. Throws when there is none. */
export const readPage = (path: string): Page => ({ path, text: readFileSync(join(ROOT, path), 'utf8') });

/** README.md and every page in docs/. */
export const PAGES: readonly Page[] = [
  'README.md',
  ...readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
].map(readPage);

/** Every page in deploy/. */
export const DEPLOY_PAGES: readonly Page[] = readdirSync(join(ROOT, 'deploy'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => readPage(`deploy/${name}`));

/** The rows of the first table below a heading, as cells, without the table's own heading. Throws when there is none. */
export function tableBelow({ path, text }: Page, heading: string): string[][] {
  const start = `\n${text}`.indexOf(`\n${heading}\n`);
  if (start < 0) throw new Error(`${path}: no heading "${heading}"`);
  const section = text.slice(start + heading.length).split(/\n#{1,6} /)[0] as string;
  const [, lines] = /\n\n(\|[^]*?)(?:\n\n|\n*$)/.exec(section) ?? [];
  if (lines === undefined) throw new Error(`${path}: no table below "${heading}"`);
  return lines
    .split('\n')
    .slice(2)
    .map((line) => line.slice(2, -2).split(' | '));
}

/** What stands in backticks. */
export const codeIn = (text: string): string[] => [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code as string);

/** The text without fenced code. */
const withoutCode = (text: string): string => text.replaceAll(/^```[^]*?^```$/gm, '');

/** Paragraphs and items of lists, each in one line. Headings, tables and code are left out. */
export function paragraphsOf({ text }: Page): string[] {
  return withoutCode(text)
    .split(/\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )|\n(?=#{1,6} )/)
    .map((block) => block.trim())
    .filter((block) => block !== '' && !/^(?:\||#{1,6} |!\[)/.test(block))
    .map((block) => block.replaceAll(/\s*\n\s*/g, ' '));
}

/** The targets of all links and images. */
export const linksOf = ({ text }: Page): string[] =>
  [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target as string);

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf({ text }: Page): Set<string> {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => heading as string);
  return new Set(
    headings.map((heading) =>
      heading
        .replaceAll(/\]\([^)]*\)/g, '')
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

/** Why a link of this page leads nowhere; undefined for one that does not, and for those to other sites, which nobody asks. */
export function brokenLink(page: Page, target: string): string | undefined {
  if (/^[a-z]+:/.test(target)) return undefined;
  const [file = '', anchor] = target.split('#');
  const path = file === '' ? page.path : normalize(join(dirname(page.path), file));
  if (path.startsWith('..') || !existsSync(join(ROOT, path))) return `${page.path}: ${target}: there is no ${path}`;
  if (anchor === undefined || anchorsOf(readPage(path)).has(anchor)) return undefined;
  return `${page.path}: ${target}: ${path} has no heading with the anchor ${anchor}`;
}

/** The calls of `meercat` in a page's shell examples, as arguments; `npm start -- …` and `npm run bench -- …` are calls too. */
export function meercatCallsIn({ text }: Page): string[][] {
  const blocks = [...text.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block]) => (block as string).replaceAll('\\\n', ' '));
  return blocks
    .flatMap((block) => block.split(/\n|&&|\|/))
    .map((line) => line.replace(/(?:^|\s)#.*$/, '').trim())
    .map((line) => line.replace(/^npm start(?: --)?/, 'meercat up').replace(/^npm run bench --/, 'meercat bench'))
    .flatMap((line) => {
      const [, rest] = /^(?:[A-Z_]+=\S+ +)*(?:(?:npx )?meercat|node dist\/bin\/meercat\.js) +(.+)$/.exec(line) ?? [];
      return rest === undefined ? [] : [wordsOf(rest)];
    });
}

/** The words of a command line, without quotes and redirections. */
function wordsOf(line: string): string[] {
  const plain = line.replaceAll(/\s(?:[12]?>|<)\s*\S+|\s&$/g, '');
  return [...plain.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, one, two, three]) => one ?? two ?? (three as string));
}
