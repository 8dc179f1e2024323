// Wire format of `meercat why` questions and answers. Both are untrusted: a question ends up in a key name and in a
// traffic thread, an answer on a terminal.

import { isIP } from 'node:net';
import {
  type AskedRequest,
  type ExplainedPick,
  type Explanation,
  type Failure,
  type LookedAt,
  type PickEnd,
  type PickedBy,
  PICKED_BY,
  type Unexplained,
  type WhyAnswer,
  type WhyQuestion,
} from '../explanation.js';
import { type Look, LOOKS } from '../model.js';
import { isRequestId } from '../request-id.js';
import { type Decoded, decodeFields, type Fields, isCount, isFields, MESSAGE_VERSION, numberWithin, rejected } from './decode.js';
import { isHostId, isPoolName } from './names.js';
import { checkRoute, listOf } from './why-route.js';

/** A question, with the token that identifies its answer. */
export type WhyAsked = { readonly token: string } & WhyQuestion;

/** Longest target, Host and header fields in a question together: escaped in JSON to twice their length, they still fit in an event. */
export const MAX_ASKED_TARGET = 1500;

/** Maximum header fields in a question. */
export const MAX_ASKED_HEADERS = 16;

const TOKEN = /^[0-9a-f]{16,32}$/;
const METHOD = /^[A-Z][A-Z-]{0,31}$/;
const TARGET = /^\/[!-~]*$/;
const HOST = /^[!-~]{1,255}$/;
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;
const HEADER_VALUE = /^(?:[!-~](?:[ -~]*[!-~])?)?$/;

/** Whether this is a valid method for a dry run. */
export function isAskedMethod(value: unknown): value is string {
  return typeof value === 'string' && METHOD.test(value);
}

/** Whether this is a valid target for a dry run: a path with an optional query, in printable ASCII. */
export function isAskedTarget(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_ASKED_TARGET && TARGET.test(value);
}

/** Whether this is a valid Host header for a dry run, in printable ASCII; a balancer may still refuse it. */
export function isAskedHost(value: unknown): value is string {
  return typeof value === 'string' && HOST.test(value);
}

/** Whether these are valid header fields for a dry run: name, value, name, value, … in printable ASCII, without a Host. */
export function areAskedHeaders(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length % 2 === 0 &&
    value.length <= 2 * MAX_ASKED_HEADERS &&
    value.every((each, i) => typeof each === 'string' && (i % 2 === 0 ? HEADER_NAME : HEADER_VALUE).test(each)) &&
    value.every((each, i) => i % 2 === 1 || each.toLowerCase() !== 'host')
  );
}

/** Whether this is the address of a client. */
export function isAskedClient(value: unknown): value is string {
  return typeof value === 'string' && value.length <= 64 && isIP(value) !== 0 && !value.includes('%');
}

/** Whether the texts of a dry run fit into an event together. */
export function isAskedShort({ target, host = '', headers = [] }: AskedRequest): boolean {
  return target.length + host.length + headers.join('').length <= MAX_ASKED_TARGET;
}

/** Validates a question from an event and copies only the validated fields; null if invalid. */
export function checkAsked(value: unknown): WhyAsked | null {
  if (!isFields(value)) return null;
  const { token, id, method, target, host, scheme, headers, client } = value;
  if (typeof token !== 'string' || !TOKEN.test(token)) return null;
  if (id !== undefined) return isRequestId(id) ? { token, id } : null;
  if (!isAskedMethod(method) || !isAskedTarget(target)) return null;
  if (host !== undefined && !isAskedHost(host)) return null;
  if (scheme !== undefined && scheme !== 'https') return null;
  if (headers !== undefined && !areAskedHeaders(headers)) return null;
  if (client !== undefined && !isAskedClient(client)) return null;
  const asked: AskedRequest = {
    method,
    target,
    ...(host !== undefined && { host }),
    ...(scheme !== undefined && { scheme }),
    ...(headers !== undefined && { headers }),
    ...(client !== undefined && { client }),
  };
  return isAskedShort(asked) ? { token, ...asked } : null;
}

/** Encodes an answer, for storing in Redis for some seconds. */
export function encodeAnswer(answer: WhyAnswer): string {
  return JSON.stringify({ v: MESSAGE_VERSION, ...answer });
}

const MAX_ANSWER = 1 << 17;
const MAX_LISTED = 64;
const UNEXPLAINED: ReadonlySet<unknown> = new Set<Unexplained>(['unpicked', 'forgotten', 'unknown']);
const ENDS: ReadonlySet<unknown> = new Set<PickEnd>(['taken', 'full', 'avoided', 'gone', 'none']);

/** Decodes an answer. Every text in it is a known keyword, a name, a time or printable ASCII. */
export function decodeAnswer(text: unknown): Decoded<WhyAnswer> {
  const decoded = decodeFields(text, MAX_ANSWER);
  if (!decoded.ok) return decoded;
  const { status, explanation } = decoded.value;
  if (UNEXPLAINED.has(status)) return { ok: true, value: { status: status as Unexplained } };
  if (status !== 'explained' || !isFields(explanation)) return rejected('malformed');
  const checked = explanationOf(explanation);
  return checked === null ? rejected('malformed') : { ok: true, value: { status, explanation: checked } };
}

function explanationOf({ id, at, className, costMs, isCostKnown, picks, code = '', failures = [], ...site }: Fields): Explanation | null {
  if (id !== null && !isRequestId(id)) return null;
  if (typeof at !== 'string' || !/^\d{4}-\d\d-\d\dT[\d:.]{8,12}Z$/.test(at)) return null;
  if (typeof className !== 'string' || !/^[ -~]{0,256}$/.test(className)) return null;
  const cost = figure(costMs);
  if (typeof cost !== 'number' || typeof isCostKnown !== 'boolean') return null;
  if (typeof code !== 'string' || !/^[A-Z_]{0,64}$/.test(code)) return null;
  // A balancer of an older version knows no sites.
  const { route = null, pool = '', answered = 0 } = site;
  const checked = isFields(route) ? checkRoute(route) : null;
  if (route !== null && checked === null) return null;
  if (pool !== '' && !isPoolName(pool)) return null;
  if (!isCount(answered) || answered > 999) return null;
  const list = listOf(picks, MAX_LISTED, pickOf);
  const wrong = listOf(failures, MAX_LISTED, failureOf);
  if (list === null || wrong === null) return null;
  return {
    id,
    at,
    className,
    costMs: cost,
    isCostKnown,
    route: checked,
    pool: pool as string,
    answered,
    picks: list,
    code,
    failures: wrong,
  };
}

function failureOf({ attempt, host, outcome, reason }: Fields): Failure | null {
  const number = figure(attempt);
  if (typeof number !== 'number' || !isHostIdOrNull(host)) return null;
  if (typeof outcome !== 'string' || !/^[a-z-]{1,32}$/.test(outcome)) return null;
  if (typeof reason !== 'string' || !/^[ -~]{0,256}$/.test(reason)) return null;
  return { attempt: number, host, outcome, reason };
}

function pickOf({ algorithm, isPanic, isTableOld, excluded, loadsAgeMs, looked, picked, end, ...more }: Fields): ExplainedPick | null {
  const numbers = {
    attempt: figure(more.attempt),
    candidates: figure(more.candidates),
    unlisted: figure(more.unlisted),
    assumedCapacity: figure(more.assumedCapacity),
    assumedSpeed: figure(more.assumedSpeed),
  };
  const age = figure(loadsAgeMs);
  if (!areNumbers(numbers) || age === undefined || typeof isPanic !== 'boolean' || typeof isTableOld !== 'boolean') return null;
  if (!PICKED_BY.includes(algorithm as PickedBy) || !ENDS.has(end)) return null;
  if (!isHostIdOrNull(excluded) || !isHostIdOrNull(picked)) return null;
  const list = listOf(looked, MAX_LISTED, lookedOf);
  return list === null
    ? null
    : {
        ...numbers,
        algorithm: algorithm as PickedBy,
        isPanic,
        isTableOld,
        excluded,
        loadsAgeMs: age,
        looked: list,
        picked,
        end: end as PickEnd,
      };
}

function lookedOf({ host, look, score, capacity, speed, usage, reportAgeMs, ...more }: Fields): LookedAt | null {
  const numbers = {
    inflight: figure(more.inflight),
    work: figure(more.work),
    othersInflight: figure(more.othersInflight),
    othersWork: figure(more.othersWork),
    failing: figure(more.failing),
  };
  const known = {
    score: figure(score),
    capacity: figure(capacity),
    speed: figure(speed),
    usage: figure(usage),
    reportAgeMs: figure(reportAgeMs),
  };
  if (!areNumbers(numbers) || !areKnown(known) || !isHostIdOrNull(host) || !LOOKS.includes(look as Look)) return null;
  return { host, look: look as Look, ...numbers, ...known };
}

/** A number; null if unknown; undefined if invalid. */
function figure(value: unknown): number | null | undefined {
  return numberWithin(value, -1e15, 1e15);
}

function areNumbers<Name extends string>(figures: Record<Name, number | null | undefined>): figures is Record<Name, number> {
  return Object.values(figures).every((value) => typeof value === 'number');
}

function areKnown<Name extends string>(figures: Record<Name, number | null | undefined>): figures is Record<Name, number | null> {
  return Object.values(figures).every((value) => value !== undefined);
}

function isHostIdOrNull(value: unknown): value is string | null {
  return value === null || isHostId(value);
}
