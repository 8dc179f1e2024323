// What the matrix of clients is made of, and the shorthand for its entries.

import type { CounterName } from '../../../lib/table/counters.js';

/** What a client sends, and what must come of it. */
export interface ClientInput {
  readonly name: string;
  /** In latin1, sent one after the other. */
  readonly pieces: readonly string[];
  /** All that comes back until the balancer ends the connection. */
  readonly gets: RegExp;
  /** The whole requests that the host sees, as `seenAs` writes them. */
  readonly sees: readonly string[];
  /** Whether the host may see a part of a request, too: its body turned out wrong after its head was handed on. */
  readonly isCutOff: boolean;
  /** What is counted, once. */
  readonly counter: CounterName | undefined;
}

/** An answer of our own, alone and whole, and the end of the connection. */
function ownAnswer(status: number, code: string): string {
  return `HTTP/1\\.1 ${status} [^\\r]+\\r\\nConnection: close\\r\\nDate: [^\\r]+ GMT\\r\\nContent-Type: application/json\\r\\nContent-Length: \\d+\\r\\n[^]*?\\r\\n\\r\\n\\{"error":"${code}","message":"[^"]*"\\}\\n$`;
}

const STATUS = {
  MEERCAT_BAD_REQUEST: 400,
  MEERCAT_METHOD_NOT_ALLOWED: 405,
  MEERCAT_BODY_TOO_LARGE: 413,
  MEERCAT_URL_TOO_LONG: 414,
  MEERCAT_EXPECTATION_FAILED: 417,
  MEERCAT_HEAD_TOO_LARGE: 431,
  MEERCAT_METHOD_UNKNOWN: 501,
} as const;

type Code = keyof typeof STATUS;

/** Refused before any host sees a byte. */
export function refused(
  name: string,
  bytes: string | readonly string[],
  counter: CounterName,
  code: Code = 'MEERCAT_BAD_REQUEST',
): ClientInput {
  return {
    name,
    pieces: [bytes].flat() as string[],
    gets: new RegExp(`^${ownAnswer(STATUS[code], code)}`),
    sees: [],
    isCutOff: false,
    counter,
  };
}

/** A body that turns out wrong: refused, and no host sees a whole request. The head may have been handed on. */
export function cutOff(
  name: string,
  bytes: string | readonly string[],
  counter: CounterName,
  code: Code = 'MEERCAT_BAD_REQUEST',
): ClientInput {
  const gets = new RegExp(`^HTTP/1\\.1 ${STATUS[code]} [^]*?\\r\\n\\r\\n\\{"error":"${code}","message":"[^"]*"\\}\\n$`);
  return { name, pieces: [bytes].flat() as string[], gets, sees: [], isCutOff: true, counter };
}

/** Answered by the host; the last request asks for the connection's end. */
export function passed(
  name: string,
  bytes: string | readonly string[],
  sees: string | readonly string[],
  gets: RegExp = /^HTTP\/1\.1 200 OK\r\n[^]*>$/,
): ClientInput {
  return { name, pieces: [bytes].flat() as string[], gets, sees: [sees].flat() as string[], isCutOff: false, counter: undefined };
}

/** Good ones first, which are answered, and then one that is refused. */
export function passedThenRefused(
  name: string,
  bytes: string | readonly string[],
  sees: readonly string[],
  counter: CounterName,
  code: Code = 'MEERCAT_BAD_REQUEST',
): ClientInput {
  const gets = new RegExp(`^(?:HTTP/1\\.1 200 OK\\r\\n(?:[^\\r]+\\r\\n)*\\r\\n<[^>]*>){${sees.length}}${ownAnswer(STATUS[code], code)}`);
  return { name, pieces: [bytes].flat() as string[], gets, sees, isCutOff: false, counter };
}

/** A GET with these header lines after Host. */
export function get(...lines: readonly string[]): string {
  return ['GET / HTTP/1.1', 'Host: x', ...lines, '', ''].join('\r\n');
}

/** A POST with these header lines after Host, and this body. */
export function post(body: string, ...lines: readonly string[]): string {
  return ['POST / HTTP/1.1', 'Host: x', ...lines, '', body].join('\r\n');
}

/** A whole text cut at these marks. */
export function cut(text: string, mark = '|'): readonly string[] {
  return text.split(mark);
}
