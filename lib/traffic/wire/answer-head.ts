// The head of an answer as a client gets it: the host's lines without its hop-by-hop headers, plus those of the
// client's own connection.

import { CLOSED, dateLine, KEPT } from './connection-lines.js';
import type { HeaderEdit } from './header-edit.js';
import { linesOf, responseHeaders } from './headers.js';
import type { ResponseHead } from './response-head.js';

/** How an answer is framed on the client's connection. */
export interface AnswerRules {
  /** Of the client's request. */
  readonly minorVersion: 0 | 1;
  /** Whether the body goes out chunked. */
  readonly isChunked: boolean;
  /** Whether the connection is kept after the answer. */
  readonly isKept: boolean;
  /** The route's changes; undefined: none. */
  readonly edit?: HeaderEdit | undefined;
  /** The value of a Set-Cookie field for this client alone, which the route does not change; undefined: none. */
  readonly setCookie?: string | undefined;
  /** Lines for this answer alone; left out: none. */
  readonly ownLines?: string;
}

/** A final head, in latin1. */
export function answerHead(head: ResponseHead, { minorVersion, isChunked, isKept, edit, setCookie, ownLines = '' }: AnswerRules): string {
  // A host's repeated head is the same object, and its lines need not be composed again.
  const isComposed = minorVersion === 1 && head.passed !== undefined && head.passedWith === edit;
  const lines = isComposed ? head.passed : passedLines(head, minorVersion === 1, edit);
  if (minorVersion === 1) {
    head.passed = lines;
    head.passedWith = edit;
  }
  // Not among the lines that are kept for the next client.
  const cookie = setCookie === undefined ? '' : `\r\nSet-Cookie: ${setCookie}`;
  // A recipient adds a Date when it forwards an answer without one (RFC 9110, section 6.6.1).
  return `${lines}${cookie}${ownLines}${head.isEmptyUnsaid ? '\r\nContent-Length: 0' : ''}${head.hasDate ? '' : dateLine()}${isChunked ? '\r\nTransfer-Encoding: chunked' : ''}${isKept ? KEPT : CLOSED}\r\n\r\n`;
}

function passedLines(head: ResponseHead, passesTrailers: boolean, edit: HeaderEdit | undefined): string {
  const headers = responseHeaders(head, passesTrailers);
  return `HTTP/1.1 ${head.status} ${head.reason}${linesOf(edit === undefined ? headers : edit.change(headers))}`;
}

/** An informational head (1xx), in latin1. */
export function informationalHead(head: ResponseHead): string {
  return `HTTP/1.1 ${head.status} ${head.reason}${linesOf(responseHeaders(head, false))}\r\n\r\n`;
}
