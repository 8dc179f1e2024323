// Answers that no host gives, composed once: those that a route or a pool of the site has, redirects, and our own 502,
// 503 and 504 with a body of the pool's. Only Date, Connection and Location differ from one request to the next.

import { STATUS_CODES } from 'node:http';
import type { Maintenance } from '../../model.js';
import { latin1Of } from '../../routing/target-tokens.js';
import type { FixedAnswer, SitePool } from '../../site-model.js';
import { type AnswerCode, ANSWERS, type LimitCode, ownBodyOf } from './answers.js';
import { CLOSED, dateLine, KEPT } from './connection-lines.js';
import type { HeaderEdit } from './header-edit.js';
import { linesOf } from './headers.js';

/** An answer that is ready to be sent, in latin1. */
export interface PreparedAnswer {
  readonly status: number;
  /** Why there is no answer of a host; empty if the site wants it so. */
  readonly code: AnswerCode | '';
  readonly statusLine: string;
  /** The header lines except Date, Connection and Location. */
  readonly lines: string;
  readonly body: string;
}

/** Statuses of answers that have no content, and must not announce any (RFC 9110, sections 15.3.5 and 15.4.5). */
const WITHOUT_CONTENT: ReadonlySet<number> = new Set([204, 304]);

/** Prepares an answer of the site. @param edit the route's changes to answers */
export function prepareFixed({ status, body, type }: FixedAnswer, edit?: HeaderEdit): PreparedAnswer {
  const hasContent = !WITHOUT_CONTENT.has(status);
  return prepare(status, '', status === 205 || !hasContent ? '' : body, hasContent ? ['Content-Type', type] : [], hasContent, edit);
}

/** Prepares a redirect, whose location comes with each request. */
export function prepareRedirect(status: number, edit?: HeaderEdit): PreparedAnswer {
  return prepare(status, '', '', [], true, edit);
}

/** When clients may come back to a pool in maintenance, in seconds: an operator ends it, who works in minutes. */
const MAINTENANCE_RETRY_S = 60;

/** Prepares what a pool in maintenance answers. @param bodies of the pool, for answers of our own */
export function prepareMaintenance({ status, body, type }: Maintenance, bodies: SitePool['answers']): PreparedAnswer {
  const own = { body: ownBodyOf('MEERCAT_MAINTENANCE'), type: 'application/json' };
  const given = body === null ? ((status === 503 ? bodies['503'] : undefined) ?? own) : { body, type };
  const hasContent = !WITHOUT_CONTENT.has(status);
  const headers = [...(hasContent ? ['Content-Type', given.type] : []), 'Cache-Control', 'no-store'];
  if (status === 503) headers.push('Retry-After', String(MAINTENANCE_RETRY_S));
  return prepare(status, 'MEERCAT_MAINTENANCE', status === 205 || !hasContent ? '' : given.body, headers, hasContent, undefined);
}

/** Prepares one of our own answers with a body of the site. */
function prepareOwn(code: AnswerCode, { body, type }: Omit<FixedAnswer, 'status'>): PreparedAnswer {
  const { status } = ANSWERS[code];
  const headers = ['Content-Type', type, 'Cache-Control', 'no-store'];
  if (status === 503) headers.push('Retry-After', '1');
  return prepare(status, code, body, headers, true, undefined);
}

/** Prepares the answer to a request that is refused by a limit of the fleet. @param fields what they say of it */
export function prepareLimited(code: LimitCode, fields: readonly string[]): PreparedAnswer {
  const { status, message } = ANSWERS[code];
  const headers = ['Content-Type', 'application/json', 'Cache-Control', 'no-store', ...fields];
  return prepare(status, code, `${JSON.stringify({ error: code, message })}\n`, headers, true, undefined);
}

/** Our own answers with a body of the site, by code. */
export type OwnBodies = ReadonlyMap<AnswerCode, PreparedAnswer>;

/** Prepares the answers of a pool: each of our codes whose status has a body there. */
export function prepareOwnBodies(bodies: SitePool['answers']): OwnBodies {
  const prepared = new Map<AnswerCode, PreparedAnswer>();
  for (const code of Object.keys(ANSWERS) as AnswerCode[]) {
    const body = bodies[String(ANSWERS[code].status) as keyof SitePool['answers']];
    if (body !== undefined) prepared.set(code, prepareOwn(code, body));
  }
  return prepared;
}

function prepare(
  status: number,
  code: AnswerCode | '',
  body: string,
  headers: readonly string[],
  hasLength: boolean,
  edit: HeaderEdit | undefined,
): PreparedAnswer {
  const bytes = latin1Of(body);
  const edited = edit === undefined ? headers : edit.change(headers);
  const length = hasLength ? ['Content-Length', String(bytes.length)] : [];
  const lines = linesOf([...edited, ...length]);
  return { status, code, statusLine: `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, lines, body: bytes };
}

/** An answer as a client gets it, in latin1. @param ownLines for this answer alone @param location of a redirect; ASCII */
export function preparedText(answer: PreparedAnswer, isHead: boolean, isKept: boolean, ownLines: string, location?: string): string {
  const { statusLine, lines, body } = answer;
  const to = location === undefined ? '' : `\r\nLocation: ${location}`;
  return `${statusLine}${isKept ? KEPT : CLOSED}${dateLine()}${lines}${to}${ownLines}\r\n\r\n${isHead ? '' : body}`;
}
