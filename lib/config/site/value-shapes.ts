// The scalars of a site document: text, numbers, durations, statuses, names. What flags also take is read by the parsers
// of flags, so that a duration is written the same everywhere.

import type { DocNode } from './document-tree.js';
import { messageOf } from '../../errors.js';
import { ALGORITHMS, type Algorithm } from '../../model.js';
import { nearestWord } from '../../nearest.js';
import { parseDuration, parseGrpcService, parsePath, parseStatuses } from '../values.js';
import { code, type Problems, quoted, type Where } from './problems.js';
import { refuse, type Schema, type Shape } from './shapes.js';

/** A text that `check` finds nothing wrong with, or made another one by `read`. */
export interface TextRule {
  /** What is wanted, for messages. */
  readonly wanted: string;
  /** What every such text matches; the schema has it, `check` may ask for more. */
  readonly pattern: RegExp;
  readonly maxLength: number;
  /** What is wrong with a text that has the pattern: the end of a message; undefined when nothing is. */
  readonly check?: (text: string) => string | undefined;
}

/** Half of a surrogate pair: it has no form in UTF-8. */
const HALF_CHARACTER = /\p{Surrogate}/u;

/** The text of a scalar that is text; a number or a word such as `true` must stand in quotes. */
function textOf(node: DocNode, where: Where | null, problems: Problems, wanted: string): string | undefined {
  if (node.kind !== 'scalar' || node.value === null) return refuse(node, where, problems, wanted);
  if (typeof node.value === 'string' && !HALF_CHARACTER.test(node.text)) return node.text;
  problems.add(
    node.at,
    where,
    typeof node.value === 'string' ? 'has half of a character (\\uD800 to \\uDFFF)' : `must be text: put ${code(node.text)} in quotes`,
  );
  return undefined;
}

/** A text by a rule. */
export function text({ wanted, pattern, maxLength, check }: TextRule): Shape<string> {
  return {
    schema: { type: 'string', pattern: pattern.source, maxLength },
    read(node, where, problems) {
      const value = textOf(node, where, problems, wanted);
      if (value === undefined) return undefined;
      if (value.length > maxLength) {
        problems.add(node.at, where, `has ${value.length} characters; at most ${maxLength} are possible`);
        return undefined;
      }
      if (!pattern.test(value)) return refuse(node, where, problems, wanted);
      const wrong = check?.(value);
      if (wrong === undefined) return value;
      problems.add(node.at, where, wrong);
      return undefined;
    },
  };
}

/** A shape whose value is made into another one; `make` gives the end of a message as `{ wrong }` when it can't. */
export function mapped<A, B>(shape: Shape<A>, make: (value: A) => { readonly value: B } | { readonly wrong: string }): Shape<B> {
  return {
    schema: shape.schema,
    read(node, where, problems) {
      const value = shape.read(node, where, problems);
      if (value === undefined) return undefined;
      const made = make(value);
      if ('value' in made) return made.value;
      problems.add(node.at, where, made.wrong);
      return undefined;
    },
  };
}

/** One of a few words. */
export function choice<const Choice extends string>(choices: readonly Choice[]): Shape<Choice> {
  const wanted = choices
    .map(code)
    .join(', ')
    .replace(/, ([^,]*)$/, ' or $1');
  return {
    schema: { enum: choices },
    read(node, where, problems) {
      const found = node.kind === 'scalar' ? choices.find((each) => each === node.value) : undefined;
      if (found !== undefined) return found;
      const near = node.kind === 'scalar' ? nearestWord(node.text.slice(0, 80), choices) : undefined;
      return refuse(node, where, problems, near === undefined ? wanted : `${wanted} (did you mean ${code(near)}?)`);
    },
  };
}

/** One of a few whole numbers. */
export function numberChoice<const Choice extends number>(choices: readonly Choice[]): Shape<Choice> {
  return {
    schema: { enum: choices },
    read(node, where, problems) {
      const found = node.kind === 'scalar' ? choices.find((each) => each === node.value) : undefined;
      return found ?? refuse(node, where, problems, choices.join(', ').replace(/, ([^,]*)$/, ' or $1'));
    },
  };
}

/** A whole number within bounds, both included. */
export function integer(min: number, max: number): Shape<number> {
  return {
    schema: { type: 'integer', minimum: min, maximum: max },
    read(node, where, problems) {
      const value = node.kind === 'scalar' && typeof node.value === 'number' ? node.value : Number.NaN;
      if (Number.isSafeInteger(value) && value >= min && value <= max) return value + 0;
      const isQuoted = node.kind === 'scalar' && typeof node.value === 'string' && /^\d+$/.test(node.text);
      return refuse(node, where, problems, `a whole number from ${min} to ${max}${isQuoted ? ' without quotes' : ''}`);
    },
  };
}

/** What a parser of flags reads, from a text or, where `number` allows it, from a number without a unit. */
function byParser<T>(
  schema: Schema,
  accepts: 'text' | 'text or number',
  wanted: string,
  parse: (flag: string, value: string) => T,
): Shape<T> {
  return {
    schema,
    read(node, where, problems) {
      const isRead =
        node.kind === 'scalar' && (typeof node.value === 'string' || (accepts === 'text or number' && Number.isInteger(node.value)));
      if (!isRead) return refuse(node, where, problems, wanted);
      try {
        return parse('', node.text);
      } catch (error) {
        // The parser names its flag first, which is empty here.
        problems.add(node.at, where, messageOf(error).replace(/^: /, 'must be '));
        return undefined;
      }
    },
  };
}

/** A duration such as `500ms`, `2s`, `1m` or `8h`, in milliseconds; a bare number is milliseconds. */
export function durationBetween(minMs: number, maxMs: number): Shape<number> {
  const schema = {
    anyOf: [
      { type: 'string', pattern: '^\\d{1,15}(\\.\\d{1,15})?(ms|s|m|h)?$' },
      { type: 'integer', minimum: minMs, maximum: maxMs },
    ],
  };
  return byParser(schema, 'text or number', 'a duration such as 500ms, 2s or 1m', (flag, value) =>
    parseDuration(flag, value, minMs, maxMs),
  );
}

/** A percentage such as `20%`; the sign may be left out. */
export const percentage: Shape<number> = {
  schema: {
    anyOf: [
      { type: 'string', pattern: '^(\\d|[1-9]\\d|100)%?$' },
      { type: 'integer', minimum: 0, maximum: 100 },
    ],
  },
  read(node, where, problems) {
    const isScalar = node.kind === 'scalar' && (typeof node.value === 'string' || typeof node.value === 'number');
    const [, digits] = (isScalar && /^(\d|[1-9]\d|100)%?$/.exec(node.text)) || [];
    return digits === undefined ? refuse(node, where, problems, 'a percentage from 0% to 100%, such as 20%') : Number(digits);
  },
};

/** Longest path of a request to a host that a document may name, as flags have it. */
const MAX_PATH = 1001;

/** A path that hosts are asked for; a query may follow. */
export const healthPath: Shape<string> = byParser(
  { type: 'string', pattern: '^/[\\x21\\x22\\x24-\\x7e]*$', maxLength: MAX_PATH },
  'text',
  'a path such as /health',
  parsePath,
);

/** The name of a gRPC service, as a check has it; empty or `*` for the whole server. */
export const grpcService: Shape<string> = byParser(
  { type: 'string', pattern: '^([\\x21-\\x29\\x2b-\\x7e]{0,256}|\\*)$' },
  'text',
  'the name of a gRPC service such as shop.Orders, or "" for the whole server',
  (flag, value) => (value === '' ? value : parseGrpcService(flag, value)),
);

/** Statuses of HTTP and ranges of them: `200-399,401`, or one as a number. */
export const statuses: Shape<(readonly [number, number])[]> = byParser(
  {
    anyOf: [
      { type: 'string', pattern: '^\\s*[1-5]\\d\\d(-[1-5]\\d\\d)?\\s*(,\\s*[1-5]\\d\\d(-[1-5]\\d\\d)?\\s*)*$' },
      { type: 'integer', minimum: 100, maximum: 599 },
    ],
  },
  'text or number',
  'statuses such as 200-399,401',
  (flag, value) => parseStatuses(flag, value).map(({ from, to }) => [from, to] as const),
);

/** How hosts are picked. */
export const algorithm: Shape<Algorithm> = choice(ALGORITHMS);

/** Names of cookies and header fields: tokens (RFC 9110, section 5.6.2; RFC 6265, section 4.1.1). */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Longest name of a header field, cookie or parameter, as in the Gateway API. */
export const MAX_FIELD_NAME = 256;

/** Longest value of one, as in the Gateway API. */
export const MAX_FIELD_VALUE = 4096;

/** Whether this is a token of at most {@link MAX_FIELD_NAME} characters. */
export function isFieldName(name: string): boolean {
  return name.length <= MAX_FIELD_NAME && TOKEN.test(name);
}

/** The name of a header field or of a cookie. */
export const fieldName: Shape<string> = text({
  wanted: 'a name of letters, digits and signs such as - and _, without blanks',
  pattern: TOKEN,
  maxLength: MAX_FIELD_NAME,
});

/** The name of a query parameter. */
export const parameterName: Shape<string> = text({
  wanted: 'the name of a query parameter',
  pattern: /^[^&=#\s]+$/,
  maxLength: MAX_FIELD_NAME,
});

/** The value of a header field: printable ASCII without blanks at its ends, which no request has. May be empty. */
export const fieldValue: Shape<string> = text({
  wanted: 'printable ASCII without line ends, and without blanks at its ends',
  pattern: /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/,
  maxLength: MAX_FIELD_VALUE,
});

/** The value of a query parameter, as it is compared. */
export const parameterValue: Shape<string> = text({
  wanted: 'text without line ends, tabs, & and # (write %26 and %23)',
  pattern: /^[^\r\n\t&#]*$/,
  maxLength: MAX_FIELD_VALUE,
});

/** Says that a name is no token. */
export function notAName(name: string): string {
  return `${quoted(name)} is no name: letters, digits and signs such as - and _ only, at most ${MAX_FIELD_NAME}`;
}
