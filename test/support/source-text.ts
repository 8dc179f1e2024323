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

/** Splits `text`. A regular expression is told from a division by what stands before it. */
export function viewsOf(text: string): SourceViews {
  const code = blank(text).split('');
  const comments = blank(text).split('');
  const keep = (view: string[], from: number, to: number) => {
    for (let i = from; i < to; i++) view[i] = text[i] as string;
  };
  const braces: ('block' | 'template')[] = [];
  let at = 0;
  const skipTo = (end: number) => {
    keep(code, at, at + 1);
    keep(code, end - 1, end);
    at = end;
  };
  while (at < text.length) {
    const char = text[at] as string;
    const two = text.slice(at, at + 2);
    if (two === '//' || two === '/*') {
      const end = two === '//' ? indexOr(text, '\n', at) : indexOr(text, '*/', at + 2) + 2;
      keep(comments, at, Math.min(end, text.length));
      at = Math.min(end, text.length);
    } else if (char === "'" || char === '"') {
      skipTo(endOfQuoted(text, at, char));
    } else if (char === '/' && REGEXP_MAY_FOLLOW.test(code.slice(Math.max(0, at - 40), at).join(''))) {
      skipTo(endOfRegExp(text, at));
    } else if (char === '`' || (char === '}' && braces.at(-1) === 'template')) {
      if (char === '}') braces.pop();
      const end = endOfTemplatePart(text, at);
      if (text[end - 1] === '{') braces.push('template');
      skipTo(end);
    } else {
      if (char === '{') braces.push('block');
      if (char === '}') braces.pop();
      keep(code, at, at + 1);
      at++;
    }
  }
  return { code: code.join(''), comments: comments.join('') };
}

/** Every module that `text` names: imports, re-exports, dynamic and type imports, and `new URL(…, import.meta.url)`. */
export function importsOf(text: string): ImportSite[] {
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

const blank = (text: string) => text.replace(/[^\n]/g, ' ');

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
