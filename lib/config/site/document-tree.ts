// A text in YAML or JSON as a tree of maps, lists and scalars with their places. The only importer of the YAML library.
// Invariant: whatever the text, the time is bounded by its length: depth and expansion by aliases are limited, and an
// aliased value is shared, never copied.

import { Composer, type CST, type Document, isAlias, isMap, isScalar, isSeq, Lexer, Parser } from 'yaml';
import { MAX_SITE_DEPTH, MAX_SITE_HOSTS, MAX_SITE_ROUTES } from './limits.js';
import { code, type Problems, visible } from './problems.js';

/** A value of the document. */
export type DocNode = DocScalar | DocMap | DocList;

/** A scalar: what YAML's core schema reads it as, and its text. */
export interface DocScalar {
  readonly kind: 'scalar';
  /** Offset in the text. */
  readonly at: number;
  readonly value: string | number | boolean | null;
  /** As written; of a quoted one what the quotes hold. */
  readonly text: string;
}

/** A map in the order of the text; keys may come twice. */
export interface DocMap {
  readonly kind: 'map';
  readonly at: number;
  readonly entries: readonly DocEntry[];
}

/** A key and its value. */
export interface DocEntry {
  readonly key: string;
  readonly at: number;
  readonly value: DocNode;
}

/** A list. */
export interface DocList {
  readonly kind: 'list';
  readonly at: number;
  readonly items: readonly DocNode[];
}

/** Words, signs and blanks of a document, each of which costs some microseconds: 70 for each route of the largest site. */
const MAX_LEXEMES = 70 * MAX_SITE_ROUTES;

/** What can't follow a value on its line. The library would tell each of them. */
const SECOND_VALUES: ReadonlySet<string> = new Set(['alias', 'scalar', 'single-quoted-scalar', 'double-quoted-scalar']);

/** Characters that no text has: they are refused before YAML sees them. */
const FORBIDDEN = /(?![\t\n\r])\p{Cc}/u;

/**
 * Reads a text of one document. Null when the text is not well-formed; then there are problems.
 * @param maxSize the largest size of the document with every alias replaced by its value: a value counts 1 and its length
 */
export function parseTree(text: string, maxSize: number, problems: Problems): DocNode | null {
  const forbidden = FORBIDDEN.exec(text);
  if (forbidden !== null) {
    const sign = forbidden[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
    problems.add(
      forbidden.index,
      null,
      `the character U+${sign} can't be in a document: write it as "\\u${sign}" in quotes, or leave it out`,
    );
    return null;
  }
  const tokens = tokensOf(text, problems);
  if (tokens === null) return null;
  // No unique keys: the library compares each with each. Whoever reads a map looks for them.
  const composer = new Composer({
    schema: 'core',
    merge: false,
    resolveKnownTags: false,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'silent',
  });
  const [document] = composer.compose(tokens, true, text.length);
  for (const { pos, code: errorCode, message } of document?.errors ?? []) problems.add(pos[0], null, reasonOf(errorCode, message));
  if (!problems.isEmpty) return null;
  const tree = document === undefined ? null : new TreeBuilder(maxSize, problems).build(document);
  return problems.isEmpty ? tree : null;
}

/** The tokens of the one document; null when there are several, or one that is nested too deep. */
function tokensOf(text: string, problems: Problems): CST.Token[] | null {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let documents = 0;
  let directives = 0;
  const take = (found: Iterable<CST.Token>): boolean => {
    for (const token of found) {
      tokens.push(token);
      if (token.type === 'error') {
        problems.add(token.offset, null, reasonOf('', token.message));
        return false;
      }
      if (token.type === 'directive' && ++directives > 1) {
        problems.add(token.offset, null, 'a second directive (%): a site needs none');
        return false;
      }
      if (token.type !== 'document' || ++documents < 2) continue;
      problems.add(token.offset, null, 'a second document begins here: a site is one document');
      return false;
    }
    return true;
  };
  const wrong = (at: number, message: string): null => {
    problems.add(at, null, message);
    return null;
  };
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (!take(parser.next(lexeme))) return null;
    if (parser.stack.length > MAX_SITE_DEPTH) return wrong(parser.offset, `values are nested deeper than ${MAX_SITE_DEPTH} levels`);
    const top = parser.stack.at(-1);
    if (top !== undefined && 'items' in top && top.items.length > MAX_SITE_HOSTS)
      return wrong(
        top.offset,
        `a list or map begins here that has more than ${MAX_SITE_HOSTS} entries; a site has at most ${MAX_SITE_ROUTES} routes`,
      );
    const last = top !== undefined && 'end' in top ? top.end?.at(-1) : undefined;
    if (last !== undefined && SECOND_VALUES.has(last.type))
      return wrong(last.offset, `not well-formed: ${code(last.source)} stands behind a value`);
    if (++lexemes > MAX_LEXEMES)
      return wrong(parser.offset, `the document has more than ${MAX_LEXEMES} words, signs and blanks up to here`);
  }
  return take(parser.end()) ? tokens : null;
}

/** What the YAML library found wrong, with the way out where its own text has none. */
function reasonOf(errorCode: string, message: string): string {
  switch (errorCode) {
    case 'TAB_AS_INDENT':
      return 'a tab indents this line: YAML takes only spaces';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a map within a line: put a value that contains ": " in quotes';
    default: {
      const [line = ''] = message.split('\n');
      return `not well-formed: ${visible(line.slice(0, 160))}`;
    }
  }
}

/** Builds the tree of a document, each anchor's value once. */
class TreeBuilder {
  readonly #maxSize: number;
  readonly #problems: Problems;
  readonly #anchors = new Map<string, { readonly node: DocNode; readonly size: number }>();
  #size = 0;

  constructor(maxSize: number, problems: Problems) {
    this.#maxSize = maxSize;
    this.#problems = problems;
  }

  build(document: Document.Parsed): DocNode {
    return this.#build(document.contents, 0);
  }

  #build(node: unknown, at: number): DocNode {
    const before = this.#size;
    const built = this.#read(node, at);
    const anchor = (node as { readonly anchor?: string } | null)?.anchor;
    if (anchor !== undefined && !isAlias(node)) this.#anchors.set(anchor, { node: built, size: this.#size - before });
    return built;
  }

  #read(node: unknown, before: number): DocNode {
    if (node === null || typeof node !== 'object') return { kind: 'scalar', at: before, value: null, text: '' };
    const at = (node as { readonly range?: readonly number[] | null }).range?.[0] ?? before;
    if (isAlias(node)) return this.#target(node.source, at);
    const { tag } = node as { readonly tag?: string };
    if (tag !== undefined) this.#problems.add(at, null, `the tag ${code(tag)}: a site has no tags, leave it out`);
    if (isMap(node))
      return { kind: 'map', at, entries: this.#isWithin(1, at) ? node.items.map(({ key, value }) => this.#entry(key, value, at)) : [] };
    if (isSeq(node)) return { kind: 'list', at, items: this.#isWithin(1, at) ? node.items.map((item) => this.#build(item, at)) : [] };
    if (!isScalar(node)) throw new TypeError('a node of YAML that is no map, list, scalar or alias');
    const isPlain = node.type === 'PLAIN' || node.type === undefined;
    const value = isPlain && typeof node.value !== 'string' ? (node.value as number | boolean | null) : String(node.value);
    const text = isPlain ? (node.source ?? '') : String(node.value);
    this.#isWithin(1 + text.length, at);
    return { kind: 'scalar', at, value, text };
  }

  #entry(keyNode: unknown, value: unknown, before: number): DocEntry {
    const key = this.#build(keyNode, before);
    if (key.kind !== 'scalar') this.#problems.add(key.at, null, `a ${key.kind} can't be a key: keys are text`);
    const text = key.kind === 'scalar' ? key.text : '';
    if (text === '<<')
      this.#problems.add(
        key.at,
        null,
        'merge keys (`<<`) are not part of YAML 1.2: write the fields out, or use an alias for the whole value',
      );
    return { key: text, at: key.at, value: this.#build(value, key.at) };
  }

  #target(name: string, at: number): DocNode {
    const anchor = this.#anchors.get(name);
    if (anchor === undefined) {
      this.#problems.add(at, null, `the alias ${code(`*${name}`)} has no anchor ${code(`&${name}`)} that ends before it`);
      return { kind: 'scalar', at, value: null, text: '' };
    }
    this.#isWithin(anchor.size, at);
    return anchor.node;
  }

  /** Counts a value; false when the document has become too large, which is a problem once. */
  #isWithin(size: number, at: number): boolean {
    const wasWithin = this.#size <= this.#maxSize;
    this.#size += size;
    if (this.#size <= this.#maxSize) return true;
    if (wasWithin)
      this.#problems.add(
        at,
        null,
        `aliases make the document larger than ${this.#maxSize} characters, counted with every alias replaced by its value`,
      );
    return false;
  }
}
