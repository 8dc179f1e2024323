// Splits TypeScript source into code and comments, so that a rule on code never trips over a text about code.
// Both views have the length and the line breaks of the source: an offset in one is the same place in all.

/** Two views of one source text; what a view leaves out is spaces. */
export interface SourceViews {
  /** The code: string, template and regular-expression contents are blank, their quotes are kept. */
  readonly code: string;
  /** The comments, with their marks. */
  readonly comments: string;
}

/** A specifier of an import, and where it stands. */
export interface ImportSite {
  readonly specifier: string;
  readonly offset: number;
  /** True for `new URL(…, import.meta.url)`: the module is not loaded but started, as a thread or process of its own. */
  readonly isEntry: boolean;
}

const REGEXP_MAY_FOLLOW = /(?:^|[(,=:[!&|?{;+\-*%~^<>]|\b(?:return|typeof|case|in|of|await|void))\s*$/;

const ENTRY = /\bnew\s+URL\s*\(\s*(['"`])\s*?\1\s*,\s*import\.meta\.url/dg;

/** What is not plain code may begin at one of these. */
const MARK = /['"`/{}]/g;

const viewsByText = new Map<string, SourceViews>();
const importsByText = new Map<string, readonly ImportSite[]>();

/**
 * Splits `text`. Whether a slash divides or begins a regular expression depends on what precedes it. Every rule asks for the same
 * files, so results are kept.
 */
export const viewsOf = (text: string): SourceViews => kept(viewsByText, text, split);

/** Every module that `text` names: imports, re-exports, dynamic and type imports, and `new URL(…, import.meta.url)`. */
export const importsOf = (text: string): readonly ImportSite[] => kept(importsByText, text, findImports);

function kept<Value>(byText: Map<string, Value>, text: string, compute: (text: string) => Value): Value {
  const known = byText.get(text);
  if (known !== undefined) return known;
  const value = compute(text);
  byText.set(text, value);
  return value;
}

function split(text: string): SourceViews {
  let [code, comments] = ['', ''];
  const braces: ('block' | 'template')[] = [];
  let at = 0;
  /** Where each view ends. */
  let [codeEnd, commentsEnd] = [0, 0];
  /** Past a quoted part, of which only the first and the last character are code. */
  const skipTo = (end: number): void => {
    if (end - at > 2) {
      code += text.slice(codeEnd, at + 1) + blank(text.slice(at + 1, end - 1));
      codeEnd = end - 1;
    }
    at = end;
  };
  const keepCommentTo = (end: number): void => {
    code += text.slice(codeEnd, at) + blank(text.slice(at, end));
    comments += blank(text.slice(commentsEnd, at)) + text.slice(at, end);
    codeEnd = commentsEnd = at = end;
  };
  const before = (): string => (code.slice(-40) + text.slice(codeEnd, at)).slice(-40);
  while (at < text.length) {
    MARK.lastIndex = at;
    at = MARK.exec(text)?.index ?? text.length;
    const char = text[at];
    const two = text.slice(at, at + 2);
    if (two === '//') keepCommentTo(indexOr(text, '\n', at));
    else if (two === '/*') keepCommentTo(Math.min(indexOr(text, '*/', at + 2) + 2, text.length));
    else if (char === "'" || char === '"') skipTo(endOfQuoted(text, at, char));
    else if (char === '/' && REGEXP_MAY_FOLLOW.test(before())) skipTo(endOfRegExp(text, at));
    else if (char === '`' || (char === '}' && braces.at(-1) === 'template')) {
      if (char === '}') braces.pop();
      const end = endOfTemplatePart(text, at);
      if (text[end - 1] === '{') braces.push('template');
      skipTo(end);
    } else {
      if (char === '{') braces.push('block');
      if (char === '}') braces.pop();
      at++;
    }
  }
  return { code: code + text.slice(codeEnd), comments: comments + blank(text.slice(commentsEnd)) };
}

function findImports(text: string): ImportSite[] {
  const { code } = viewsOf(text);
  const forms = [
    /\b(?:import|export)\b[^;'"`()=]*?\bfrom\s*(['"])\s*?\1/dg,
    /\bimport\s*(['"])\s*?\1/dg,
    /\b(?:import|require|import\.meta\.resolve)\s*\(\s*(['"`])\s*?\1/dg,
    ENTRY,
  ];
  return forms.flatMap((form) =>
    [...code.matchAll(form)].map((match) => {
      const [quote = 0] = match.indices?.[1] ?? [];
      return { specifier: text.slice(quote + 1, text.indexOf(match[1] as string, quote + 1)), offset: quote, isEntry: form === ENTRY };
    }),
  );
}

/** The number of the line, from 1, on which `offset` lies. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

const blank = (text: string): string => text.replace(/[^\n]+/g, (line) => ' '.repeat(line.length));

function indexOr(text: string, what: string, from: number): number {
  const index = text.indexOf(what, from);
  return index < 0 ? text.length : index;
}

function endOfQuoted(text: string, start: number, quote: string): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === quote || text[i] === '\n') return i + 1;
  }
  return text.length;
}

function endOfRegExp(text: string, start: number): number {
  let isInClass = false;
  for (let i = start + 1; i < text.length && text[i] !== '\n'; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '[') isInClass = true;
    else if (text[i] === ']') isInClass = false;
    else if (text[i] === '/' && !isInClass) return i + 1;
  }
  return start + 1;
}

function endOfTemplatePart(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '`') return i + 1;
    else if (text[i] === '$' && text[i + 1] === '{') return i + 2;
  }
  return text.length;
}
